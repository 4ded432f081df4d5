import Cryptography

extension CheckID {
  static let nitroDebug = CheckID("nitro.debug", "The enclave does not run in debug mode")
  static let nitroField = CheckID("nitro.field", "An accepted member carries what the caller asked for")
  static let nitroAge = CheckID("nitro.age", "The document is not older than the policy accepts")
  static let nitroInstance = CheckID("nitro.instance", "The instance is an accepted one")
  static let nitroRegisters = CheckID("nitro.registers", "The registers have values that the policy accepts")
}

/// An enclave in debug mode is an open book for its parent, and measures nothing: image, kernel and application are zero.
struct NitroDebugRule: AppraisalRule {
  /// false is the written-out `any`.
  let isDemanded: Bool

  func appraise(_ claims: NitroClaims, into checks: inout CheckList) {
    checks.demand([.nitroDebug])
    guard isDemanded else { return checks.waive(.nitroDebug, because: "the policy accepts debug mode") }
    checks.require(
      .nitroDebug, !claims.isDebug, expected: "image, kernel and application measured",
      actual: claims.isDebug ? "PCR 0, 1 and 2 are zero: debug mode" : "measured")
  }
}

/// Code inside an enclave chooses what it has signed: a policy may trust it for one member, and not for another.
struct NitroFieldRule: AppraisalRule {
  let fields: Accepted<NitroField>

  func appraise(_ claims: NitroClaims, into checks: inout CheckList) {
    checks.demand([.nitroField])
    guard case .only(let accepted) = fields else { return checks.waive(.nitroField, because: "the policy accepts any") }
    guard let bound = claims.bound else {
      return checks.waive(.nitroField, because: "the caller asked for no nonce: this may be a replay")
    }
    checks.require(
      .nitroField, !bound.isDisjoint(with: accepted),
      expected: accepted.map(\.rawValue).sorted().joined(separator: " or "),
      actual: bound.map(\.rawValue).sorted().joined(separator: ", "))
  }
}

/// A certificate is valid for hours; who asks now can demand a document of now.
struct NitroAgeRule<Claims: EvidenceClaims>: AppraisalRule {
  /// nil is the written-out `any`.
  let seconds: Int64?
  let document: @Sendable (Claims) -> (NitroDocument, age: Int64)

  func appraise(_ claims: Claims, into checks: inout CheckList) {
    checks.demand([.nitroAge])
    guard let seconds else { return checks.waive(.nitroAge, because: "the policy accepts any age") }
    let (document, age) = document(claims)
    checks.require(.nitroAge, age <= seconds * 1000, expected: "at most \(seconds) s", actual: "\(age) ms")
    checks.limit(until: document.timestamp + seconds * 1000)
  }
}

/// The instance, as the module names it.
struct NitroInstanceRule<Claims: EvidenceClaims>: AppraisalRule {
  let instances: Accepted<ExactText>
  let instance: @Sendable (Claims) -> String

  func appraise(_ claims: Claims, into checks: inout CheckList) {
    checks.requireMember(.nitroInstance, instance(claims), of: instances)
  }
}

/// Registers by their meaning: who signed the image, which role the parent has.
struct NitroRegistersRule: AppraisalRule {
  /// nil is the written-out `any`.
  let demands: [Int: Accepted<[UInt8]>]?

  func appraise(_ claims: NitroClaims, into checks: inout CheckList) {
    checks.demand([.nitroRegisters])
    guard let demands else {
      return checks.waive(.nitroRegisters, because: "the policy accepts any values of any registers")
    }
    let pcrs = claims.document.pcrs
    let different = demands.sorted { $0.key < $1.key }.filter { index, accepted in
      pcrs[index].map { !accepted.accepts($0) } ?? true
    }
    guard different.isEmpty else {
      return checks.fail(
        .nitroRegisters, expected: different.map { Self.text($0.key, $0.value) }.joined(separator: ", "),
        actual: different.map { "\(NitroRegister.name($0.key)) \(pcrs[$0.key].map(Hex.encode) ?? "absent")" }
          .joined(separator: ", "))
    }
    checks.pass(.nitroRegisters, demands.keys.sorted().map(NitroRegister.name).joined(separator: ", "))
  }

  private static func text(_ index: Int, _ accepted: Accepted<[UInt8]>) -> String {
    switch accepted {
    case .any: "\(NitroRegister.name(index)) present"
    case .only(let values):
      "\(NitroRegister.name(index)) \(values.map(Hex.encode).sorted().joined(separator: " or "))"
    }
  }
}
