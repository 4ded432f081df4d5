import Cryptography

/// The body of `POST <prefix>/add-checkpoint` (C2SP tlog-witness): the size that the witness is thought to remember, a
/// consistency proof from there, and the new checkpoint.
///
/// Limits: 63 proof lines, 1,010,000 octets in all.
public struct AddCheckpointRequest: Sendable, Hashable {
  /// Why a body is not a request. A witness answers 400, but 403 to a signature that is not even base64.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    case invalidOldSize
    case invalidHash(line: Int)
    case tooManyHashes(limit: Int)
    case missingBlankLine
    case checkpoint(SignedCheckpoint.Failure)

    public var description: String {
      switch self {
      case .tooLong(let bytes, let limit): "the request has \(bytes) bytes, the limit is \(limit)"
      case .invalidOldSize: "expected a line \"old <size>\""
      case .invalidHash(let line): "hash \(line) of the consistency proof is not base64 of 32 bytes"
      case .tooManyHashes(let limit): "a consistency proof has at most \(limit) hashes"
      case .missingBlankLine: "no blank line separates the proof from the checkpoint"
      case .checkpoint(.checkpoint(let error)): "invalid checkpoint: \(error)"
      case .checkpoint(let error): "invalid input: \(error)"
      }
    }
  }

  public static let maximumLength = SignedNote.maximumLength + 10_000
  public static let maximumHashes = 63

  /// The size of the checkpoint that the witness cosigned last; zero for none.
  public let oldSize: UInt64
  public let hashes: [SHA256Digest]
  public let signedCheckpoint: SignedCheckpoint

  public init(oldSize: UInt64, hashes: [SHA256Digest], checkpoint: SignedCheckpoint) {
    self.oldSize = oldSize
    self.hashes = hashes
    self.signedCheckpoint = checkpoint
  }

  public init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count <= Self.maximumLength else { throw .tooLong(bytes: bytes.count, limit: Self.maximumLength) }
    var scanner = LineScanner(bytes[...])
    guard let first = scanner.next(), first.starts(with: "old ".utf8),
      let oldSize = UInt64(strictDecimal: first.dropFirst(4))
    else { throw .invalidOldSize }
    var hashes: [SHA256Digest] = []
    while true {
      guard let line = scanner.next() else { throw .missingBlankLine }
      if line.isEmpty { break }
      guard hashes.count < Self.maximumHashes else { throw .tooManyHashes(limit: Self.maximumHashes) }
      guard let hash = SHA256Digest(base64: line) else { throw .invalidHash(line: hashes.count) }
      hashes.append(hash)
    }
    do { signedCheckpoint = try SignedCheckpoint(parsing: Array(scanner.rest)) } catch { throw .checkpoint(error) }
    self.oldSize = oldSize
    self.hashes = hashes
  }

  public var bytes: [UInt8] {
    var text = "old \(oldSize)\n"
    for hash in hashes { text += "\(hash.base64)\n" }
    return Array("\(text)\n".utf8) + signedCheckpoint.note.bytes
  }
}
