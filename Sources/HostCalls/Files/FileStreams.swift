import CanonicalJSON
import Cryptography
import Storage
import Synchronization

/// Named append-only lists of items, per community: what `Files.*` reads and writes.
///
/// An item's bytes are a blob of the community in the ``BlobStore``; the list of items is a durable index beside it
/// (`streams.sqlite`). The blob is stored first and the index row makes it an item, in one transaction with its number:
/// a crash in between leaves a blob that nothing cites, which ``isReferenced(_:community:)`` tells the collector. Calls
/// block while the disk works.
public final class FileStreams: Sendable {
  /// Bytes of one item.
  public static let maxItemBytes = 32 << 20
  /// Items of one stream.
  public static let maxItems: Int64 = 1_000_000
  public static let maxNameBytes = 256

  /// One item of a stream.
  public struct Item: Sendable, Hashable {
    /// 0 for the stream's first, then one more each.
    public var number: Int64
    public var name: String?
    /// SHA-256 of the bytes.
    public var digest: SHA256Digest
    public var bytes: Int64
    /// Unix milliseconds.
    public var at: Int64
    var blob: BlobID

    public var json: JSON {
      var object: JSONObject = [
        "item": .integer(number), "digest": .string(digest.hex), "bytes": .integer(bytes), "at": .integer(at),
      ]
      object["name"] = name.map(JSON.string)
      return .object(object)
    }
  }

  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    case streamName(String)
    case itemName(bytes: Int)
    case tooLarge(bytes: Int, limit: Int)
    case full(stream: String)
    case absent(stream: String, item: Int64?)
    case storage(String)

    public var description: String {
      switch self {
      case .streamName(let name):
        "\(JSON.string(name).summary) is not a stream name: 1-64 of a-z 0-9 - _ / . with no empty or dotted part"
      case .itemName(let bytes): "an item's name has 1-\(maxNameBytes) bytes without control characters, not \(bytes)"
      case .tooLarge(let bytes, let limit): "\(bytes) bytes are over the limit of \(limit) for an item"
      case .full(let stream): "the stream \(stream) holds \(maxItems) items and takes no more"
      case .absent(let stream, nil): "the stream \(stream) is empty"
      case .absent(let stream, let item?): "the stream \(stream) has no item \(item)"
      case .storage(let reason): reason
      }
    }
  }

  private let blobs: BlobStore
  private let index: Mutex<FileIndex>
  private let now: @Sendable () -> Int64

  /// Opens the index in the directory `path`, making both when they are absent.
  ///
  /// - Parameter now: Unix milliseconds, for the items' times.
  public init(path: String, blobs: BlobStore, now: @escaping @Sendable () -> Int64) throws {
    self.blobs = blobs
    self.now = now
    index = Mutex(FileIndex(connection: try FileIndex.open(in: try Directory.make(path))))
  }

  /// Appends an item and makes it durable. With a `key` (an action digest) a second append of the same key returns the
  /// first one's item and stores nothing.
  public func append(
    _ content: [UInt8], name: String? = nil, to stream: String, community: String, key: SHA256Digest? = nil
  ) throws(Failure) -> Item {
    try Self.check(stream: stream)
    if let name {
      guard Self.isItemName(name) else { throw .itemName(bytes: name.utf8.count) }
    }
    guard content.count <= Self.maxItemBytes else {
      throw .tooLarge(bytes: content.count, limit: Self.maxItemBytes)
    }
    if let key, let known = try item(key: key, community: community) { return known }
    let digest = SHA256.hash(content)
    let at = now()
    let appended = try Self.storing {
      let blob = try blobs.put(content, community: community)
      return try index.withLock {
        try $0.append(
          community: community, stream: stream, name: name, digest: digest, bytes: Int64(content.count), at: at,
          blob: blob, key: key)
      }
    }
    guard let appended else { throw .full(stream: stream) }
    return appended
  }

  /// The item that was appended under this key, if one was.
  public func item(key: SHA256Digest, community: String) throws(Failure) -> Item? {
    try Self.storing { try index.withLock { try $0.item(key: key, community: community) } }
  }

  /// At most `limit` items from number `first` on, in order.
  public func list(
    _ stream: String, community: String, from first: Int64 = 0, limit: Int
  ) throws(Failure) -> [Item] {
    try Self.check(stream: stream)
    return try Self.storing {
      try index.withLock { try $0.list(community: community, stream: stream, from: first, limit: limit) }
    }
  }

  /// An item and its bytes; the latest item for nil.
  public func read(
    _ stream: String, item number: Int64? = nil, community: String
  ) throws(Failure) -> (item: Item, content: [UInt8]) {
    try Self.check(stream: stream)
    let item = try Self.storing {
      try index.withLock { try $0.item(community: community, stream: stream, number: number) }
    }
    guard let item else { throw .absent(stream: stream, item: number) }
    return (item, try Self.storing { try blobs.get(item.blob, community: community) })
  }

  /// Erases an item's bytes and what the index says of it. Its number is not given again. False when it was not there.
  public func erase(_ stream: String, item number: Int64, community: String) throws(Failure) -> Bool {
    try Self.check(stream: stream)
    return try Self.storing {
      guard let item = try index.withLock({ try $0.item(community: community, stream: stream, number: number) }) else {
        return false
      }
      // The bytes first: a crash in between leaves an item that cannot be read, and the erasure can be repeated.
      _ = try blobs.erase(item.blob, community: community)
      try index.withLock { try $0.erase(community: community, stream: stream, number: number) }
      return true
    }
  }

  /// Whether an item cites the blob: for ``BlobStore/unreferenced(community:isReferenced:)``.
  public func isReferenced(_ blob: BlobID, community: String) throws(Failure) -> Bool {
    try Self.storing { try index.withLock { try $0.cites(blob, community: community) } }
  }

  /// Parts of `a-z 0-9 - _ .` separated by `/`; no empty part, none of dots only.
  static func check(stream: String) throws(Failure) {
    let parts = stream.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isGood = parts.allSatisfy { part in
      !part.isEmpty && !part.allSatisfy { $0 == UInt8(ascii: ".") }
        && part.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || "-_.".utf8.contains($0) }
    }
    guard stream.utf8.count <= 64, isGood else { throw .streamName(stream) }
  }

  static func isItemName(_ name: String) -> Bool {
    (1...maxNameBytes).contains(name.utf8.count) && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
  }

  private static func storing<Value>(_ body: () throws -> Value) throws(Failure) -> Value {
    do {
      return try body()
    } catch {
      throw .storage("\(error)")
    }
  }
}
