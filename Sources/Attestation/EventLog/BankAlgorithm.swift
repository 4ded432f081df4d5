import Cryptography

/// The hash function of a bank of measurement registers (TCG Algorithm Registry, section 6.10; RTMRs are SHA-384).
public enum BankAlgorithm: String, Sendable, Hashable, CaseIterable {
  /// Replayed for old logs, never trusted: whoever appraises refuses it.
  case sha1
  case sha256
  case sha384
  case sha512

  /// By TPM_ALG_ID; nil for a hash that this program does not compute.
  public init?(identifier: UInt16) {
    switch identifier {
    case 0x0004: self = .sha1
    case 0x000b: self = .sha256
    case 0x000c: self = .sha384
    case 0x000d: self = .sha512
    default: return nil
    }
  }

  /// TPM_ALG_ID.
  public var identifier: UInt16 {
    switch self {
    case .sha1: 0x0004
    case .sha256: 0x000b
    case .sha384: 0x000c
    case .sha512: 0x000d
    }
  }

  /// How many bytes a digest, and so a register, has.
  public var byteCount: Int {
    switch self {
    case .sha1: 20
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  /// The digest of the bytes.
  public func hash(_ bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .sha1: SHA1.hash(bytes)
    case .sha256: SHA256.hash(bytes).bytes
    case .sha384: SHA384.hash(bytes)
    case .sha512: SHA512.hash(bytes)
    }
  }

  /// What a register holds after a digest is extended into it (TPM 2.0 part 1, section 17.2).
  public func extend(_ register: [UInt8], with digest: [UInt8]) -> [UInt8] { hash(register + digest) }

  /// A register into which nothing was extended.
  public var zeros: [UInt8] { [UInt8](repeating: 0, count: byteCount) }
}
