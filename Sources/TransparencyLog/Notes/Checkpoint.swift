import Cryptography

/// A tree head as text: origin, size, root (C2SP tlog-checkpoint). Not signed, so not to be believed.
public struct Checkpoint: Sendable, Hashable, CustomStringConvertible {
  /// Why a text is not a checkpoint.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    /// Fewer than three lines, or the last does not end in a line feed.
    case missingLines
    case invalidUTF8
    case emptyOrigin
    case invalidSize(String)
    /// The root is not canonical base64 of 32 octets.
    case invalidRoot(String)
    /// Extension lines must not be empty (tlog-checkpoint, "Note text").
    case emptyExtensionLine

    public var description: String {
      switch self {
      case .tooLong(let bytes, let limit): "the checkpoint has \(bytes) bytes, the limit is \(limit)"
      case .missingLines: "a checkpoint has at least three lines, each with its line feed"
      case .invalidUTF8: "the checkpoint is not UTF-8"
      case .emptyOrigin: "the origin is empty"
      case .invalidSize(let text): "\"\(text)\" is not a tree size"
      case .invalidRoot(let text): "\"\(text)\" is not a root hash: base64 of 32 bytes"
      case .emptyExtensionLine: "an extension line is empty"
      }
    }
  }

  /// The longest text that is read.
  public static let maximumLength = 65_536

  /// The name of the log. It tells logs apart, octet for octet.
  public let origin: String
  /// Number of leaves.
  public let size: UInt64
  public let root: SHA256Digest
  /// Further lines; discouraged, since nobody audits them.
  public let extensions: [String]

  /// - Throws: `emptyOrigin`, `emptyExtensionLine`, or `missingLines` when origin or an extension has a line feed or
  ///   another control character.
  public init(origin: String, size: UInt64, root: SHA256Digest, extensions: [String] = []) throws(Failure) {
    guard !origin.isEmpty else { throw .emptyOrigin }
    for line in [origin] + extensions where line.utf8.contains(where: { $0 < 0x20 }) { throw .missingLines }
    guard extensions.allSatisfy({ !$0.isEmpty }) else { throw .emptyExtensionLine }
    self.origin = origin
    self.size = size
    self.root = root
    self.extensions = extensions
  }

  /// Reads a checkpoint text, which is the text of a note.
  public init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count <= Self.maximumLength else { throw .tooLong(bytes: bytes.count, limit: Self.maximumLength) }
    var scanner = LineScanner(bytes[...])
    guard let origin = scanner.next(), let size = scanner.next(), let root = scanner.next() else {
      throw .missingLines
    }
    guard !origin.isEmpty else { throw .emptyOrigin }
    guard let originText = String(validating: origin, as: UTF8.self) else { throw .invalidUTF8 }
    guard let leaves = UInt64(strictDecimal: size) else {
      throw .invalidSize(String(decoding: size.prefix(32), as: UTF8.self))
    }
    guard let digest = SHA256Digest(base64: root) else {
      throw .invalidRoot(String(decoding: root.prefix(64), as: UTF8.self))
    }
    var extensions: [String] = []
    while let line = scanner.next() {
      guard !line.isEmpty else { throw .emptyExtensionLine }
      guard let text = String(validating: line, as: UTF8.self) else { throw .invalidUTF8 }
      extensions.append(text)
    }
    guard scanner.rest.isEmpty else { throw .missingLines }
    try self.init(origin: originText, size: leaves, root: digest, extensions: extensions)
  }

  /// The note text.
  public var text: String {
    ([origin, String(size), root.base64] + extensions).map { $0 + "\n" }.joined()
  }

  /// The note text's octets: what is signed.
  public var textBytes: [UInt8] { Array(text.utf8) }

  public var description: String { text }

  public static func == (a: Checkpoint, b: Checkpoint) -> Bool {
    sameOctets(a.text, b.text)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(size)
    hasher.combine(root)
  }
}
