public import Cryptography

/// A hash function as a TPM names it (TPM_ALG_ID; TCG Algorithm Registry, section 6.10).
public enum TPMHash: UInt16, Sendable, Hashable, CaseIterable {
  case sha1 = 0x0004
  case sha256 = 0x000B
  case sha384 = 0x000C
  case sha512 = 0x000D

  /// `sha1`, `sha256`, `sha384` or `sha512`, as in the names of registers.
  public var name: String {
    switch self {
    case .sha1: "sha1"
    case .sha256: "sha256"
    case .sha384: "sha384"
    case .sha512: "sha512"
    }
  }

  /// The hash of that name, or nil.
  public init?(name: String) {
    guard let hash = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = hash
  }

  /// How many bytes a digest, and so a register of that bank, has.
  public var byteCount: Int {
    switch self {
    case .sha1: 20
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  /// The function, or nil for SHA-1: collisions are made at will (SHAttered, 2017), so nothing is computed with it here and
  /// nothing that needs it can pass.
  public var algorithm: DigestAlgorithm? {
    switch self {
    case .sha1: nil
    case .sha256: .sha256
    case .sha384: .sha384
    case .sha512: .sha512
    }
  }
}
