import Cryptography
import Synchronization

/// Encrypted payloads beside the log: written once, named by their digest, erasable one by one.
///
/// Entries cite a blob by `BlobID` and carry salted commitments to what it says; the blob holds the words. Erasing it
/// leaves every proof valid. Layout below the store's directory, with the formats in `BlobCipher`:
///
///     ab/cd/abcd...  the file, mode 0400, named by the hexadecimal SHA-256 of its bytes
///     blob-keys.sqlite  a random key for each blob, wrapped by its community's key
///     lock  the process lock
///
/// To erase is to delete the wrapped key, durably and overwritten, and then the file. Limits: 64 MiB for each blob,
/// community names of 1-128 bytes without control characters. Calls block while the disk works.
public final class BlobStore: Sendable {
  /// The largest plaintext, in bytes.
  public static let maximumBytes = 64 << 20

  /// Why a blob was not stored or not returned.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case closed
    case tooLarge(bytes: Int, limit: Int)
    case invalidCommunity(String)
    /// Erased, or never stored by this community.
    case absent(BlobID)
    /// The key is there but the file is not.
    case fileMissing(BlobID)
    /// The file's digest is not its name.
    case corrupt(BlobID, actual: SHA256Digest)
    case unknownFormat(BlobID)
    /// The file or its key was sealed with other keys, for another community, or tampered with.
    case doesNotOpen(BlobID)

