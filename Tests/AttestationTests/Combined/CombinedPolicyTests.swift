import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// A policy asks for exactly these kinds, for what each owes alone, and for one release that all of them show.
@Suite struct CombinedPolicyTests {
  /// Combinations of other kinds than the policy asks for, and bare members.
  static func otherSets() throws -> [BrowserVerifier.Case] {
    let machine = try CombinedScenario.machine()
    let three = CombinedScenario([
      try CombinedScenario.snp(), try CombinedScenario.tpm(), try CombinedScenario.enclave(),
    ])
    let enclaves = CombinedScenario([try CombinedScenario.snp(), try CombinedScenario.enclave()])
    return [
      three.item("a kind is missing", machine.evidence),
      three.item("one more than asked", policy: three.policy(["combined": ["members": .object(machine.demands)]])),
      three.item(
        "another kind", enclaves.evidence, policy: three.policy(["combined": ["members": .object(machine.demands)]])),
    ]
  }

  @Test func exactlyTheKindsThatAreAskedFor() throws {
    for item in try Self.otherSets() {
      #expect(try item.failures() == ["combined.members"], "\(item.name)")
    }
    let report = try Self.otherSets()[0].report()
    #expect(
      report.failures.first?.outcome
        == .failed(expected: "nitro-enclave and sev-snp and tpm", actual: "sev-snp and tpm"))
  }

  static func otherPlatforms() throws -> [BrowserVerifier.Case] {
    let machine = try CombinedScenario.machine()
    var cases = machine.members.map {
      machine.item("bare \($0.evidence.kind.rawValue)", $0.evidence.json)
    }
    cases.append(machine.item("a policy for its members alone", policy: machine.policy(machine.demands)))
    return cases
  }

  /// Half of what was asked for is not it, and more than was asked for was not judged.
  @Test func aMemberIsNoCombination() throws {
    for item in try Self.otherPlatforms() { #expect(try item.failures() == ["policy.platform"], "\(item.name)") }
    // Somebody who accepts both says so.
    let machine = try CombinedScenario.machine()
    var platforms = machine.demands
    platforms["combined"] = ["members": .object(machine.demands)]
    for evidence in [machine.evidence] + machine.members.map(\.evidence.json) {
      #expect(try machine.item("", evidence, policy: machine.policy(platforms)).report().verdict == .accepted)
    }
  }

  /// A demand on each member that it does not meet.
  static func unmetDemands() throws -> [(item: BrowserVerifier.Case, failure: String)] {
    let machine = try CombinedScenario.machine()
    func item(_ kind: String, _ name: String, _ value: JSON) -> BrowserVerifier.Case {
      var demands = machine.demands
      demands[kind] = demands[kind]?.setting(name, to: value)
      return machine.item("\(kind) \(name)", policy: machine.policy(["combined": ["members": .object(demands)]]))
    }
    return [
      (item("sev-snp", "vmpl", [1]), "sev-snp/snp.vmpl"),
      (item("sev-snp", "products", ["Turin"]), "sev-snp/snp.accepted-product"),
      (item("tpm", "runtime", ["code": [], "locked": true]), "tpm/runtime.code"),
      (item("tpm", "eventLog", ["secureBoot": "any", "separators": "any"]), "tpm/eventlog.present"),
    ]
  }

  @Test func eachKindIsHeldToItsOwnDemands() throws {
    for (item, failure) in try Self.unmetDemands() {
      #expect(try item.failures() == [failure], "\(item.name)")
    }
  }

  // MARK: Releases

  static func releases() throws -> [(item: BrowserVerifier.Case, isAccepted: Bool)] {
    var machine = try CombinedScenario.machine()
    let whole = machine.release("whole")
    let (snp, tpm) = (machine.release("hardware", kinds: ["sev-snp"]), machine.release("boot", kinds: ["tpm"]))
    let other = CombinedScenario([try CombinedScenario.snp(measurement: 9), try CombinedScenario.tpm()]).release(
      "other")
    func item(_ name: String, _ releases: JSON) -> BrowserVerifier.Case {
      machine.releases = releases
      return machine.item(name)
    }
    return [
      (item("one release for all members", [whole]), true), (item("and another", [other, whole]), true),
      (item("silent about the quote", [snp]), false), (item("silent about the report", [tpm]), false),
      (item("one release for each member", [snp, tpm]), false), (item("another measurement", [other]), false),
    ]
  }

  /// Two releases that match one member each are two machines.
  @Test func oneReleaseMustMatchAllMembers() throws {
    for (item, isAccepted) in try Self.releases() {
      #expect(try item.failures() == (isAccepted ? [] : ["policy.release"]), "\(item.name)")
      #expect((try item.report().verdict == .accepted) == isAccepted, "\(item.name)")
    }
  }

  @Test func registersThatDifferNameTheirKind() throws {
    let items = try Self.releases().map(\.item)
    func differing(_ item: BrowserVerifier.Case) throws -> [String] {
      try AppraisalPolicy(json: item.policy).differingRegisters(in: try item.report())
    }
    #expect(try differing(items[5]) == ["sev-snp.measurement"])
    #expect(try differing(items[4]) == [])
    #expect(try differing(items[0]) == [])
    guard case .failed(let expected, _)? = try items[5].report().failures.first?.outcome else {
      Issue.record("it is accepted")
      return
    }
    #expect(expected.hasPrefix("other 1: sev-snp.measurement 0909"))
  }

  /// A combination is measured by its members, so no release has values of its own for one.
  @Test func releasesNameMembersOnly() throws {
    let release: JSON = [
      "name": "box", "version": "1",
      "references": ["combined": ["tpm.sha256.pcr4": [.string(String(repeating: "00", count: 32))]]],
    ]
    let error = #expect(throws: FieldError.self) { try Release(json: release, path: "") }
    #expect(error?.field == "references")
  }

  // MARK: The form

  static func malformed() throws -> [(name: String, policy: JSON, field: String)] {
    let machine = try CombinedScenario.machine()
    func policy(_ members: JSON?) -> JSON {
      machine.policy(["combined": .object(members.map { ["members": $0] } ?? [:])])
    }
    let five = JSONObject(
      ["tpm", "sev-snp", "tdx", "nitro-enclave", "nitrotpm"].map {
        let demands: [String: JSON] = [
          "tpm": TPMScenario.demands(), "sev-snp": .object(SNPPolicies.open), "tdx": .object(TDXSamples.lenient),
          "nitro-enclave": .object(NitroPolicies.enclave), "nitrotpm": .object(NitroPolicies.instance),
        ]
        return ($0, demands[$0] ?? .null)
      })
    let path = "platforms.combined.members"
    var nested = machine.demands
    nested["combined"] = ["members": .object(machine.demands)]
    var vague = machine.demands
    vague["tpm"] = vague["tpm"]?.setting("clockSafe", to: nil)
    return [
      ("nothing", policy(nil), path), ("any", policy("any"), path), ("no kinds", policy([:]), path),
      ("one kind", policy(["tpm": TPMScenario.demands()]), path), ("five kinds", policy(.object(five)), path),
      ("nested", policy(.object(nested)), path),
      ("an unknown kind", policy(["tpm": TPMScenario.demands(), "sgx": [:]]), path),
      ("a demand left out", policy(.object(vague)), "\(path).tpm.clockSafe"),
      (
        "a further member", machine.policy(["combined": ["members": .object(machine.demands), "order": "any"]]),
        "platforms.combined.order"
      ),
    ]
  }

  @Test func everyDemandIsWrittenOut() throws {
    for (name, policy, field) in try Self.malformed() {
      let error = #expect(throws: FieldError.self, "\(name)") { try AppraisalPolicy(json: policy) }
      #expect(error?.field == field, "\(name)")
    }
    let machine = try CombinedScenario.machine()
    let read = try #require(try AppraisalPolicy(json: machine.policy()).platforms[.combined])
    let alone = try AppraisalPolicy(json: machine.policy(machine.demands)).platforms
    let expected: JSON = ["members": .object(JSONObject(alone.map { ($0.key.rawValue, .object($0.value.members)) }))]
    #expect(JSON.object(read.members).canonicalBytes() == expected.canonicalBytes())
  }
}
