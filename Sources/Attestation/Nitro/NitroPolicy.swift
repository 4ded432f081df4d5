public import CanonicalJSON
import Cryptography

/// Which genuine enclaves are acceptable (docs/attestation/nitro.md).
///
///     "debug": false | "any"
///     "binding": "any" or ["nonce" | "user-data" | "public-key", ...]   which members may carry what the caller asked for
///     "maximumAge": "any" or seconds
///     "instances": "any" or ["i-...", ...]
///     "registers": "any" or {"signer": [HEX, ...], "pcr3": "any", ...}
public struct NitroPolicy: PlatformPolicy {
  public static let maxValues = 64
  /// Documents are judged by the hour: a day is more than their certificates live.
  static let ages: ClosedRange<Int64> = 1...86_400

  /// Whether debug mode is refused; false is the written-out `any`.
  let refusesDebug: Bool
  let fields: Accepted<NitroField>
  /// Seconds; nil is the written-out `any`.
  let maximumAge: Int64?
  let instances: Accepted<ExactText>
  /// By index; nil is the written-out `any`.
  let demands: [Int: Accepted<[UInt8]>]?
  public let members: JSONObject

  public init(members reader: inout ObjectReader) throws(FieldError) {
    var written = JSONObject()
    let debug = try reader.json("debug")
    guard debug == false || debug.string == "any" else {
      throw FieldError(field: reader.pathOf("debug"), expected: "false or any", actual: debug.summary)
    }
    written["debug"] = debug
    refusesDebug = debug == false
    fields = try reader.accepted("binding", &written) { NitroField(rawValue: $0) }
    maximumAge = try reader.minimum("maximumAge", in: Self.ages, &written)
    instances = try reader.accepted("instances", &written, Self.instance)
    demands = try reader.anyOr("registers", &written) { json, path throws(FieldError) in
      try Self.registers(json, path: path)
    }
    members = written
  }

  static func instance(_ text: String) -> ExactText? { (1...64).contains(text.utf8.count) ? ExactText(text) : nil }

  private static func registers(_ json: JSON, path: String) throws(FieldError) -> [Int: Accepted<[UInt8]>] {
    // A policy that names no register would compare nothing, and look as if it had.
    guard let object = json.object, (1...NitroDocument.Limits.registers).contains(object.count) else {
      throw FieldError(field: path, expected: "any, or an object of 1 to 32 registers", actual: json.summary)
    }
    var registers: [Int: Accepted<[UInt8]>] = [:]
    for (name, json) in object {
      guard let index = NitroRegister.index(named: name), registers[index] == nil else {
        throw FieldError(
          field: path, expected: "each register once, by its meaning or as pcr0 to pcr31",
          actual: JSON.string(name).summary)
      }
      registers[index] = try values(json, path: "\(path).\(name)")
    }
    return registers
  }

  private static func values(_ json: JSON, path: String) throws(FieldError) -> Accepted<[UInt8]> {
    if json.string == "any" { return .any }
    guard let array = json.array, (1...maxValues).contains(array.count) else {
      throw FieldError(field: path, expected: "any, or 1 to \(maxValues) values", actual: json.summary)
    }
    var values: Set<[UInt8]> = []
    for value in array {
      guard let text = value.string, let bytes = Hex.decode(text), [32, 48, 64].contains(bytes.count) else {
        throw FieldError(field: path, expected: "32, 48 or 64 bytes in hexadecimal", actual: value.summary)
      }
      values.insert(bytes)
    }
    return .only(values)
  }

  public var rules: [any AppraisalRule<NitroClaims>] {
    NitroDebugRule(isDemanded: refusesDebug)
    NitroFieldRule(fields: fields)
    NitroAgeRule<NitroClaims>(seconds: maximumAge) { ($0.document, $0.age) }
    NitroInstanceRule<NitroClaims>(instances: instances) { $0.document.instanceID }
    NitroRegistersRule(demands: demands)
  }
}
