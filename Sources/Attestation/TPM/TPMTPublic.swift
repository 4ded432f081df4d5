public import CanonicalJSON
import Cryptography

/// The public area of a key in a TPM (TPMT_PUBLIC; TPM 2.0 part 2, section 12.2.4): RSA, P-256 and P-384.
public struct TPMTPublic: Sendable, Hashable {
  /// A cipher that protects what lies below the key (TPMT_SYM_DEF_OBJECT), nil where there is none.
  public struct Symmetric: Sendable, Hashable {
    /// AES (TPM_ALG_AES) is the only one that is read.
    public let keyBits: Int
    /// TPM_ALG_CFB is 0x0043.
    public let mode: UInt16
  }

  /// The scheme that the key is bound to, nil where its user chooses.
  public struct Scheme: Sendable, Hashable {
    /// TPM_ALG_ID of the scheme.
    public let algorithm: UInt16
    /// nil where the scheme has none (RSAES).
    public let hash: BankAlgorithm?
  }

  /// The longest TPMT_PUBLIC that is read, in bytes.
  public static let maxBytes = 1536

  /// The TPMT_PUBLIC, of which ``name`` is the digest.
  public let bytes: [UInt8]
  public let nameAlgorithm: BankAlgorithm
  public let attributes: TPMObjectAttributes
  /// Digest of the policy that uses of the key must meet; empty where there is none.
  public let authPolicy: [UInt8]
  public let symmetric: Symmetric?
  public let scheme: Scheme?
  public let key: TPMPublicKey

  /// The key's name: the identifier of its hash, then the digest of ``bytes`` (TPM 2.0 part 1, section 16). Two keys with one
  /// name are one key with one set of attributes.
  public var name: [UInt8] {
    TPMBytes.uint16(nameAlgorithm.identifier) + (nameAlgorithm.trusted.map { $0.hash(bytes) } ?? [])
  }

  /// Reads a TPMT_PUBLIC, or a TPM2B_PUBLIC (the same with its length before it) as tools write it, and nothing after it.
  ///
  /// - Throws: names the field. A name algorithm of SHA-1, RSA below 2048 bits and points off their curve are refused.
  public init(_ bytes: [UInt8], path: String = "akPublic") throws(FieldError) {
    var reader = ByteReader(bytes, path: path)
    // TPM_ALG_RSA and TPM_ALG_ECC are 1 and 35: no public area is as short, so the first two bytes tell the two forms apart.
    if bytes.starts(with: TPMBytes.uint16(0x0001)) || bytes.starts(with: TPMBytes.uint16(0x0023)) {
      try self.init(area: bytes, path: path)
    } else {
      let area = try reader.sized16("size", max: Self.maxBytes)
      try reader.finish()
      try self.init(area: area, path: path)
    }
  }

