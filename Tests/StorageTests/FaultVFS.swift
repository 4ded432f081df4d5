import CSQLite
import Foundation
import Synchronization

/// A layer below SQLite that misbehaves on command.
///
/// It passes every call on to the platform's own VFS, and on the way can fail a write or a sync, either instead of doing
/// it ("lost") or after doing it ("kept"). It also remembers which writes have not been synced, so that a test can
/// compute what a power cut leaves: everything that was synced, and any part of the rest.
enum FaultVFS {
  /// What goes wrong, once.
  enum Fault: Sendable, Hashable {
    /// The n-th write or sync (0 is the next) fails; `kept` says whether it was carried out nevertheless.
    case write(number: Int, kept: Bool)
    case sync(number: Int, kept: Bool)
  }

  /// One write that was not synced yet.
  struct PendingWrite: Sendable {
    let path: String
    let offset: Int
    let bytes: [UInt8]
  }

  private struct World: Sendable {
    var faults: [String: Fault] = [:]
    var pending: [PendingWrite] = []
    /// The contents of every file as of its last sync.
    var synced: [String: [UInt8]] = [:]
  }

  static let name = "fault"
  // SQLITE_IOERR_WRITE and SQLITE_IOERR_FSYNC, macros that Swift does not import.
  private static let failedWrite = SQLITE_IOERR | 3 << 8
  private static let failedSync = SQLITE_IOERR | 4 << 8
  private static let world = Mutex(World())

  /// Registers the VFS; later calls do nothing.
  static let register: Void = {
    guard let platform = sqlite3_vfs_find(nil) else { return }
    let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    layer.initialize(to: platform.pointee)
    layer.pointee.pNext = nil
    layer.pointee.zName = UnsafePointer(strdup(name))
    layer.pointee.szOsFile = Int32(headerBytes) + platform.pointee.szOsFile
    layer.pointee.pAppData = UnsafeMutableRawPointer(platform)
    layer.pointee.xOpen = open
    sqlite3_vfs_register(layer, 0)
  }()

  /// Arms a fault for the files below `directory`.
  static func arm(_ fault: Fault, in directory: String) { world.withLock { $0.faults[directory] = fault } }

  /// Forgets everything about the files below `directory`; true when the armed fault has not struck.
  @discardableResult
  static func disarm(_ directory: String) -> Bool {
    world.withLock { world in
      world.pending.removeAll { $0.path.hasPrefix(directory) }
      world.synced = world.synced.filter { !$0.key.hasPrefix(directory) }
      return world.faults.removeValue(forKey: directory) != nil
    }
  }

  /// What a power cut at this moment leaves of each database file, when of the unsynced writes only those survive that
  /// `survives` picks, in any order of the disk's choosing: a lost write may lie between two that survived.
  static func powerCut(_ directory: String, survives: (Int) -> Bool) -> [String: [UInt8]] {
    world.withLock { world in
      var files = world.synced.filter { $0.key.hasPrefix(directory) }
      for (number, write) in world.pending.enumerated() where write.path.hasPrefix(directory) && survives(number) {
        var bytes = files[write.path] ?? []
        let end = write.offset + write.bytes.count
        if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
        bytes.replaceSubrange(write.offset..<end, with: write.bytes)
        files[write.path] = bytes
      }
      return files
    }
  }

  /// How many writes below `directory` are not synced.
  static func pendingCount(_ directory: String) -> Int {
    world.withLock { $0.pending.count { $0.path.hasPrefix(directory) } }
  }

  // MARK: - The layer

  /// Before the platform's file object lie SQLite's method table and our own record.
  private struct Header {
    var base: sqlite3_file
    var path: Unmanaged<Path>?
  }
  private final class Path {
    let text: String
    init(_ text: String) { self.text = text }
  }
  private static let headerBytes = (MemoryLayout<Header>.stride + 15) / 16 * 16

