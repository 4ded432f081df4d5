import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Each member of the policy with a value that accepts and one that refuses.
@Suite struct TDXPolicyTests {
  static func list(_ values: [UInt8]...) -> JSON { .array(values.map { .string(Hex.encode($0)) }) }

  static let rules: [(member: String, accepts: JSON, refuses: JSON, check: String)] = [
    ("evaluationNumber", 17, 18, "tdx.evaluation-number"),
    ("tcbStatus", ["UpToDate"], ["OutOfDate"], "tdx.tcb-status"),
    (
      "attributes", ["required": ["sept-ve-disable"], "allowed": []], ["required": ["pks"], "allowed": "any"],
      "tdx.attributes"
    ),
    (
      "attributes", ["required": [], "allowed": ["sept-ve-disable"]], ["required": [], "allowed": ["pks"]],
      "tdx.attributes"
    ),
    ("xfam", ["e702060000000000"], ["e700060000000000"], "tdx.xfam"),
    ("platforms", list([UInt8](repeating: 0xAB, count: 16)), list([UInt8](repeating: 0xAC, count: 16)), "tdx.platform"),
    ("mrseam", list([UInt8](repeating: 0x22, count: 48)), [], "tdx.mrseam"),
    (
      "mrsignerseam", list([UInt8](repeating: 0, count: 48)), list([UInt8](repeating: 1, count: 48)), "tdx.mrsignerseam"
    ),
    ("mrconfigid", list([UInt8](repeating: 0, count: 48)), list([UInt8](repeating: 1, count: 48)), "tdx.mrconfigid"),
    ("mrowner", list([UInt8](repeating: 0, count: 48)), list([UInt8](repeating: 1, count: 48)), "tdx.mrowner"),
    (
      "mrownerconfig", list([UInt8](repeating: 0, count: 48)), list([UInt8](repeating: 1, count: 48)),
      "tdx.mrownerconfig"
    ),
    ("mrservicetd", list([UInt8](repeating: 0, count: 48)), list([UInt8](repeating: 1, count: 48)), "tdx.mrservicetd"),
    ("collateral", "required", "required", "tdx.collateral"),
    ("eventLog", "any", ["secureBoot": true, "separators": "any"], "eventlog.present"),
    ("runtime", ["code": "any", "locked": "any"], ["code": [], "locked": "any"], "runtime.code"),
  ]

  static func mint() throws -> TDXMint {
    var mint = try TDXMint()
    mint.version = 5
    mint.bodyType = 3
    return mint
  }

  @Test func eachRuleAcceptsAndRefuses() throws {
    let mint = try Self.mint()
    for (member, accepts, refuses, check) in Self.rules {
      let accepted = try TDXMintTests.report(of: mint, [member: accepts])
      #expect(accepted.verdict == .accepted, "\(member): \(accepted.failures)")
      var poor = mint
      poor.hasCollateral = member != "collateral"
      let refused = try TDXMintTests.report(of: poor, [member: refuses])
      #expect(refused.verdict == .rejected, "\(member)")
      #expect(refused.failed == [check], "\(member): \(refused.failed)")
    }
  }

  /// A TD report 1.0 does not say which service domains are bound.
  @Test func aFieldThatIsAbsentIsNoValue() throws {
    let mint = try TDXMint()
    let zeros = Self.list([UInt8](repeating: 0, count: 48))
    #expect(try TDXMintTests.report(of: mint, ["mrservicetd": zeros]).failed == ["tdx.mrservicetd"])
  }

  @Test func aRuleThatIsNotWrittenIsAnError() throws {
    for name in TDXSamples.lenient.keys {
      var platform = TDXSamples.lenient
      platform[name] = nil
      guard case .object(var policy) = TDXSamples.policyJSON() else { continue }
      policy["platforms"] = ["tdx": .object(platform)]
      let error = #expect(throws: FieldError.self) { try AppraisalPolicy(json: .object(policy)) }
      #expect(error?.field == "platforms.tdx.\(name)")
    }
  }

  static let malformed: [(String, JSON, String)] = [
    ("collateral", "maybe", "collateral"), ("tcbStatus", [], "tcbStatus"), ("tcbStatus", "any", "tcbStatus"),
    ("tcbStatus", ["Revoked"], "tcbStatus"), ("advisories", [""], "advisories"), ("advisories", true, "advisories"),
    ("evaluationNumber", -1, "evaluationNumber"), ("evaluationNumber", "17", "evaluationNumber"),
    ("attributes", ["required": [], "allowed": "all"], "attributes.allowed"),
    ("attributes", ["required": ["debug"], "allowed": "any"], "attributes.required"),
    ("attributes", ["required": []], "attributes.allowed"),
    ("attributes", ["required": [], "allowed": [], "more": 1], "attributes.more"),
    ("xfam", ["E702060000000000"], "xfam"), ("xfam", ["e7"], "xfam"), ("mrseam", ["00"], "mrseam"),
    ("debug", "any", "debug"),
  ]

  @Test func malformedRulesAreNamed() throws {
    for (member, value, field) in Self.malformed {
      let error = #expect(throws: FieldError.self, "\(member)") { try TDXSamples.policy([member: value]) }
      #expect(error?.field == "platforms.tdx.\(field)")
    }
  }

  /// What a policy writes is what it read.
  @Test func membersAreWrittenAsRead() throws {
    for (member, accepts, _, _) in Self.rules {
      let platform = TDXSamples.platform([member: accepts])
      var reader = ObjectReader(members: platform)
      #expect(JSON.object(try TDXPolicy(members: &reader).members) == .object(platform), "\(member)")
    }
  }
}
