import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// The page says of TDX evidence what this package says.
@Suite(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence)) struct TDXBrowserTests {
  static func cases() throws -> [BrowserVerifier.Case] {
    var cases: [BrowserVerifier.Case] = []
    func add(_ name: String, _ evidence: TDXEvidence, _ policy: JSON, _ at: Int64, _ binding: Binding = .any) {
      cases.append(
        BrowserVerifier.Case(name: name, evidence: Evidence(evidence).json, policy: policy, at: at, binding: binding))
    }
    let untouched: [(String, String, @Sendable (inout TDXMint) -> Void)] = [("nothing", "", { _ in })]
    for (name, check, change) in TDXMintTests.refusals + untouched {
      var mint = try TDXMint()
      change(&mint)
      add("\(name) (\(check))", try mint.evidence(), TDXSamples.policyJSON(anchors: [mint.anchorJSON]), TDXMint.time)
    }
    for count in [0, 69, 70, 71] {
      let mint = try TDXMint()
      let whole = try mint.evidence()
      let evidence = TDXEvidence(
        quote: whole.quote + [UInt8](repeating: 0, count: count), collateral: whole.collateral)
      add("\(count) zeros behind", evidence, TDXSamples.policyJSON(anchors: [mint.anchorJSON]), TDXMint.time)
    }
    let mint = try TDXPolicyTests.mint()
    for (member, accepts, refuses, _) in TDXPolicyTests.rules {
      for value in [accepts, refuses] {
        let policy = TDXSamples.policyJSON([member: value], anchors: [mint.anchorJSON])
        add(member, try mint.evidence(), policy, TDXMint.time)
      }
    }
    for (member, value, _) in TDXPolicyTests.malformed {
      add(member, try mint.evidence(), TDXSamples.policyJSON([member: value]), TDXMint.time)
    }
    for mutation in TDXMutation.collateral(of: try mint.evidence()) {
      add(mutation.name, mutation.evidence, TDXSamples.policyJSON(anchors: [mint.anchorJSON]), TDXMint.time)
    }
    return cases
  }

  @Test func thePageAgreesOnMintedEvidence() throws { try BrowserVerifier.expectAgreement(try Self.cases()) }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func thePageAgreesOnEvidenceOfMachines() throws {
    var cases: [BrowserVerifier.Case] = []
    let policy = TDXSamples.policyJSON()
    for (name, at, _, _) in TDXVectorTests.quotes {
      let attached = name.hasPrefix("gcp") ? ["gcp-cos-113/ccel_data.dat"] : []
      let evidence = try TDXSamples.evidence(name, with: attached)
      for binding in [try TDXSamples.binding(evidence), .bytes([1]), .any] {
        cases.append(
          BrowserVerifier.Case(
            name: name, evidence: Evidence(evidence).json, policy: policy, at: at, binding: binding))
      }
    }
    let complete = try TDXSamples.complete()
    for at in [TDXSamples.collateralTime] + TDXVectorTests.ends.map(\.0) {
      cases.append(
        BrowserVerifier.Case(
          name: "collateral at \(at)", evidence: Evidence(complete).json, policy: policy, at: at, binding: .any))
    }
    for (mutation, at) in try TDXMutationTests.all() {
      cases.append(
        BrowserVerifier.Case(
          name: mutation.name, evidence: Evidence(mutation.evidence).json, policy: policy, at: at, binding: .any))
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
