public import CanonicalJSON
import Cryptography

extension CheckID {
  static let nvidiaModel = CheckID("nvidia.model", "The GPU is of an accepted model")
  static let nvidiaDriver = CheckID("nvidia.driver", "The GPU reports an accepted driver")
  static let nvidiaVBIOS = CheckID("nvidia.vbios", "The GPU's own firmware has an accepted version")
  static let nvidiaMeasurements = CheckID("nvidia.measurements", "The measurements have values that the policy accepts")
}

/// Which genuine GPUs are acceptable (docs/attestation/nvidia.md).
///
///     "models": "any" or ["GH100 A01 GSP FMC LF", ...]
///     "drivers": "any" or ["550.90.07", ...]
///     "vbioses": "any" or ["96.00.9f.00.01", ...]
///     "measurements": "any" or {"2": [HEX, ...], ...}
public struct NVIDIAPolicy: PlatformPolicy {
  public static let maxValues = 64

  let models: Accepted<ExactText>
  let drivers: Accepted<ExactText>
  let vbioses: Accepted<ExactText>
  /// By index; nil is the written-out `any`.
  let measurements: [Int: Set<[UInt8]>]?
  public let members: JSONObject

  public init(members reader: inout ObjectReader) throws(FieldError) {
    var written = JSONObject()
    models = try reader.accepted("models", &written, Self.name)
    drivers = try reader.accepted("drivers", &written, Self.name)
    vbioses = try reader.accepted("vbioses", &written, Self.name)
    measurements = try reader.anyOr("measurements", &written) { json, path throws(FieldError) in
      try Self.measurements(json, path: path)
    }
    members = written
  }

  private static func name(_ text: String) -> ExactText? { (1...128).contains(text.utf8.count) ? ExactText(text) : nil }

  private static func measurements(_ json: JSON, path: String) throws(FieldError) -> [Int: Set<[UInt8]>] {
    guard let object = json.object, (1...NVIDIAReport.Limits.blocks).contains(object.count) else {
      throw FieldError(
        field: path, expected: "any, or an object of 1 to \(NVIDIAReport.Limits.blocks) measurements",
        actual: json.summary)
    }
    var measurements: [Int: Set<[UInt8]>] = [:]
    for (name, json) in object {
      guard let index = Int(name), String(index) == name, (1...NVIDIAReport.Limits.blocks).contains(index) else {
        throw FieldError(field: path, expected: "indexes from 1 to 255", actual: JSON.string(name).summary)
      }
      guard let array = json.array, (1...maxValues).contains(array.count) else {
        throw FieldError(field: "\(path).\(name)", expected: "1 to \(maxValues) values", actual: json.summary)
      }
      measurements[index] = Set(
        try array.map { value throws(FieldError) in
          guard let text = value.string, let bytes = Hex.decode(text), bytes.count == 48 else {
            throw FieldError(
              field: "\(path).\(name)", expected: "48 bytes in hexadecimal", actual: value.summary)
          }
          return bytes
        })
    }
    return measurements
  }

  public var rules: [any AppraisalRule<NVIDIAClaims>] {
    NVIDIAMembershipRule(id: .nvidiaModel, accepted: models) { $0.model }
    NVIDIAMembershipRule(id: .nvidiaDriver, accepted: drivers) { $0.report.driverVersion }
    NVIDIAMembershipRule(id: .nvidiaVBIOS, accepted: vbioses) { $0.report.vbiosVersion }
    NVIDIAMeasurementsRule(demands: measurements)
  }
}

/// A value is one of those accepted. What the report does not have is accepted by no list.
struct NVIDIAMembershipRule: AppraisalRule {
  let id: CheckID
  let accepted: Accepted<ExactText>
  let value: @Sendable (NVIDIAClaims) -> String?

  func appraise(_ claims: NVIDIAClaims, into checks: inout CheckList) {
    checks.requireMember(id, value(claims), of: accepted)
  }
}

/// Measurements that must be there, with one of the values.
struct NVIDIAMeasurementsRule: AppraisalRule {
  /// nil is the written-out `any`.
  let demands: [Int: Set<[UInt8]>]?

  func appraise(_ claims: NVIDIAClaims, into checks: inout CheckList) {
    checks.demand([.nvidiaMeasurements])
    guard let demands else { return checks.waive(.nvidiaMeasurements, because: "the policy accepts any") }
    let found = claims.report.measurements
    let different = demands.sorted { $0.key < $1.key }.filter { index, values in
      found[index].map { !values.contains($0) } ?? true
    }
    guard different.isEmpty else {
      return checks.fail(
        .nvidiaMeasurements,
        expected: different.map { "\($0.key) \($0.value.map(Hex.encode).sorted().joined(separator: " or "))" }
          .joined(separator: ", "),
        actual: different.map { "\($0.key) \(found[$0.key].map(Hex.encode) ?? "absent")" }.joined(separator: ", "))
    }
    checks.pass(.nvidiaMeasurements, demands.keys.sorted().map(String.init).joined(separator: ", "))
  }
}
