public import CanonicalJSON
public import Cryptography

extension CheckID {
  static let eventLogPresent = CheckID("eventlog.present", "There is an event log, where the policy asks for one")
  static let eventLogSecureBoot = CheckID("eventlog.secure-boot", "Images were checked before they ran")
  static let eventLogSeparators = CheckID(
    "eventlog.separators", "Each register of the firmware is closed once, and its policy stands before that")
  static let runtimeCode = CheckID("runtime.code", "Only accepted code was measured while the box ran")
  static let runtimeLocked = CheckID("runtime.locked", "No further code can be measured until the next start")
}

/// What a kind's policy demands of its logs: members `eventLog` and `runtime`, beside the kind's own.
///
///     "eventLog": "any" or {"secureBoot": true | "any", "separators": "regular" | "any"}
///     "runtime": {"code": "any" | [HEX, ...], "locked": true | "any"}
public struct MeasurementPolicy: Sendable, Hashable {
  public static let maxCode = 8192

  /// What is demanded of an event log, which must be there.
  public struct BootRule: Sendable, Hashable {
    /// Whether secure boot must be proved; false is the written-out `any`.
    public let demandsSecureBoot: Bool
    /// Whether ``BootFacts/irregularities`` are refused; false is the written-out `any`.
    public let demandsRegularSeparators: Bool
  }

  /// nil is the written-out `any`: there may be no event log. One that is there is verified all the same.
  public let eventLog: BootRule?
  /// SHA-256 digests of code that may be measured while the box runs.
  public let code: Accepted<SHA256Digest>
  /// Whether a lock must end the runtime events; false is the written-out `any`.
  public let demandsLock: Bool

  /// Takes the members `eventLog` and `runtime`, both of which must be there.
  public init(members reader: inout ObjectReader) throws(FieldError) {
    if try reader.json("eventLog").string == "any" {
      eventLog = nil
    } else {
      var rule = try reader.object("eventLog")
      eventLog = BootRule(
        demandsSecureBoot: try Self.demands("secureBoot", true, "true", &rule),
        demandsRegularSeparators: try Self.demands("separators", "regular", "regular", &rule))
      try rule.finish()
    }
    var rule = try reader.object("runtime")
    code = try Self.code(&rule)
    demandsLock = try Self.demands("locked", true, "true", &rule)
    try rule.finish()
  }

  /// A member that is one value, or `any`.
  private static func demands(
    _ name: String, _ value: JSON, _ text: String, _ reader: inout ObjectReader
  ) throws(FieldError) -> Bool {
    let found = try reader.json(name)
    if found == value { return true }
    guard found.string == "any" else {
      throw FieldError(field: reader.pathOf(name), expected: "\(text) or any", actual: found.summary)
    }
    return false
  }

  private static func code(_ reader: inout ObjectReader) throws(FieldError) -> Accepted<SHA256Digest> {
    if try reader.json("code").string == "any" { return .any }
    var digests: Set<SHA256Digest> = []
    for (index, value) in try reader.array("code", maxCount: maxCode).enumerated() {
      guard let text = value.string, let digest = SHA256Digest(hex: text) else {
        throw FieldError(
          field: "\(reader.pathOf("code"))[\(index)]", expected: "64 lower-case hexadecimal digits",
          actual: value.summary)
      }
      digests.insert(digest)
    }
    return .only(digests)
  }

  /// `eventLog` and `runtime`.
  public var members: JSONObject {
    let boot: JSON? = eventLog.map {
      [
        "secureBoot": $0.demandsSecureBoot ? true : "any",
        "separators": $0.demandsRegularSeparators ? "regular" : "any",
      ]
    }
    let digests: JSON =
      switch code {
      case .any: "any"
      case .only(let digests): .array(digests.sorted().map { .string($0.hex) })
      }
    return ["eventLog": boot ?? "any", "runtime": ["code": digests, "locked": demandsLock ? true : "any"]]
  }

  /// Demands and makes its checks.
  public func appraise(_ claims: MeasurementClaims, into checks: inout CheckList) {
    checks.demand([.eventLogPresent, .eventLogSecureBoot, .eventLogSeparators, .runtimeCode, .runtimeLocked])
    appraiseBoot(claims.boot, into: &checks)
    appraiseRuntime(claims.runtime, into: &checks)
  }

  private func appraiseBoot(_ boot: BootFacts?, into checks: inout CheckList) {
    guard let eventLog else {
      for id in [CheckID.eventLogPresent, .eventLogSecureBoot, .eventLogSeparators] {
        checks.waive(id, because: "the policy accepts any event log, or none")
      }
      return
    }
    guard let boot else { return checks.fail(.eventLogPresent, expected: "an event log", actual: "none") }
    checks.pass(.eventLogPresent, "\(boot.registers.count) registers")
    if eventLog.demandsSecureBoot {
      checks.require(
        .eventLogSecureBoot, boot.secureBoot == true, expected: "on",
        actual: boot.secureBoot == false ? "off" : "not proved")
    } else {
      checks.waive(.eventLogSecureBoot, because: "the policy accepts any state of secure boot")
    }
    if eventLog.demandsRegularSeparators {
      checks.require(
        .eventLogSeparators, boot.irregularities.isEmpty, expected: "one separator in each register of the firmware",
        actual: boot.irregularities.isEmpty ? "regular" : boot.irregularities.map(\.text).joined(separator: ", "))
    } else {
      checks.waive(.eventLogSeparators, because: "the policy accepts irregular logs")
    }
  }

  private func appraiseRuntime(_ runtime: RuntimeLog?, into checks: inout CheckList) {
    switch (code, runtime) {
    case (.any, _): checks.waive(.runtimeCode, because: "the policy accepts any code")
    case (.only, nil): checks.fail(.runtimeCode, expected: "a log of runtime events", actual: "none")
    case (.only(let accepted), let log?):
      let others = log.events.filter { $0.kind != .lock && !accepted.contains($0.digest) }
      checks.require(
        .runtimeCode, others.isEmpty, expected: "accepted code only",
        actual: others.isEmpty
          ? "\(log.events.count) events"
          : others.prefix(8).map { "\($0.kind.name) \($0.digest)" }.joined(separator: ", "))
    }
    if demandsLock {
      checks.require(
        .runtimeLocked, runtime?.isLocked == true, expected: "a lock at the end",
        actual: runtime == nil ? "no runtime events" : "\(runtime?.isLocked == true ? "locked" : "not locked")")
    } else {
      checks.waive(.runtimeLocked, because: "the policy accepts a box that is not locked")
    }
  }
}
