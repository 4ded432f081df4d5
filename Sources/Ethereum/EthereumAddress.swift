import Cryptography

/// An account or contract: 20 bytes.
public struct EthereumAddress: Sendable, Hashable, CustomStringConvertible {
  public let bytes: [UInt8]

  public static let zero = EthereumAddress(word: [UInt8](repeating: 0, count: 32))

  /// Exactly 20 bytes.
  public init(bytes: [UInt8]) throws(EthereumError) {
    guard bytes.count == 20 else { throw EthereumError("address", "expected 20 bytes, found \(bytes.count)") }
    self.bytes = bytes
  }

  /// The last 20 bytes of a word whose others were checked.
  init(word: [UInt8]) { bytes = [UInt8](word.suffix(20)) }

  /// The account of a key.
  public init(_ key: Secp256k1.PublicKey) { bytes = key.ethereumAddress }

  /// `0x` and 40 digits: all in lower case, or with the capitals of EIP-55. Anything else may be a slip of the hand and is
  /// refused, all upper case too.
  public init(_ text: String) throws(EthereumError) {
    guard text.utf8.count == 42, let bytes = HexText.decode(text) else {
      throw EthereumError("address", "expected 0x and 40 hexadecimal digits")
    }
    self.bytes = bytes
    guard text == lowercased || text == checksummed else {
      throw EthereumError("address", "the capitals are not those of the checksum (EIP-55): expected \(checksummed)")
    }
  }

  /// `0x` and 40 digits in lower case.
  public var lowercased: String { HexText.encode(bytes) }

  /// The form that shows slips: a digit is a capital where the hash of the lower-case text has a nibble of 8 or more (EIP-55).
  public var checksummed: String {
    let digits = lowercased.utf8.dropFirst(2)
    let hash = Keccak256.hash([UInt8](digits))
    var text = [UInt8]("0x".utf8)
    for (index, digit) in digits.enumerated() {
      let nibble = index.isMultiple(of: 2) ? hash[index / 2] >> 4 : hash[index / 2] & 15
      text.append(nibble >= 8 && digit >= 97 ? digit - 32 : digit)
    }
    return String(decoding: text, as: UTF8.self)
  }

  public var description: String { checksummed }
}