    public var description: String {
      switch self {
      case .closed: "the blob store is closed"
      case .tooLarge(let bytes, let limit): "a blob of \(bytes) bytes is over the limit of \(limit)"
      case .invalidCommunity(let name): "\"\(name)\" is not a community name: 1-128 bytes, no control characters"
      case .absent(let id): "no blob \(id)"
      case .fileMissing(let id): "the file of blob \(id) is missing"
      case .corrupt(let id, let actual): "blob \(id) is corrupt: its file hashes to \(actual)"
      case .unknownFormat(let id): "blob \(id) has a format that this program does not read"
      case .doesNotOpen(let id): "blob \(id) does not open with this key"
      }
    }
  }

  /// What lies in the directory without being of use.
  public struct Garbage: Sendable, Hashable {
    /// Files without any key: erased, or written by a process that died before it stored the key.
    public var files: [BlobID] = []
    /// Temporary files of processes that died, as paths below the store's directory.
    public var temporaryFiles: [String] = []
  }

  private let root: Directory
  private let lock: ProcessLock
  private let master: SecretBytes
  private let keys: Mutex<BlobKeys>
  private let isClosed = Mutex(false)

  /// Opens the store in the directory `path`, making it when it is absent.
  ///
  /// - Parameter master: The secret from which every community's wrapping key is derived, at least 32 bytes.
  /// - Throws: `ProcessLock.Failure.held` when another process has it.
  public init(path: String, master: SecretBytes) throws {
    guard master.count >= 32 else {
      throw CryptographyError.wrongLength(of: "blob master key", expected: "at least 32", actual: master.count)
    }
    root = try Directory.make(path)
    lock = try ProcessLock(root)
    self.master = master
    keys = Mutex(BlobKeys(table: try BlobKeyTable(in: root)))
    try root.sync()
  }

  /// Gives the directory free. What is asked for afterwards throws.
  public func close() {
    isClosed.withLock { $0 = true }
    lock.release()
  }

  /// Stores a blob durably and returns its name. Equal content stored twice gives two blobs.
  public func put(_ plaintext: [UInt8], community: String) throws -> BlobID {
    guard plaintext.count <= Self.maximumBytes else {
      throw Failure.tooLarge(bytes: plaintext.count, limit: Self.maximumBytes)
    }
    let (id, file, wrapped) = try cipher(community).seal(plaintext)
    // The file first: a crash before the key leaves a file that nobody can read, which the collector removes.
    try DurableFile.create(
      id.hex, in: directory(of: id), contents: file, temporarySuffix: Hex.encode(SecureRandom.bytes(8)))
    try keys.withLock { try $0.table.insert(id, community: community, wrapped: wrapped, size: plaintext.count) }
    return id
  }

  /// The plaintext, after the file's digest and the seals were checked.
  public func get(_ id: BlobID, community: String) throws -> [UInt8] {
    let cipher = try cipher(community)
    guard let wrapped = try keys.withLock({ try $0.table.wrapped(id, community: community) }) else {
      throw Failure.absent(id)
    }
    let limit = Self.maximumBytes + BlobCipher.overhead
    guard let directory = try existingDirectory(of: id),
      let file = try DurableFile.read(id.hex, in: directory, limit: limit)
    else { throw Failure.fileMissing(id) }
    let actual = SHA256.hash(file)
    guard actual == id.digest else { throw Failure.corrupt(id, actual: actual) }
    return try cipher.open(file, id: id, wrappedKey: wrapped)
  }

  /// Erases a blob: its key first, so that a crash in between leaves an unreadable file. False when it was not there.
  @discardableResult
  public func erase(_ id: BlobID, community: String) throws -> Bool {
    try checkCommunity(community)
    let (erased, isKnown) = try keys.withLock { keys in
      (try keys.table.erase(id, community: community), try keys.table.isKnown(id))
    }
    if !isKnown { try removeFile(id) }
    return erased
  }

  /// Erases everything that a community stored and says how many blobs that were.
  public func eraseAll(community: String) throws -> Int {
    try checkCommunity(community)
    let ids = try keys.withLock { try $0.table.list(community: community).map(\.id) }
    _ = try keys.withLock { try $0.table.eraseAll(community: community) }
    for id in ids { try removeFile(id) }
    return ids.count
  }

  /// The communities that have blobs and whose names begin with `prefix`, sorted.
  public func communities(beginning prefix: String) throws -> [String] {
    try checkCommunity(prefix)
    return try keys.withLock { try $0.table.communities(beginning: prefix) }
  }

  /// The community's blobs, sorted by name, with the sizes of their plaintexts in bytes.
  public func list(community: String) throws -> [(id: BlobID, size: Int)] {
    try checkCommunity(community)
    return try keys.withLock { try $0.table.list(community: community) }
  }

  /// The community's blobs that `isReferenced` says no entry cites any more. Erasing them is the caller's decision.
  public func unreferenced(community: String, isReferenced: (BlobID) throws -> Bool) throws -> [BlobID] {
    try list(community: community).map(\.id).filter { try !isReferenced($0) }
  }

  /// Walks the directory for what crashes left behind. Not to be called while a `put` runs: its file has no key yet.
  public func garbage() throws -> Garbage {
    var garbage = Garbage()
    for outer in try root.names() where outer.utf8.count == 2 {
      guard let outerDirectory = try root.subdirectory(outer) else { continue }
      for inner in try outerDirectory.names() where inner.utf8.count == 2 {
        guard let directory = try outerDirectory.subdirectory(inner) else { continue }
        for name in try directory.names() {
          if name.hasPrefix(DurableFile.temporaryPrefix) {
            garbage.temporaryFiles.append("\(outer)/\(inner)/\(name)")
          } else if let id = BlobID(hex: name), try !keys.withLock({ try $0.table.isKnown(id) }) {
            garbage.files.append(id)
          }
        }
      }
    }
    return garbage
  }

  /// Removes what `garbage` listed.
  public func collect(_ garbage: Garbage) throws {
    for id in garbage.files { try removeFile(id) }
    for path in garbage.temporaryFiles {
      let parts = path.split(separator: "/").map(String.init)
      guard parts.count == 3, parts[2].hasPrefix(DurableFile.temporaryPrefix),
        let directory = try root.subdirectory(parts[0])?.subdirectory(parts[1])
      else { continue }
      try directory.remove(parts[2])
    }
  }

  /// The table belongs to whoever holds the mutex.
  private struct BlobKeys: @unchecked Sendable {
    let table: BlobKeyTable
  }

  private func cipher(_ community: String) throws -> BlobCipher {
    try checkCommunity(community)
    return try BlobCipher(master: master, community: community)
  }

  private func checkCommunity(_ name: String) throws {
    guard !isClosed.withLock({ $0 }) else { throw Failure.closed }
    guard (1...128).contains(name.utf8.count), name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw Failure.invalidCommunity(name)
    }
  }

  /// The directory for a blob, made when it is absent.
  private func directory(of id: BlobID) throws -> Directory {
    let (outer, inner) = Self.fanOut(id)
    return try root.makeSubdirectory(outer).makeSubdirectory(inner)
  }

  private func existingDirectory(of id: BlobID) throws -> Directory? {
    let (outer, inner) = Self.fanOut(id)
    return try root.subdirectory(outer)?.subdirectory(inner)
  }

  private func removeFile(_ id: BlobID) throws {
    guard let directory = try existingDirectory(of: id) else { return }
    if try directory.remove(id.hex) { try directory.sync() }
  }

  private static func fanOut(_ id: BlobID) -> (String, String) {
    let bytes = id.digest.bytes
    return (Hex.encode([bytes[0]]), Hex.encode([bytes[1]]))
  }
}
