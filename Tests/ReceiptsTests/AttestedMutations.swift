import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Receipts

/// A receipt of a box that claims an identity, and the policy against which its reader holds the evidence.
struct AttestedReceipt: CustomStringConvertible, Sendable {
  let name: String
  let bytes: [UInt8]
  var policy: JSON?
  /// Unix milliseconds; nil for when the identity was recorded.
  var at: Int64?
  /// What the steps `identity`, `evidence`, `release` and, of a run, `measured` come to: an outcome's name, or a code.
  let outcomes: [String]

  var description: String { "\(name): \(outcomes.joined(separator: ", "))" }
}

/// What can hold, be missing or be wrong below the checkpoint of a receipt.
enum AttestedReceipts {
  static let all: [AttestedReceipt] = {
    do {
      return try told() + identities() + evidence() + measured() + combined()
    } catch {
      Issue.record("a receipt cannot be made: \(error)")
      return []
    }
  }()

  static func action(_ identity: TestIdentity) throws -> TestLog {
    var story = try Stories.quorum()
    story.identity = identity
    return try story.log()
  }

  static func run(_ identity: TestIdentity) throws -> TestLog {
    var story = try RunStories.answered()
    story.registration.identity = identity
    return try story.log()
  }

  /// The same of an action and of a run.
  private static func both(
    _ name: String, _ outcomes: [String], policy: JSON? = nil, at: Int64? = nil,
    _ change: (inout TestIdentity) throws -> Void = { _ in }, tamper: (inout JSON) throws -> Void = { _ in }
  ) throws -> [AttestedReceipt] {
    var identity = TestIdentity()
    try change(&identity)
    return try [("action", action), ("run", run)].map { kind, tell in
      var receipt = try tell(identity).receipt()
      try tamper(&receipt)
      // The machine measures no code, unless it is told to.
      let measured = outcomes[1] == "passed" ? "not-applicable" : "not-proved"
      return AttestedReceipt(
        name: "\(kind), \(name)", bytes: receipt.canonicalBytes(), policy: policy, at: at,
        outcomes: outcomes + (kind == "run" ? [measured] : []))
    }
  }

  /// A run, and what its machine measured.
  private static func run(
    _ name: String, _ events: [RuntimeEvent], policy: JSON?, _ outcomes: [String],
    tamper: @escaping (inout JSON) -> Void = { _ in }
  ) throws -> AttestedReceipt {
    let identity = TestIdentity(runtime: events, evidenceEdit: tamper)
    return AttestedReceipt(
      name: "run, \(name)", bytes: try run(identity).receipt().canonicalBytes(), policy: policy, outcomes: outcomes)
  }

  private static func measured() throws -> [AttestedReceipt] {
    let certified = try TestAppraisal.certified()
    let manifest = try SHA256.hash(RunStories.answered().fullManifest.canonicalBytes())
    let rules = try RuntimeEvent(kind: .policy, name: "constitution 1", digest: SHA256.hash([1]))
    let tool = try RuntimeEvent(kind: .tool, name: "invoice-triage 1.0.0", digest: manifest)
    let other = try RuntimeEvent(kind: .tool, name: "invoice-triage 1.0.0", digest: SHA256.hash([2]))
    let model = try RuntimeEvent(kind: .model, name: "invoice-triage 1.0.0", digest: manifest)
    let accepted = ["passed", "passed", "not-proved"]
    return [
      try run("measured", [rules, tool], policy: certified, accepted + ["passed"]),
      try run(
        "measured, no policy", [rules, tool], policy: nil, ["passed", "not-proved", "not-proved", "not-proved"]),
      try run("not measured, no policy", [rules], policy: nil, ["passed", "not-proved", "not-proved", "not-proved"]),
      try run("not measured", [rules], policy: certified, accepted + ["measured.tool"]),
      try run("nothing measured", [], policy: certified, accepted + ["measured.tool"]),
      try run("another tool of its name", [rules, other], policy: certified, accepted + ["measured.tool"]),
      try run("a model of its digest", [rules, model], policy: certified, accepted + ["measured.tool"]),
      // Events that the register does not replay to are nobody's.
      try run(
        "taken out", [rules, tool], policy: certified,
        ["passed", "evidence.runtime.replay", "not-proved", "not-proved"]
      ) { $0 = $0.setting("runtime.1", to: nil) },
      try run(
        "put in", [rules], policy: certified, ["passed", "evidence.runtime.replay", "not-proved", "not-proved"]
      ) { $0 = $0.setting("runtime", to: [rules.json, tool.json]) },
    ]
  }

