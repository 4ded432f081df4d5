import CanonicalJSON
import Glibc

/// The file in which a keeper writes what its snapshots held when they were taken: outside the snapshots, replaced as a
/// whole and durably, so that a crash leaves the old one or the new.
struct SnapshotIndex: Sendable {
  static let limit = 1024
  private static let maxBytes = 1 << 20

  private(set) var records: [SnapshotRecord] = []
  /// Being taken: if it is found at the start of an operation, the machine stopped meanwhile and nobody was told of it.
  private(set) var pending: SnapshotLabel?

  subscript(label: SnapshotLabel) -> SnapshotRecord? { records.first { $0.label == label } }

  mutating func begin(_ label: SnapshotLabel) { pending = label }

  mutating func giveUp() { pending = nil }

  mutating func add(_ record: SnapshotRecord) {
    pending = nil
    records.append(record)
  }

  mutating func remove(_ label: SnapshotLabel) { records.removeAll { $0.label == label } }

  mutating func pin(_ label: SnapshotLabel, _ isPinned: Bool) {
    for index in records.indices where records[index].label == label { records[index].isPinned = isPinned }
  }

  // MARK: the file

  /// An empty index when there is no file yet.
  static func read(_ name: String, in directory: OpenDirectory, scope: String) throws(SnapshotFault) -> SnapshotIndex {
    let path = "\(directory.path)/\(name)"
    let file = openat(directory.descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else {
      if errno == ENOENT { return SnapshotIndex() }
      throw .last("openat", path)
    }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: maxBytes + 1)
    var count = 0
    while count <= maxBytes {
      let read = bytes.withUnsafeMutableBytes {
        Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      guard read >= 0 else { throw .last("read", path) }
      if read == 0 { break }
      count += read
    }
    do { return try SnapshotIndex(parsing: Array(bytes[..<count]), scope: scope) } catch {
      throw .badIndex(path: path, reason: "\(error)")
    }
  }

  private init() {}

  private init(parsing bytes: [UInt8], scope: String) throws {
    let json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, integersOnly: true))
    var reader = try ObjectReader(json)
    _ = try reader.integer("version", in: 1...1)
    let found = try reader.string("scope")
    // Digests of another tree would let a wrong snapshot pass for the right one.
    guard found == scope else { throw FieldError(field: "scope", expected: scope, actual: found) }
    if json["taking"] != nil { pending = try reader.label("taking") }
    for (index, element) in try reader.array("snapshots", maxCount: Self.limit).enumerated() {
      let record = try SnapshotRecord(element, path: "snapshots[\(index)]")
      guard self[record.label] == nil else {
        throw FieldError(field: "snapshots[\(index)].name", expected: "a new name", actual: record.label.text)
      }
      records.append(record)
    }
    try reader.finish()
  }

  func write(_ name: String, in directory: OpenDirectory, scope: String) throws(SnapshotFault) {
    var object: JSONObject = [
      "version": 1, "scope": .string(scope), "snapshots": .array(records.map(\.json)),
    ]
    object["taking"] = pending.map { .string($0.text) }
    let bytes = JSON.object(object).canonicalBytes()
    let temporary = ".\(name).new"
    let path = "\(directory.path)/\(temporary)"
    // One keeper at a time: what is there under this name is of one that was interrupted.
    let file = openat(
      directory.descriptor, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw .last("openat", path) }
    defer { close(file) }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      guard count > 0 else { throw .last("write", path) }
      done += count
    }
    guard fsync(file) == 0 else { throw .last("fsync", path) }
    guard renameat(directory.descriptor, temporary, directory.descriptor, name) == 0 else {
      throw .last("renameat", path)
    }
    try directory.sync()
  }
}
