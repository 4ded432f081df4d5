public import CanonicalJSON
import Cryptography

/// Which genuine TDX quotes are acceptable. Every member is written out (docs/attestation/tdx.md):
///
///     "collateral": "required" | "any"
///     "tcbStatus": ["UpToDate", ...], "advisories": "any" | [NAME, ...], "evaluationNumber": "any" | NUMBER
///     "attributes": {"required": [NAME, ...], "allowed": "any" | [NAME, ...]}, "xfam": "any" | [HEX, ...]
///     "platforms", "mrseam", "mrsignerseam", "mrconfigid", "mrowner", "mrownerconfig", "mrservicetd": "any" | [HEX, ...]
///
/// A domain under debug, and a platform whose versions are revoked, cannot be accepted: there is no word for it.
public struct TDXQuotePolicy: PlatformPolicy, Hashable {
  public typealias Claims = VerifiedTDXQuote

  public enum Limits {
    /// The greatest number of values in one list.
    public static let values = 256
  }

  /// Whether quotes without collateral are accepted: nothing then says whether their platform is known to be broken.
  public let acceptsNoCollateral: Bool
  public let statuses: Set<TCBStatus>
  /// Weaknesses that somebody has looked at and can live with.
  public let advisories: Accepted<ExactText>
  /// The smallest evaluation number; nil where any is accepted.
  public let minimumEvaluationNumber: Int64?
  public let requiredAttributes: TDAttributes
  /// nil where any are accepted.
  public let allowedAttributes: TDAttributes?
  public let xfam: Accepted<[UInt8]>
  /// Instance IDs of single machines.
  public let platforms: Accepted<[UInt8]>
  /// By the name of the register, all of ``registers``.
  let values: [String: Accepted<[UInt8]>]

  /// Registers whose values the policy lists; those of the domain's software are a release's.
  static let registers = ["mrseam", "mrsignerseam", "mrconfigid", "mrowner", "mrownerconfig", "mrservicetd"]

  public init(members reader: inout ObjectReader) throws(FieldError) {
    switch try reader.string("collateral", maxBytes: 16) {
    case "required": acceptsNoCollateral = false
    case "any": acceptsNoCollateral = true
    case let other:
      throw FieldError(
        field: reader.pathOf("collateral"), expected: "required or any", actual: JSON.string(other).summary)
    }
    statuses = try Self.statuses(&reader)
    advisories = try Self.accepted(&reader, "advisories", "names of advisories") { text in
      (1...64).contains(text.utf8.count) ? ExactText(text) : nil
    }
    minimumEvaluationNumber = try Self.evaluationNumber(&reader)
    var attributes = try reader.object("attributes")
    requiredAttributes = try Self.attributes(try attributes.array("required", maxCount: 64), attributes, "required")
    let allowed = try attributes.json("allowed")
    if allowed.string == "any" {
      allowedAttributes = nil
    } else {
      guard let names = allowed.array else {
        throw FieldError(
          field: attributes.pathOf("allowed"), expected: "any, or names of attributes", actual: allowed.summary)
      }
      allowedAttributes = try Self.attributes(names, attributes, "allowed")
    }
    try attributes.finish()
    xfam = try Self.bytes(&reader, "xfam", count: 8)
    platforms = try Self.bytes(&reader, "platforms", count: 16)
    var values: [String: Accepted<[UInt8]>] = [:]
    for name in Self.registers { values[name] = try Self.bytes(&reader, name, count: 48) }
    self.values = values
  }

  private static func statuses(_ reader: inout ObjectReader) throws(FieldError) -> Set<TCBStatus> {
    let array = try reader.array("tcbStatus", maxCount: TCBStatus.allCases.count)
    var statuses: Set<TCBStatus> = []
    for json in array {
      // Revoked is no status: a policy that names it is refused here.
      guard let status = json.string.flatMap(TCBStatus.init(rawValue:)) else {
        throw FieldError(
          field: reader.pathOf("tcbStatus"), expected: TCBStatus.allCases.map(\.rawValue).joined(separator: ", "),
          actual: json.summary)
      }
      statuses.insert(status)
    }
    guard !statuses.isEmpty else {
      throw FieldError(field: reader.pathOf("tcbStatus"), expected: "at least one status", actual: "none")
    }
    return statuses
  }

