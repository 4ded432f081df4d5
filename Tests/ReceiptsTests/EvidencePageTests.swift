import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Foundation
import Governance
import TestSupport
import Testing

@testable import Receipts

/// Evidence by itself, and a box's answer to a nonce, given to the page in Chromium as a person would: it makes the checks that
/// this package makes, in their order.
@Suite struct EvidencePageTests {
  struct Case {
    let name: String
    let file: JSON
    let evidence: Evidence
    let binding: Binding
    let policy: JSON
    let at: Int64
    let nonce: String
    let isAccepted: Bool
  }

  private static let nonce = [UInt8](repeating: 0xA7, count: 32)
  private static let other = [UInt8](repeating: 0xA8, count: 32)
  private static let at = TDXMint.time

  private static let snp: JSON = [
    "products": "any", "signingKeys": "any", "providers": "any", "vmpl": "any", "minimumTCB": "any",
    "minimumFirmware": "any", "minimumGuestSVN": "any", "guestPolicy": "any", "platform": "any", "mitigations": "any",
    "chips": "any", "familyIDs": "any", "imageIDs": "any", "hostData": "any", "idKeys": "any", "authorKeys": "any",
  ]
  private static let tdx: JSON = [
    "collateral": "any", "tcbStatus": ["UpToDate"], "advisories": "any", "evaluationNumber": "any",
    "attributes": ["required": [], "allowed": "any"], "xfam": "any", "platforms": "any", "mrseam": "any",
    "mrsignerseam": "any", "mrconfigid": "any", "mrowner": "any", "mrownerconfig": "any", "mrservicetd": "any",
    "eventLog": "any", "runtime": ["code": "any", "locked": "any"],
  ]