  private init(area bytes: [UInt8], path: String) throws(FieldError) {
    guard bytes.count <= Self.maxBytes else {
      throw FieldError(field: path, expected: "at most \(Self.maxBytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: path)
    let type = try reader.uint16(bigEndian: "type")
    guard type == 0x0001 || type == 0x0023 else {
      throw FieldError(field: "\(path).type", expected: "RSA or ECC (0x0001, 0x0023)", actual: TPMHex.word(type))
    }
    self.bytes = bytes
    nameAlgorithm = try BankAlgorithm(reading: &reader, "nameAlg", path: path)
    guard nameAlgorithm != .sha1 else {
      throw FieldError(field: "\(path).nameAlg", expected: "SHA-256 or better", actual: "SHA-1")
    }
    attributes = TPMObjectAttributes(rawValue: try reader.uint32(bigEndian: "objectAttributes"))
    guard attributes.isSubset(of: .defined) else {
      throw FieldError(
        field: "\(path).objectAttributes", expected: "no reserved bits",
        actual: TPMHex.word(attributes.rawValue))
    }
    authPolicy = try reader.sized16("authPolicy", max: 64)
    symmetric = try Self.symmetric(&reader, path: path)
    scheme = try Self.scheme(&reader, path: path)
    key = type == 0x0001 ? try Self.rsa(&reader, path: path) : try Self.ecc(&reader, path: path)
    try reader.finish()
  }

  private static let null: UInt16 = 0x0010

  private static func symmetric(_ reader: inout ByteReader, path: String) throws(FieldError) -> Symmetric? {
    let algorithm = try reader.uint16(bigEndian: "symmetric")
    if algorithm == null { return nil }
    guard algorithm == 0x0006 else {
      throw FieldError(field: "\(path).symmetric", expected: "AES or none", actual: TPMHex.word(algorithm))
    }
    let keyBits = try reader.uint16(bigEndian: "symmetric.keyBits")
    guard [128, 192, 256].contains(keyBits) else {
      throw FieldError(field: "\(path).symmetric.keyBits", expected: "128, 192 or 256", actual: "\(keyBits)")
    }
    return Symmetric(keyBits: Int(keyBits), mode: try reader.uint16(bigEndian: "symmetric.mode"))
  }

  private static func scheme(_ reader: inout ByteReader, path: String) throws(FieldError) -> Scheme? {
    let algorithm = try reader.uint16(bigEndian: "scheme")
    switch algorithm {
    case null: return nil
    case 0x0015: return Scheme(algorithm: algorithm, hash: nil)
    // RSASSA, RSAPSS, OAEP, ECDSA, ECDH.
    case 0x0014, 0x0016, 0x0017, 0x0018, 0x0019:
      return Scheme(algorithm: algorithm, hash: try BankAlgorithm(reading: &reader, "scheme.hash", path: path))
    default:
      throw FieldError(
        field: "\(path).scheme", expected: "RSASSA, RSAES, RSAPSS, OAEP, ECDSA, ECDH or none",
        actual: TPMHex.word(algorithm))
    }
  }

  private static func rsa(_ reader: inout ByteReader, path: String) throws(FieldError) -> TPMPublicKey {
    let bits = try reader.uint16(bigEndian: "keyBits")
    let exponent = try reader.uint32(bigEndian: "exponent")
    let modulus = try reader.sized16("modulus", max: RSA.PublicKey.modulusBits.upperBound / 8)
    guard Int(bits) == modulus.count * 8, modulus.first.map({ $0 & 0x80 != 0 }) ?? false else {
      throw FieldError(
        field: "\(path).keyBits", expected: "the modulus' size", actual: "\(bits) for \(modulus.count) bytes")
    }
    do throws(CryptographyError) {
      // Zero stands for the usual exponent (part 2, section 12.2.3.5).
      return .rsa(
        try RSA.PublicKey(modulus: modulus, exponent: TPMBytes.uint32(exponent == 0 ? 65537 : exponent)))
    } catch {
      throw FieldError(
        field: "\(path).modulus", expected: "RSA with 2048 to 8192 bits", actual: error.description)
    }
  }

  private static func ecc(_ reader: inout ByteReader, path: String) throws(FieldError) -> TPMPublicKey {
    let curve = try reader.uint16(bigEndian: "curveID")
    let width: Int
    switch curve {
    case 0x0003: width = 32
    case 0x0004: width = 48
    default:
      throw FieldError(
        field: "\(path).curveID", expected: "P-256 or P-384 (0x0003, 0x0004)", actual: TPMHex.word(curve))
    }
    // No key derivation is defined for keys in use; a TPM writes none.
    let derivation = try reader.uint16(bigEndian: "kdf")
    guard derivation == null else {
      throw FieldError(field: "\(path).kdf", expected: TPMHex.word(null), actual: TPMHex.word(derivation))
    }
    let x = try reader.sized16("x", max: width)
    let y = try reader.sized16("y", max: width)
    let point = [4] + TPMBytes.padded(x, to: width) + TPMBytes.padded(y, to: width)
    do throws(CryptographyError) {
      return width == 32 ? .p256(try P256.PublicKey(x963: point)) : .p384(try P384.PublicKey(x963: point))
    } catch {
      throw FieldError(field: "\(path).point", expected: "a point of the curve", actual: error.description)
    }
  }
}