  /// The quote beside a report of the processor, both bound to the identity.
  private static func combined() throws -> [AttestedReceipt] {
    let mint = try SNPMint()
    let report: ([UInt8]) throws -> Evidence = { Evidence(try mint.evidence(SNPMint.Fields(binding: $0))) }
    let snp = JSONObject(
      [
        "products", "signingKeys", "providers", "vmpl", "minimumTCB", "minimumFirmware", "minimumGuestSVN",
        "guestPolicy", "platform", "mitigations", "chips", "familyIDs", "imageIDs", "hostData", "idKeys", "authorKeys",
      ].map { ($0, "any") })
    let certified = try TestAppraisal.certified()
    let amd: JSON = [
      "name": "AMD of tests", "purpose": "amd-sev", "certificate": .string(Base64.encode(mint.anchor.certificate.der)),
      "assurance": "hardware",
    ]
    func asking(_ kinds: JSONObject) -> JSON {
      certified.setting("anchors", to: .array((certified["anchors"]?.array ?? []) + [amd]))
        .setting("platforms", to: ["combined": ["members": .object(kinds)]])
    }
    let policy = asking(["tpm": TestAppraisal.demands, "sev-snp": .object(snp)])
    let manifest = try SHA256.hash(RunStories.answered().fullManifest.canonicalBytes())
    let tool = try RuntimeEvent(kind: .tool, name: "invoice-triage 1.0.0", digest: manifest)
    func run(_ name: String, _ events: [RuntimeEvent], _ outcome: String) throws -> AttestedReceipt {
      let identity = TestIdentity(runtime: events, companion: report)
      return AttestedReceipt(
        name: "run, combined, \(name)", bytes: try Self.run(identity).receipt().canonicalBytes(), policy: policy,
        outcomes: ["passed", "passed", "not-proved", outcome])
    }
    func wrong(_ code: String) -> [String] { ["passed", "evidence.\(code)", "not-proved"] }
    var all = [try run("measured", [tool], "passed"), try run("not measured", [], "measured.tool")]
    all += try both("combined", ["passed", "passed", "not-proved"], policy: policy) { $0.companion = report }
    all += try both("combined, no policy", ["passed", "not-proved", "not-proved"]) { $0.companion = report }
    all += try both("half of it", wrong("policy.platform"), policy: policy)
    let alone = policy.setting("platforms", to: ["tpm": TestAppraisal.demands])
    all += try both("more than asked", wrong("policy.platform"), policy: alone) { $0.companion = report }
    let other = asking(["gcp-vtpm": gcp, "sev-snp": .object(snp)])
    all += try both("another set", wrong("combined.members"), policy: other) { $0.companion = report }
    all += try both("somebody else's report", wrong("sev-snp/snp.binding"), policy: policy) {
      $0.companion = { _ in try report([UInt8](repeating: 9, count: 32)) }
    }
    all += try both("somebody else's quote", wrong("tpm/tpm.nonce"), policy: policy) {
      $0.companion = report
      $0.extraData = [UInt8](repeating: 9, count: 32)
    }
    return all
  }

  private static func told() throws -> [AttestedReceipt] {
    let certified = try TestAppraisal.certified()
    return try both("without a policy", ["passed", "not-proved", "not-proved"])
      + both("any software of hardware", ["passed", "passed", "not-proved"], policy: certified)
      + both("a release on software", ["passed", "passed", "passed"], policy: try TestAppraisal.enrolled())
      + both("later", ["passed", "passed", "not-proved"], policy: certified, at: Story.start + 86_400_000)
      + both("evidence not kept", ["passed", "not-proved", "not-proved"], policy: certified) {
        $0.carried = { _ in nil }
      }
      + both("expired", ["not-proved", "not-proved", "not-proved"], policy: certified) {
        $0.claimEdit = { $0["exp"] = .integer(TestIdentity.at / 1000 + 1) }
      }
  }