  private static func header(_ file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<Header> {
    UnsafeMutableRawPointer(file).assumingMemoryBound(to: Header.self)
  }
  private static func inner(_ file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<sqlite3_file> {
    (UnsafeMutableRawPointer(file) + headerBytes).assumingMemoryBound(to: sqlite3_file.self)
  }
  private static func methods(_ file: UnsafeMutablePointer<sqlite3_file>) -> sqlite3_io_methods {
    inner(file).pointee.pMethods.pointee
  }
  private static func path(_ file: UnsafeMutablePointer<sqlite3_file>) -> String {
    header(file).pointee.path?.takeUnretainedValue().text ?? ""
  }

  private static let open:
    @convention(c) (
      UnsafeMutablePointer<sqlite3_vfs>?, UnsafePointer<CChar>?, UnsafeMutablePointer<sqlite3_file>?, Int32,
      UnsafeMutablePointer<Int32>?
    ) -> Int32 = { vfs, name, file, flags, outFlags in
      guard let vfs, let file, let platform = vfs.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self) else {
        return SQLITE_ERROR
      }
      header(file).initialize(to: Header(base: sqlite3_file(pMethods: nil), path: nil))
      let status = platform.pointee.xOpen(platform, name, inner(file), flags, outFlags)
      guard status == SQLITE_OK else { return status }
      let path = name.map { String(cString: $0) } ?? ""
      header(file).pointee.path = Unmanaged.passRetained(Path(path))
      header(file).pointee.base.pMethods = UnsafePointer(table)
      world.withLock { world in
        if world.synced[path] == nil {
          world.synced[path] = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
        }
      }
      return SQLITE_OK
    }

  private nonisolated(unsafe) static let table: UnsafeMutablePointer<sqlite3_io_methods> = {
    let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    var methods = sqlite3_io_methods()
    methods.iVersion = 2
    methods.xClose = { file in
      guard let file else { return SQLITE_ERROR }
      let status = FaultVFS.methods(file).xClose(FaultVFS.inner(file))
      FaultVFS.header(file).pointee.path?.release()
      FaultVFS.header(file).pointee.path = nil
      return status
    }
    methods.xRead = { file, buffer, count, offset in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xRead(FaultVFS.inner(file), buffer, count, offset)
    }
    methods.xWrite = { file, buffer, count, offset in
      guard let file, let buffer else { return SQLITE_ERROR }
      return FaultVFS.write(file, UnsafeRawBufferPointer(start: buffer, count: Int(count)), offset)
    }
    methods.xTruncate = { file, size in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xTruncate(FaultVFS.inner(file), size)
    }
    methods.xSync = { file, flags in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.sync(file, flags)
    }
    methods.xFileSize = { file, size in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xFileSize(FaultVFS.inner(file), size)
    }
    methods.xLock = { file, level in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xLock(FaultVFS.inner(file), level)
    }
    methods.xUnlock = { file, level in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xUnlock(FaultVFS.inner(file), level)
    }
    methods.xCheckReservedLock = { file, result in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xCheckReservedLock(FaultVFS.inner(file), result)
    }
    methods.xFileControl = { file, operation, argument in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xFileControl(FaultVFS.inner(file), operation, argument)
    }
    methods.xSectorSize = { file in
      guard let file else { return 512 }
      return FaultVFS.methods(file).xSectorSize(FaultVFS.inner(file))
    }
    // No promises about how the disk behaves: SQLite must do with what any disk gives.
    methods.xDeviceCharacteristics = { _ in 0 }
    methods.xShmMap = { file, page, size, extend, result in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xShmMap(FaultVFS.inner(file), page, size, extend, result)
    }
    methods.xShmLock = { file, offset, count, flags in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xShmLock(FaultVFS.inner(file), offset, count, flags)
    }
    methods.xShmBarrier = { file in
      guard let file else { return }
      FaultVFS.methods(file).xShmBarrier(FaultVFS.inner(file))
    }
    methods.xShmUnmap = { file, delete in
      guard let file else { return SQLITE_ERROR }
      return FaultVFS.methods(file).xShmUnmap(FaultVFS.inner(file), delete)
    }
    table.initialize(to: methods)
    return table
  }()

  /// The armed fault if it strikes now.
  private static func strike(_ path: String, _ advance: (Fault) -> (strikes: Bool, kept: Bool, next: Fault)?) -> Bool? {
    world.withLock { world in
      for (directory, fault) in world.faults where path.hasPrefix(directory) {
        guard let outcome = advance(fault) else { continue }
        if outcome.strikes {
          world.faults[directory] = nil
          return outcome.kept
        }
        world.faults[directory] = outcome.next
      }
      return nil
    }
  }

  private static func write(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ bytes: UnsafeRawBufferPointer, _ offset: sqlite3_int64
  ) -> Int32 {
    let path = path(file)
    let kept = strike(path) { fault in
      guard case .write(let number, let kept) = fault else { return nil }
      return (number == 0, kept, .write(number: number - 1, kept: kept))
    }
    if kept == false { return failedWrite }
    let status = methods(file).xWrite(inner(file), bytes.baseAddress, Int32(bytes.count), offset)
    world.withLock { $0.pending.append(PendingWrite(path: path, offset: Int(offset), bytes: [UInt8](bytes))) }
    return kept == true ? failedWrite : status
  }

  private static func sync(_ file: UnsafeMutablePointer<sqlite3_file>, _ flags: Int32) -> Int32 {
    let path = path(file)
    let kept = strike(path) { fault in
      guard case .sync(let number, let kept) = fault else { return nil }
      return (number == 0, kept, .sync(number: number - 1, kept: kept))
    }
    if kept == false { return failedSync }
    // No real sync: the power is cut in this program only. What was written is as good as on the disk from here on.
    world.withLock { world in
      world.pending.removeAll { $0.path == path }
      world.synced[path] = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
    }
    return kept == true ? failedSync : SQLITE_OK
  }
}
