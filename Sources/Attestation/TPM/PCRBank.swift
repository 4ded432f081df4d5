public import CanonicalJSON
import Cryptography

/// Values of the registers of one bank of a TPM (platform configuration registers; TPM 2.0 part 1, section 17).
public struct PCRBank: Sendable, Hashable {
  /// Registers of a TPM for PCs (PC Client Platform TPM Profile, section 4.6).
  public static let indexes = 0...23
  /// The most banks of one TPM that are read.
  public static let maxBanks = 4

  public let algorithm: BankAlgorithm
  /// Each value has as many bytes as the bank's digest.
  public let values: [Int: [UInt8]]

  /// - Throws: for an index outside 0...23 and a value of another size than the bank's; `path` names the bank.
  public init(algorithm: BankAlgorithm, values: [Int: [UInt8]], path: String = "pcrs") throws(FieldError) {
    for (index, value) in values.sorted(by: { $0.key < $1.key }) {
      guard Self.indexes.contains(index) else {
        throw FieldError(field: "\(path).\(index)", expected: "a register from 0 to 23", actual: "\(index)")
      }
      guard value.count == algorithm.byteCount else {
        throw FieldError(
          field: "\(path).\(index)", expected: "\(algorithm.byteCount) bytes", actual: "\(value.count) bytes")
      }
    }
    self.algorithm = algorithm
    self.values = values
  }

  public subscript(index: Int) -> [UInt8]? { values[index] }

  /// `sha256.pcr4`: the name of a register in releases.
  public static func registerName(_ algorithm: BankAlgorithm, _ index: Int) -> String {
    "\(algorithm.rawValue).pcr\(index)"
  }

  /// What logs are held against, once a quote over the values is verified.
  public var measured: MeasuredRegisters { MeasuredRegisters(pcrs: values, algorithm: algorithm) }

  /// All values by the names of their registers.
  public var registers: [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: values.map { (Self.registerName(algorithm, $0.key), $0.value) })
  }

  /// Reads `{"sha256": {"0": HEX, ...}, ...}`: at least one bank with at least one register, sorted by algorithm.
  public static func banks(_ json: JSON, path: String = "pcrs") throws(FieldError) -> [PCRBank] {
    guard let object = json.object, (1...maxBanks).contains(object.count) else {
      throw FieldError(field: path, expected: "an object of 1 to \(maxBanks) banks", actual: json.summary)
    }
    var banks: [PCRBank] = []
    for (name, json) in object {
      guard let algorithm = BankAlgorithm(rawValue: name) else {
        throw FieldError(
          field: path, expected: "banks named sha1, sha256, sha384 or sha512", actual: JSON.string(name).summary)
      }
      banks.append(
        try PCRBank(
          algorithm: algorithm, values: try values(json, of: algorithm, path: "\(path).\(name)"),
          path: "\(path).\(name)"))
    }
    return banks.sorted { $0.algorithm.rawValue < $1.algorithm.rawValue }
  }

  private static func values(
    _ json: JSON, of algorithm: BankAlgorithm, path: String
  ) throws(FieldError) -> [Int: [UInt8]] {
    guard let object = json.object, (1...indexes.count).contains(object.count) else {
      throw FieldError(field: path, expected: "an object of 1 to 24 registers", actual: json.summary)
    }
    var values: [Int: [UInt8]] = [:]
    for (name, value) in object {
      // One spelling for each number: "04" beside "4" would be two values of one register.
      guard let index = Int(name), String(index) == name, indexes.contains(index) else {
        throw FieldError(field: path, expected: "registers from 0 to 23", actual: JSON.string(name).summary)
      }
      guard let text = value.string, let bytes = Hex.decode(text), bytes.count == algorithm.byteCount else {
        throw FieldError(
          field: "\(path).\(name)", expected: "\(algorithm.byteCount) bytes in hexadecimal", actual: value.summary)
      }
      values[index] = bytes
    }
    return values
  }

  /// What ``banks(_:path:)`` reads.
  public static func json(_ banks: [PCRBank]) -> JSON {
    var object = JSONObject()
    for bank in banks {
      var values = JSONObject()
      for (index, value) in bank.values.sorted(by: { $0.key < $1.key }) {
        values[String(index)] = .string(Hex.encode(value))
      }
      object[bank.algorithm.rawValue] = .object(values)
    }
    return .object(object)
  }
}
