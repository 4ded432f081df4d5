import Cryptography

/// A proof that an entry is in a log, to be checked offline: index, inclusion proof, checkpoint (C2SP tlog-proof).
///
/// Limits: 64 hashes, 1 MiB in all.
public struct TLogProof: Sendable, Hashable, CustomStringConvertible {
  /// Why a text is not a proof, or a proof does not hold.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    case wrongHeader
    /// The `extra` line is not canonical base64.
    case invalidExtra
    case invalidIndex
    /// This line of the inclusion proof, counted from zero, is not canonical base64 of 32 octets.
    case invalidHash(line: Int)
    case tooManyHashes(limit: Int)
    /// No blank line separates proof and checkpoint.
    case missingBlankLine
    case checkpoint(SignedCheckpoint.Failure)
    case policy(WitnessPolicy.Rejection)
    case inclusion(ProofError)

    public var description: String {
      switch self {
      case .tooLong(let bytes, let limit): "the proof has \(bytes) bytes, the limit is \(limit)"
      case .wrongHeader: "expected the line \(TLogProof.header)"
      case .invalidExtra: "the extra line is not canonical base64"
      case .invalidIndex: "the index line is missing or not a number"
      case .invalidHash(let line): "hash \(line) of the inclusion proof is not base64 of 32 bytes"
      case .tooManyHashes(let limit): "an inclusion proof has at most \(limit) hashes"
      case .missingBlankLine: "no blank line separates the inclusion proof from the checkpoint"
      case .checkpoint(let error): "\(error)"
      case .policy(let error): "\(error)"
      case .inclusion(let error): "\(error)"
      }
    }
  }

  /// The first line.
  public static let header = "c2sp.org/tlog-proof@v1"
  public static let maximumLength = 1 << 20
  /// A tree has at most 2^64 leaves.
  public static let maximumHashes = 64

  /// Opaque octets that nothing authenticates; nil when the line is absent.
  public let extra: [UInt8]?
  public let index: UInt64
  /// From the leaf's sibling up to the root's child.
  public let hashes: [SHA256Digest]
  /// With its cosignatures.
  public let signedCheckpoint: SignedCheckpoint

  public init(extra: [UInt8]? = nil, index: UInt64, hashes: [SHA256Digest], checkpoint: SignedCheckpoint) {
    self.extra = extra
    self.index = index
    self.hashes = hashes
    self.signedCheckpoint = checkpoint
  }

  public init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count <= Self.maximumLength else { throw .tooLong(bytes: bytes.count, limit: Self.maximumLength) }
    var scanner = LineScanner(bytes[...])
    guard let header = scanner.next(), header.elementsEqual(Self.header.utf8) else { throw .wrongHeader }
    guard var line = scanner.next() else { throw .invalidIndex }
    var extra: [UInt8]?
    if line.starts(with: "extra ".utf8) {
      guard let decoded = Base64.decode(String(decoding: line.dropFirst(6), as: UTF8.self)) else {
        throw .invalidExtra
      }
      extra = decoded
      guard let next = scanner.next() else { throw .invalidIndex }
      line = next
    }
    guard line.starts(with: "index ".utf8), let index = UInt64(strictDecimal: line.dropFirst(6)) else {
      throw .invalidIndex
    }
    var hashes: [SHA256Digest] = []
    while true {
      guard let line = scanner.next() else { throw .missingBlankLine }
      if line.isEmpty { break }
      guard hashes.count < Self.maximumHashes else { throw .tooManyHashes(limit: Self.maximumHashes) }
      guard let hash = SHA256Digest(base64: line) else { throw .invalidHash(line: hashes.count) }
      hashes.append(hash)
    }
    do { signedCheckpoint = try SignedCheckpoint(parsing: Array(scanner.rest)) } catch { throw .checkpoint(error) }
    self.extra = extra
    self.index = index
    self.hashes = hashes
  }

  /// The `.tlog-proof` file.
  public var text: String {
    var text = "\(Self.header)\n"
    if let extra { text += "extra \(Base64.encode(extra))\n" }
    text += "index \(index)\n"
    for hash in hashes { text += "\(hash.base64)\n" }
    return text + "\n\(signedCheckpoint.note)"
  }

  public var description: String { text }

  /// Checks signatures, quorum and inclusion (tlog-proof, "Verifying a tlog proof").
  ///
  /// - Parameters:
  ///   - leafHash: The hash of the entry, computed by the caller from the entry itself.
  ///   - policy: The logs and witnesses that the caller trusts.
  public func verify(leafHash: SHA256Digest, policy: WitnessPolicy) throws(Failure) -> VerifiedCheckpoint {
    let verified: VerifiedCheckpoint
    do { verified = try policy.verify(signedCheckpoint) } catch { throw .policy(error) }
    let checkpoint = verified.checkpoint
    do {
      try InclusionProof(index: index, size: checkpoint.size, hashes: hashes)
        .verify(leafHash: leafHash, root: checkpoint.root)
    } catch {
      throw .inclusion(error)
    }
    return verified
  }
}
