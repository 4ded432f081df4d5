import CanonicalJSON
import Cryptography

/// Writes the few structures of a TPM that names and challenges are made of (TPM 2.0 part 2, section 4: big-endian).
enum TPMBytes {
  static func uint16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
  static func uint32(_ value: UInt32) -> [UInt8] {
    uint16(UInt16(value >> 16)) + uint16(UInt16(truncatingIfNeeded: value))
  }

  /// TPM2B: a length of two bytes, then the bytes; at most 65535.
  static func sized(_ bytes: [UInt8]) -> [UInt8] {
    uint16(UInt16(truncatingIfNeeded: bytes.count)) + bytes
  }

  /// A number of at most `width` bytes with zeros before it.
  static func padded(_ number: [UInt8], to width: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: width - number.count) + number
  }
}

/// How numbers of a TPM are shown.
enum TPMHex {
  static func word(_ value: UInt16) -> String { "0x" + Hex.encode(TPMBytes.uint16(value)) }
  static func word(_ value: UInt32) -> String { "0x" + Hex.encode(TPMBytes.uint32(value)) }
}

extension BankAlgorithm {
  /// The function, or nil for SHA-1: collisions are made at will (SHAttered, 2017), so nothing that rests on it can pass.
  var trusted: DigestAlgorithm? {
    switch self {
    case .sha1: nil
    case .sha256: .sha256
    case .sha384: .sha384
    case .sha512: .sha512
    }
  }

  /// Reads a TPM_ALG_ID that must be one of the four.
  init(reading reader: inout ByteReader, _ field: String, path: String) throws(FieldError) {
    let algorithm = try reader.uint16(bigEndian: field)
    guard let hash = BankAlgorithm(identifier: algorithm) else {
      throw FieldError(
        field: "\(path).\(field)", expected: "SHA-1, SHA-256, SHA-384 or SHA-512", actual: TPMHex.word(algorithm))
    }
    self = hash
  }
}