  private static func identities() throws -> [AttestedReceipt] {
    let policy = try TestAppraisal.certified()
    let other = try TestBox("other.example")
    func wrong(
      _ code: String, _ change: (inout TestIdentity) throws -> Void = { _ in },
      tamper: (inout JSON) throws -> Void = { _ in }
    ) throws -> [AttestedReceipt] {
      try both("wrong", [code, "not-proved", "not-proved"], policy: policy, change, tamper: tamper)
    }
    func claim(_ code: String, _ name: String, _ value: JSON?) throws -> [AttestedReceipt] {
      try wrong(code) { $0.claimEdit = { $0[name] = value } }
    }
    func stm(_ code: String, _ name: String, _ value: JSON?) throws -> [AttestedReceipt] {
      try wrong(code) { $0.identityEdit = { $0[name] = value } }
    }
    return try claim("identity.issuer", "iss", "other.example") + claim("identity.subject", "sub", "other.example")
      + stm("identity.box", "box", "other.example") + stm("identity.es256", "es256", .string(other.es256Text))
      + stm("identity.ed25519", "ed25519", try other.keys()["ed25519"])
      + wrong("identity.key") { $0.signer = other.es256 }
      + wrong("identity.signature") { $0.signedEdit = { $0 = $0.setting("nce", to: "identity-2") } }
      + wrong("identity.signature") { $0.signedEdit = { $0 = $0.setting("sig", to: nil) } }
      + wrong("identity.signature") { $0.signedEdit = { $0 = $0.setting("sig.0", to: nil) } }
      + claim("identity.signature", "exp", .integer(TestIdentity.at / 1000))
      + claim("identity.signature", "nbf", .integer(TestIdentity.at / 1000 + 1))
      + claim("entries.body", "ocp", 2) + claim("entries.body", "stm", [:])
      + stm("entries.body", "format", "safebox-identity/v2") + stm("entries.body", "channel", "AQ==")
      + stm("entries.body", "wrapping", nil) + stm("entries.body", "nonce", "00")
      + stm("entries.body", "log", ["size": -1, "root": .string(digest(of: "a root"))])
      + stm("entries.body", "counter", -1) + stm("entries.body", "more", 1)
      + wrong("identity.inclusion", tamper: { $0 = $0.setting("identity.index", to: 4) })
      + wrong("identity.inclusion", tamper: { $0 = $0.setting("identity.index", to: 999) })
      + wrong("identity.inclusion", tamper: { $0 = $0.setting("identity.proof.0", to: $0.at("identity.proof.1")) })
      + wrong("identity.inclusion", tamper: { $0 = $0.setting("identity.proof", to: []) })
      + wrong(
        "identity.inclusion", tamper: { $0.edit("identity.entry") { $0.replacingFirst("\"at\":1", with: "\"at\":2") } })
      + wrong("entries.role-kind", tamper: { $0 = $0.setting("identity", to: $0.at("entries.0")) })
      + wrong("entries.canonical", tamper: { $0.edit("identity.entry") { " " + $0 } })
      + wrong("entries.json", tamper: { $0.edit("identity.entry") { String($0.dropLast()) } })
      + wrong(
        "entries.field",
        tamper: { $0.edit("identity.entry") { $0.replacingFirst("identity.claimed", with: "nothing") } })
      + wrong("identity.evidence") { $0.carried = { $0.setting("pcrs", to: [:]) } }
      + wrong("identity.evidence") { $0.carried = { _ in [:] } }
      + wrong("identity.evidence-format") { $0.evidenceEdit = { $0 = $0.setting("kind", to: "abacus") } }
      + wrong("identity.evidence-format") { $0.evidenceEdit = { $0 = $0.setting("quote", to: nil) } }
      + wrong("identity.evidence-format") { $0.evidenceEdit = { $0 = $0.setting("more", to: 1) } }
  }

