public import CanonicalJSON
import Cryptography

/// A signature that a TPM made (TPMT_SIGNATURE; TPM 2.0 part 2, section 11.3.4).
public struct TPMTSignature: Sendable, Hashable {
  public enum Scheme: UInt16, Sendable, Hashable {
    case rsassa = 0x0014
    case rsapss = 0x0016
    case ecdsa = 0x0018

    public var name: String {
      switch self {
      case .rsassa: "RSASSA-PKCS1-v1_5"
      case .rsapss: "RSASSA-PSS"
      case .ecdsa: "ECDSA"
      }
    }
  }

  /// The longest signature that is read, in bytes: RSA-8192.
  public static let maxBytes = 1024

  public let scheme: Scheme
  /// What was hashed and signed, and what the digest of a quote's registers is made with.
  public let hash: BankAlgorithm
  /// RSA: the signature as it is. ECDSA: r || s, each as long as the curve's numbers are (32 or 48 bytes).
  public let value: [UInt8]

  public init(scheme: Scheme, hash: BankAlgorithm, value: [UInt8]) {
    self.scheme = scheme
    self.hash = hash
    self.value = value
  }

  /// Reads a TPMT_SIGNATURE and nothing after it.
  public init(_ bytes: [UInt8], path: String = "signature") throws(FieldError) {
    var reader = ByteReader(bytes, path: path)
    let algorithm = try reader.uint16(bigEndian: "sigAlg")
    guard let scheme = Scheme(rawValue: algorithm) else {
      throw FieldError(
        field: "\(path).sigAlg", expected: "RSASSA, RSAPSS or ECDSA (0x14, 0x16, 0x18)",
        actual: TPMHex.word(algorithm))
    }
    self.scheme = scheme
    hash = try BankAlgorithm(reading: &reader, "hash", path: path)
    switch scheme {
    case .rsassa, .rsapss: value = try reader.sized16("sig", max: Self.maxBytes)
    case .ecdsa:
      let r = try reader.sized16("signatureR", max: 48)
      let s = try reader.sized16("signatureS", max: 48)
      // TPMs differ in whether they write leading zeros.
      let width = max(r.count, s.count) <= 32 ? 32 : 48
      value = TPMBytes.padded(r, to: width) + TPMBytes.padded(s, to: width)
    }
    try reader.finish()
  }

  /// The TPMT_SIGNATURE.
  public var bytes: [UInt8] {
    let head = TPMBytes.uint16(scheme.rawValue) + TPMBytes.uint16(hash.identifier)
    guard scheme == .ecdsa else { return head + TPMBytes.sized(value) }
    let half = value.count / 2
    return head + TPMBytes.sized([UInt8](value[..<half])) + TPMBytes.sized([UInt8](value[half...]))
  }

  /// Whether it belongs to the message under the key. Never with SHA-1; P-256 with SHA-256 alone.
  public func isValid(for message: [UInt8], under key: TPMPublicKey) -> Bool {
    guard let algorithm = hash.trusted else { return false }
    switch (scheme, key) {
    case (.rsassa, .rsa(let key)): return key.isValidPKCS1(value, for: message, hash: algorithm)
    case (.rsapss, .rsa(let key)): return key.isValidPSS(value, for: message, hash: algorithm)
    case (.ecdsa, .p256(let key)):
      guard algorithm == .sha256, let signature = try? ECDSASignature(p1363: value) else { return false }
      return key.isValid(signature, for: message)
    case (.ecdsa, .p384(let key)):
      let padded = value.count == 64 ? Self.widened(value) : value
      guard let signature = try? P384.Signature(p1363: padded) else { return false }
      return key.isValid(signature, for: message, hash: algorithm)
    default: return false
    }
  }

  /// Two numbers of 32 bytes as two of 48: a P-384 signature both of whose numbers happen to be short.
  private static func widened(_ value: [UInt8]) -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: 16)
    return zeros + value[..<32] + zeros + value[32...]
  }
}