  private static func policy(_ kind: String, _ demands: JSON, anchors: JSON) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "readers", "assurance": "any", "anchors": anchors, "enrolled": [],
      "releases": "any", "platforms": [kind: demands],
    ]
  }

  /// The evidence with the nonce that it was made for, and with another.
  private static func both(_ evidence: some EvidenceFormat, _ policy: JSON, at time: Int64 = at) -> [Case] {
    let evidence = Evidence(evidence)
    return [(nonce, true), (other, false)].map { nonce, isAccepted in
      Case(
        name: "\(evidence.kind.rawValue), \(isAccepted)", file: evidence.json, evidence: evidence,
        binding: .bytes(nonce), policy: policy, at: time, nonce: Hex.encode(nonce), isAccepted: isAccepted)
    }
  }

  /// An enclave, and an instance whose document and quote belong together.
  private static func documents() throws -> [Case] {
    let module = try NitroMint()
    let anchors: JSON = [
      [
        "name": "Test", "purpose": "aws-nitro",
        "certificate": .string(Base64.encode(module.root.certificate.der)), "assurance": "hardware",
      ]
    ]
    let at = NitroMint.timestamp + 5000
    let enclave: JSON = [
      "debug": false, "binding": ["nonce"], "maximumAge": 300, "instances": "any", "registers": "any",
    ]
    let instance = TestAppraisal.demands.setting("bank", to: "sha384").setting("maximumAge", to: 300)
      .setting("instances", to: "any")
    return both(
      NitroEvidence(document: try module.sign(module.enclave(nonce: nonce))),
      policy("nitro-enclave", enclave, anchors: anchors), at: at)
      + both(
        try module.instanceEvidence(.p256(), nonce: nonce), policy("nitrotpm", instance, anchors: anchors), at: at)
  }

  private static func quotes() throws -> [Case] {
    let tpm = try TestIdentity.mint.evidence(
      [try TestIdentity.registers(.sha256)], extraData: nonce,
      certificates: [try TestIdentity.mint.certificate(by: TestIdentity.root.get())])
    let hardware = try SNPMint()
    let amd: JSON = [
      [
        "name": "Test", "purpose": "amd-sev", "certificate": .string(Base64.encode(hardware.anchor.certificate.der)),
        "assurance": "hardware",
      ]
    ]
    let azure = TestAppraisal.demands.setting("snp", to: snp).setting("tdx", to: "none")
      .setting("secureBoot", to: "any").setting("console", to: "any").setting("machines", to: "any")
      .setting("userData", to: "any")
    var domain = try TDXMint()
    domain.report["report-data"] = nonce + [UInt8](repeating: 0, count: 32)
    let certified = try TestAppraisal.certified()
    let asking = certified.setting(
      "platforms", to: ["combined": ["members": ["tpm": TestAppraisal.demands, "sev-snp": snp]]]
    ).setting("anchors", to: .array((certified["anchors"]?.array ?? []) + (amd.array ?? [])))
    let report = try hardware.evidence(SNPMint.Fields(binding: nonce))
    let together = both(try CombinedEvidence([Evidence(tpm), Evidence(report)]), asking)
    return both(tpm, certified)
      + both(report, policy("sev-snp", snp, anchors: amd))
      + both(
        try AzureMint(hardware: hardware, extraData: nonce).evidence(), policy("azure-cvm", azure, anchors: amd))
      + both(try domain.evidence(), policy("tdx", tdx, anchors: [domain.anchorJSON])) + together
  }

  /// A box's answer: the keys in it are bound whatever nonce is accepted.
  private static func answers() throws -> [Case] {
    let claimed = try TestIdentity().tell(TestBox("box.example")).entry
    let identity = try BoxIdentity(stm: try #require(claimed.at("body.claim.stm")))
    let made = AttestationAnswer.binding(nonce: nonce, identity: identity)
    let quoted = Evidence(
      try TestIdentity.mint.evidence(
        [try TestIdentity.registers(.sha256)], extraData: made.bytes,
        certificates: [try TestIdentity.mint.certificate(by: TestIdentity.root.get())]))
    let answer = AttestationAnswer(nonce: nonce, identity: identity, evidence: quoted).json
    let swapped = answer.setting("identity.wrapping", to: .string(Base64.encode([UInt8](repeating: 9, count: 32))))
    let policy = try TestAppraisal.certified()
    func item(_ name: String, _ file: JSON, nonce text: String, _ isAccepted: Bool) throws -> Case {
      let read = try AttestationAnswer(json: file)
      let asked = Hex.decode(text) ?? read.nonce
      return Case(
        name: "answer, \(name)", file: file, evidence: quoted,
        binding: .bytes(AttestationAnswer.binding(nonce: asked, identity: read.identity).bytes), policy: policy,
        at: at, nonce: text, isAccepted: isAccepted)
    }
    return [
      try item("nonce", answer, nonce: Hex.encode(nonce), true),
      try item("another nonce", answer, nonce: Hex.encode(other), false),
      try item("any nonce", answer, nonce: "any", true), try item("another key", swapped, nonce: "any", false),
    ]
  }

  @Test(
    .enabled(
      if: BrowserTests.node != nil && BrowserTests.chromium != nil, "chromium is not installed"))
  func pageAgrees() throws {
    let cases = try Self.quotes() + Self.documents() + Self.answers()
    let directory = try TemporaryDirectory()
    let story = try #require(ToldStory.all.first)
    var list: [JSON] = [
      ["file": .string(try directory.write(story.bytes, to: "receipt.json")), "key": .string(story.key)]
    ]
    for (number, item) in cases.enumerated() {
      list.append([
        "file": .string(try directory.write(item.file.canonicalBytes(), to: "\(number).json")), "key": "",
        "policy": .string(try directory.write(item.policy.canonicalBytes(), to: "\(number)-policy.json")),
        "at": .integer(item.at), "nonce": .string(item.nonce),
      ])
    }
    let listing = try directory.write(JSON.array(list).canonicalBytes(), to: "cases.json")
    let run = try Subprocess.run(
      try #require(BrowserTests.node),
      [
        "\(BrowserTests.scripts)/run-in-chromium.mjs", try #require(BrowserTests.chromium), BrowserTests.page, listing,
      ])
    try #require(run.status == 0, "\(run.errors)")
    let results = try JSON(parsing: run.output, limits: .document(maxBytes: 16 << 20)).array ?? []
    try #require(results.count == cases.count + 1)
    for (item, page) in zip(cases, results.dropFirst()) {
      let report = item.evidence.appraised(
        by: try AppraisalPolicy(json: item.policy), binding: item.binding, at: item.at)
      #expect((report.verdict == .accepted) == item.isAccepted, "\(item.name): \(report.failures)")
      #expect(page["verdict"] == .string(report.verdict.rawValue), "\(item.name)")
      let checks = report.checks.map { check -> JSON in
        let isFailed = if case .failed = check.outcome { true } else { false }
        return [
          "id": .string(check.id.name), "state": .string(check.outcome.name),
          "code": .string(isFailed ? check.id.name : ""),
        ]
      }
      #expect(page["steps"] == .array(checks), "\(item.name)")
      #expect(page["titles"] == .array(report.checks.map { .string($0.id.title) }), "\(item.name)")
      #expect(
        page["judged"]?.string?.contains(PlainWords.time(item.at)) == true, "\(item.name): the time is shown")
    }
  }

  /// Both verifiers call a check by the same words, also those that no evidence here comes to.
  @Test func everyCheckHasItsTitle() throws {
    let table = try String(
      contentsOfFile: Vectors.packageRoot + "/web/verifier/attestation/titles.js", encoding: .utf8)
    let sources = Vectors.packageRoot + "/Sources/Attestation"
    let declaration = /CheckID\(\s*"(?<id>[a-z0-9.-]+)",\s*"(?<title>(?:[^"\\]|\\.)*)"\s*\)/
    var found = 0
    for case let file as String in try #require(FileManager.default.enumerator(atPath: sources))
    where file.hasSuffix(".swift") {
      for check in try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8).matches(of: declaration) {
        #expect(table.contains("  \"\(check.id)\": \"\(check.title)\",\n"), "\(check.id): \(check.title)")
        found += 1
      }
    }
    #expect(found > 100)
  }
}