  private static func evidence() throws -> [AttestedReceipt] {
    let (certified, enrolled) = (try TestAppraisal.certified(), try TestAppraisal.enrolled())
    func wrong(
      _ id: String, _ policy: JSON? = nil, at: Int64? = nil, _ change: (inout TestIdentity) throws -> Void = { _ in }
    ) throws -> [AttestedReceipt] {
      try both("wrong", ["passed", "evidence.\(id)", "not-proved"], policy: policy ?? certified, at: at, change)
    }
    func flipped(_ text: String?) -> JSON? {
      guard var bytes = text.flatMap({ Base64.decode($0) }), !bytes.isEmpty else { return nil }
      bytes[bytes.count - 1] ^= 1
      return .string(Base64.encode(bytes))
    }
    let demand = "platforms.tpm."
    return try wrong("tpm.nonce") { $0.extraData = [UInt8](repeating: 9, count: 32) }
      + wrong("tpm.quote") { $0.quoteEdit = { $0.magic = 1 } }
      + wrong("tpm.signature") {
        $0.evidenceEdit = { $0 = $0.setting("signature", to: flipped($0["signature"]?.string)) }
      }
      + wrong("tpm.pcr-digest") { $0.quoteEdit = { $0.pcrDigest[0] ^= 1 } }
      + wrong("tpm.bank", certified.setting(demand + "bank", to: "sha256")) { $0.bank = .sha1 }
      + wrong("tpm.ak") { $0.evidenceEdit = { $0 = $0.setting("akPublic", to: nil) } }
      + wrong("tpm.ak-trust", certified.setting("anchors", to: []))
      + wrong("tpm.ak-trust", at: CertificateMint.notAfter + 1000)
      + wrong("policy.platform", certified.setting("platforms", to: ["gcp-vtpm": gcp]))
      + wrong("policy.assurance", try TestAppraisal.certified("software"))
      + wrong("policy.assurance", enrolled.setting("assurance", to: "hardware"))
      + wrong(
        "policy.release",
        enrolled.setting("releases.0", to: try TestAppraisal.release([UInt8](repeating: 4, count: 32))))
      + wrong("tpm.policy-registers", certified.setting(demand + "registers", to: ["pcr9": "any"]))
  }

  private static let gcp = TestAppraisal.demands.setting("production", to: "any").setting("projects", to: "any")
    .setting("zones", to: "any")
}

@Suite struct AttestedTests {
  private func report(_ item: AttestedReceipt) throws -> ReceiptReport {
    try ReceiptVerifier(expecting: .anyBox, appraisal: item.expectation).verify(item.bytes)
  }

  @Test(arguments: AttestedReceipts.all) func comesToItsOutcomes(_ item: AttestedReceipt) throws {
    let report = try report(item)
    let steps = report.steps.filter { [.identity, .evidence, .release, .measured].contains($0.id) }
    #expect(steps.map { $0.outcome.failure?.code ?? $0.outcome.name } == item.outcomes, "\(report.failures)")
    let isRefused = item.outcomes.contains { $0.contains(".") }
    #expect(report.verdict == (isRefused ? .rejected : .accepted))
    #expect(report.failures.count == (isRefused ? 1 : 0), "nothing else is wrong with it: \(report.failures)")
  }

  /// One for each reason that docs/receipts.md names.
  @Test func everyCodeHasItsReceipt() {
    let codes = Set(AttestedReceipts.all.flatMap(\.outcomes))
    for reason in [
      "inclusion", "issuer", "subject", "box", "es256", "ed25519", "key", "signature", "evidence", "evidence-format",
    ] {
      #expect(codes.contains("identity.\(reason)"))
    }
  }
}

extension AttestedReceipt {
  var expectation: EvidenceExpectation? {
    get throws {
      guard let policy else { return nil }
      return EvidenceExpectation(policy: try AppraisalPolicy(json: policy), time: at.map { .at($0) } ?? .ofClaim)
    }
  }
}