  private static func evaluationNumber(_ reader: inout ObjectReader) throws(FieldError) -> Int64? {
    let json = try reader.json("evaluationNumber")
    if json.string == "any" { return nil }
    guard let number = json.integer, (0...Int64(UInt32.max)).contains(number) else {
      throw FieldError(
        field: reader.pathOf("evaluationNumber"), expected: "any, or the smallest number", actual: json.summary)
    }
    return number
  }

  private static func attributes(
    _ names: [JSON], _ reader: ObjectReader, _ field: String
  ) throws(FieldError) -> TDAttributes {
    var attributes: TDAttributes = []
    for json in names {
      guard let attribute = TDAttributes.named.first(where: { $0.name == json.string })?.attribute else {
        throw FieldError(
          field: reader.pathOf(field), expected: TDAttributes.named.map(\.name).joined(separator: ", "),
          actual: json.summary)
      }
      attributes.insert(attribute)
    }
    return attributes
  }

  private static func bytes(
    _ reader: inout ObjectReader, _ name: String, count: Int
  ) throws(FieldError) -> Accepted<[UInt8]> {
    try accepted(&reader, name, "values of \(count) bytes in hexadecimal") { text in
      Hex.decode(text).flatMap { $0.count == count ? $0 : nil }
    }
  }

  /// `any`, or a list of 1 to ``Limits/values`` texts.
  private static func accepted<Value: Hashable & Sendable>(
    _ reader: inout ObjectReader, _ name: String, _ expected: String, _ read: (String) -> Value?
  ) throws(FieldError) -> Accepted<Value> {
    let json = try reader.json(name)
    if json.string == "any" { return .any }
    guard let array = json.array, (0...Limits.values).contains(array.count) else {
      throw FieldError(field: reader.pathOf(name), expected: "any, or \(expected)", actual: json.summary)
    }
    var values: Set<Value> = []
    for json in array {
      guard let value = json.string.flatMap(read) else {
        throw FieldError(field: reader.pathOf(name), expected: expected, actual: json.summary)
      }
      values.insert(value)
    }
    return .only(values)
  }

  public var members: JSONObject {
    var object: JSONObject = [
      "collateral": acceptsNoCollateral ? "any" : "required",
      "tcbStatus": .array(statuses.map(\.rawValue).sorted().map { .string($0) }),
      "advisories": Self.json(advisories) { $0.text },
      "evaluationNumber": minimumEvaluationNumber.map { .integer($0) } ?? "any",
      "attributes": [
        "required": .array(requiredAttributes.names.map { .string($0) }),
        "allowed": allowedAttributes.map { .array($0.names.map { .string($0) }) } ?? "any",
      ],
      "xfam": Self.json(xfam, Hex.encode), "platforms": Self.json(platforms, Hex.encode),
    ]
    for (name, accepted) in values { object[name] = Self.json(accepted, Hex.encode) }
    return object
  }

  private static func json<Value: Hashable>(_ accepted: Accepted<Value>, _ text: (Value) -> String) -> JSON {
    switch accepted {
    case .any: "any"
    case .only(let values): .array(values.map(text).sorted().map { .string($0) })
    }
  }

  public var rules: [any AppraisalRule<VerifiedTDXQuote>] {
    TDXCollateralRule(acceptsNone: acceptsNoCollateral)
    TDXStatusRule(accepted: statuses, acceptsNoCollateral: acceptsNoCollateral)
    TDXAdvisoryRule(accepted: advisories, acceptsNoCollateral: acceptsNoCollateral)
    TDXEvaluationRule(minimum: minimumEvaluationNumber, acceptsNoCollateral: acceptsNoCollateral)
    TDXDebugRule()
    TDXAttributeRule(required: requiredAttributes, allowed: allowedAttributes)
    TDXFieldRule(id: .tdxXFAM, accepted: xfam) { $0.report.xfam }
    TDXFieldRule(id: .tdxPlatform, accepted: platforms) { $0.platform.instanceID }
    for name in Self.registers {
      TDXFieldRule(id: .tdxRegister(name), accepted: values[name] ?? .only([])) { $0.report.policyField(name) }
    }
  }
}

extension TDReport {
  /// A field that ``TDXQuotePolicy`` names; nil where this report has none.
  func policyField(_ name: String) -> [UInt8]? {
    switch name {
    case "mrseam": mrSEAM
    case "mrsignerseam": mrSignerSEAM
    case "mrconfigid": mrConfigID
    case "mrowner": mrOwner
    case "mrownerconfig": mrOwnerConfig
    case "mrservicetd": mrServiceTD
    default: nil
    }
  }
}
