public import CanonicalJSON
import Cryptography

extension CheckID {
  static let azureHardware = CheckID("azure.hardware", "The hardware below the paravisor is of an accepted kind")
  static let azureSecureBoot = CheckID("azure.secure-boot", "The firmware checks what it boots")
  static let azureConsole = CheckID("azure.console", "The host has no console into the guest")
  static let azureMachine = CheckID("azure.machine", "The machine is an accepted one")
  static let azureUserData = CheckID("azure.user-data", "The hardware's report carries accepted data of the guest")
}

/// Which genuine evidence of Azure's confidential VMs is acceptable (docs/attestation/azure.md):
///
///     "snp": "none" or {members of the kind sev-snp}, "tdx": "none" or {members of the kind tdx, without the logs},
///     "secureBoot": true | "any", "console": false | "any", "machines": "any" | [ID, ...], "userData": "any" | [HEX, ...]
///     and the members of ``QuotePolicy`` and ``MeasurementPolicy``
public struct AzurePolicy: PlatformPolicy {
  /// nil where machines with SNP are not accepted.
  let snp: SNPPolicy?
  /// nil where machines with TDX are not accepted.
  let tdx: TDXQuotePolicy?
  let demandsSecureBoot: Bool
  let forbidsConsole: Bool
  let machines: Accepted<ExactText>
  let userData: Accepted<ExactText>
  let quote: QuotePolicy
  let measurements: MeasurementPolicy
  private let written: JSONObject

  public init(members reader: inout ObjectReader) throws(FieldError) {
    var written = JSONObject()
    snp = try Self.layer(&reader, "snp", &written) { members throws(FieldError) in try SNPPolicy(members: &members) }
    tdx = try Self.layer(&reader, "tdx", &written) { members throws(FieldError) in
      try TDXQuotePolicy(members: &members)
    }
    guard snp != nil || tdx != nil else {
      throw FieldError(field: reader.pathOf("snp"), expected: "a policy for SNP or for TDX", actual: "none for both")
    }
    demandsSecureBoot = try Self.demands(&reader, "secureBoot", true, &written)
    forbidsConsole = try Self.demands(&reader, "console", false, &written)
    machines = try reader.accepted("machines", &written) { (1...64).contains($0.utf8.count) ? ExactText($0) : nil }
    userData = try reader.accepted("userData", &written) { text in
      Hex.decode(text).flatMap { (1...64).contains($0.count) ? ExactText(text) : nil }
    }
    quote = try QuotePolicy(members: &reader)
    measurements = try MeasurementPolicy(members: &reader)
    self.written = written
  }

  private static func layer<Value>(
    _ reader: inout ObjectReader, _ name: String, _ written: inout JSONObject,
    _ read: (inout ObjectReader) throws(FieldError) -> Value
  ) throws(FieldError) -> Value? {
    let json = try reader.json(name)
    written[name] = json
    if json.string == "none" { return nil }
    var members = try ObjectReader(json, path: reader.pathOf(name))
    let value = try read(&members)
    try members.finish()
    return value
  }

  private static func demands(
    _ reader: inout ObjectReader, _ name: String, _ value: Bool, _ written: inout JSONObject
  ) throws(FieldError) -> Bool {
    let json = try reader.json(name)
    written[name] = json
    if json == .bool(value) { return true }
    guard json.string == "any" else {
      throw FieldError(field: reader.pathOf(name), expected: "\(value) or any", actual: json.summary)
    }
    return false
  }

  public var members: JSONObject {
    var object = written
    for (name, value) in quote.members { object[name] = value }
    for (name, value) in measurements.members { object[name] = value }
    return object
  }

  public var rules: [any AppraisalRule<AzureClaims>] {
    HardwareRule(snp: snp, tdx: tdx)
    FlagRule(id: .azureSecureBoot, demanded: demandsSecureBoot ? true : nil) { $0.runtimeData.secureBoot }
    FlagRule(id: .azureConsole, demanded: forbidsConsole ? false : nil) { $0.runtimeData.console }
    MembershipRule(id: .azureMachine, accepted: machines) { $0.runtimeData.machineID }
    MembershipRule(id: .azureUserData, accepted: userData) { $0.runtimeData.userData }
    QuoteRule(quote: quote, measurements: measurements)
  }

  private struct HardwareRule: AppraisalRule {
    let snp: SNPPolicy?
    let tdx: TDXQuotePolicy?

    func appraise(_ claims: AzureClaims, into checks: inout CheckList) {
      checks.demand([.azureHardware])
      switch (claims.hardware, snp, tdx) {
      case (.snp(let claims), let policy?, _):
        checks.pass(.azureHardware, "snp")
        policy.appraise(claims, into: &checks)
      case (.tdx(let quote), _, let policy?):
        checks.pass(.azureHardware, "tdx")
        policy.appraise(quote, into: &checks)
      case (.snp, nil, _): checks.fail(.azureHardware, expected: "tdx", actual: "snp")
      case (.tdx, _, nil): checks.fail(.azureHardware, expected: "snp", actual: "tdx")
      }
    }
  }

  private struct FlagRule: AppraisalRule {
    let id: CheckID
    /// nil accepts any.
    let demanded: Bool?
    let value: @Sendable (AzureClaims) -> Bool?

    func appraise(_ claims: AzureClaims, into checks: inout CheckList) {
      checks.demand([id])
      guard let demanded else { return checks.waive(id, because: "the policy accepts any") }
      let actual = value(claims)
      checks.require(id, actual == demanded, expected: "\(demanded)", actual: actual.map { "\($0)" } ?? "not said")
    }
  }

  private struct MembershipRule: AppraisalRule {
    let id: CheckID
    let accepted: Accepted<ExactText>
    let value: @Sendable (AzureClaims) -> String?

    func appraise(_ claims: AzureClaims, into checks: inout CheckList) {
      checks.requireMember(id, value(claims), of: accepted)
    }
  }

  private struct QuoteRule: AppraisalRule {
    let quote: QuotePolicy
    let measurements: MeasurementPolicy

    func appraise(_ claims: AzureClaims, into checks: inout CheckList) {
      quote.appraise(claims.quote, into: &checks)
      measurements.appraise(claims.measurements, into: &checks)
    }
  }
}
