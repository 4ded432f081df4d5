import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import KeyRelease

/// A box is known by the key of its TPM, also where the TPM's quote comes in a combination.
@Suite struct CombinedVerdictTests {
  private static let nonce = [UInt8](repeating: 0xD1, count: 32)
  private static let at = NitroMint.timestamp + 1000
  private static let value = [UInt8](repeating: 4, count: 32)
  private static let demands: JSONObject = [
    "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
    "runtime": ["code": "any", "locked": "any"],
  ]
  private static let snpDemands = JSONObject(
    [
      "products", "signingKeys", "providers", "vmpl", "minimumTCB", "minimumFirmware", "minimumGuestSVN",
      "guestPolicy", "platform", "mitigations", "chips", "familyIDs", "imageIDs", "hostData", "idKeys", "authorKeys",
    ].map { ($0, "any") })

  private let snp: SNPMint
  private let root: CertificateMint
  private let tpm = TPMMint.p256()

  init() throws {
    snp = try SNPMint()
    root = try CertificateMint.root("Root of tests", key: MintKeys.p256)
  }

  private func registers() throws -> PCRBank { try PCRBank(algorithm: .sha256, values: [4: Self.value]) }

  private func report() throws -> Evidence { Evidence(try snp.evidence(SNPMint.Fields(binding: Self.nonce))) }

  /// A quote that the root vouches for, by this TPM. `isNamed` gives the public area, without which the key has no name.
  private func quote(by mint: TPMMint, isNamed: Bool = true) throws -> Evidence {
    var evidence = try mint.evidence(
      [try registers()], extraData: Self.nonce, certificates: [try mint.certificate(by: root)])
    if !isNamed { evidence.key = mint.publicKey.spkiDER }
    return Evidence(evidence)
  }

  private func google(by mint: TPMMint) throws -> Evidence {
    let machine = GCPMint(mint)
    return Evidence(
      try machine.evidence(
        [try registers()], extraData: Self.nonce, certificates: [try machine.certificate(by: root)]))
  }

  private func enclave() throws -> Evidence {
    let mint = try NitroMint()
    return Evidence(NitroEvidence(document: try mint.sign(mint.enclave(nonce: Self.nonce))))
  }

  /// Trusts every root of the tests, and asks for exactly the kinds of the evidence.
  private func policy(_ evidence: Evidence, releases: JSON) throws -> JSON {
    func anchor(_ purpose: String, _ certificate: [UInt8]) -> JSON {
      [
        "name": .string(purpose), "purpose": .string(purpose), "certificate": .string(Base64.encode(certificate)),
        "assurance": "hardware",
      ]
    }
    var google = Self.demands
    google["production"] = "any"
    google["projects"] = "any"
    google["zones"] = "any"
    let enclave: JSONObject = [
      "debug": false, "binding": "any", "maximumAge": "any", "instances": "any", "registers": "any",
    ]
    let all: [String: JSONObject] = [
      "tpm": Self.demands, "sev-snp": Self.snpDemands, "gcp-vtpm": google, "nitro-enclave": enclave,
    ]
    let kinds = evidence.parts.map { ($0.kind.rawValue, JSON.object(all[$0.kind.rawValue] ?? [:])) }
    return [
      "format": "safebox-appraisal/v1", "name": "keys", "assurance": "hardware",
      "anchors": [
        anchor("tpm", root.certificate.der), anchor("google-vtpm", root.certificate.der),
        anchor("amd-sev", snp.anchor.certificate.der), anchor("aws-nitro", try NitroMint().root.certificate.der),
      ],
      "enrolled": [], "releases": releases, "platforms": ["combined": ["members": .object(JSONObject(kinds))]],
    ]
  }

  private func verdict(
    _ members: [Evidence], enrolled: TPMMint?, releases: JSON = "any", revoked: Set<String> = [],
    binding: [UInt8] = nonce
  ) throws -> EvidenceVerdict {
    let evidence = Evidence(try CombinedEvidence(members))
    let enrolment = try enrolled.map { mint in
      KeyEnrolment(
        box: "box.example", ak: try TPMTPublic(try mint.area()).name, ek: SHA256.hash([1]), assurance: .hardware,
        proof: .activation)
    }
    return EvidenceAppraiser.standard.appraise(
      EvidenceAppraiser.Question(
        evidence: evidence.json, policy: try policy(evidence, releases: releases).canonicalBytes(),
        binding: binding, enrolment: enrolment, revoked: revoked, at: Self.at))
  }

  private var stranger: TPMMint { .p256(P256.PrivateKey.generate()) }

  @Test func theEnrolledKeyIsAccepted() throws {
    let verdict = try verdict([try quote(by: tpm), try report()], enrolled: tpm)
    #expect(verdict.failures == [])
    #expect(verdict.kind == "combined")
    #expect(verdict.assurance == .hardware)
    let name = try TPMTPublic(try tpm.area()).name
    #expect(verdict.attestationKey == name)
  }

  /// The policy trusts the maker of the TPM, and so every TPM of it: which of them the box has, the enrolment says.
  @Test func anotherKeyIsRefused() throws {
    let others: [([Evidence], TPMMint?)] = [
      ([try quote(by: stranger), try report()], tpm), ([try quote(by: tpm), try report()], nil),
      ([try quote(by: tpm, isNamed: false), try report()], tpm),
      // What Google certifies does not stand in for the key that was enrolled, nor for its name.
      ([try quote(by: stranger), try google(by: tpm)], tpm),
      ([try quote(by: tpm, isNamed: false), try google(by: tpm)], tpm),
    ]
    for (members, enrolled) in others {
      let verdict = try verdict(members, enrolled: enrolled)
      #expect(verdict.failures.map(\.id) == ["broker.enrolment"])
    }
    #expect(try verdict([try quote(by: tpm), try google(by: stranger)], enrolled: tpm).failures == [])
  }

  /// Without a TPM inside it is as with these kinds alone: enrolment is for those that are enrolled.
  @Test func kindsWithoutATPMNeedNoEnrolment() throws {
    #expect(try verdict([try report(), try enclave()], enrolled: nil).failures == [])
    #expect(try verdict([try report(), try google(by: tpm)], enrolled: tpm).failures == [])
    let other = try verdict([try report(), try google(by: stranger)], enrolled: tpm)
    #expect(other.failures.map(\.id) == ["broker.enrolment"])
  }

  /// Evidence that was made for something else: another nonce, key, connection or box.
  @Test func evidenceForAnotherBindingIsRefused() throws {
    let verdict = try verdict(
      [try quote(by: tpm), try report()], enrolled: tpm, binding: [UInt8](repeating: 0xD2, count: 32))
    #expect(verdict.failures.map(\.id).sorted() == ["sev-snp/snp.binding", "tpm/tpm.nonce"])
    #expect(verdict.registers == [] && !verdict.isAccepted)
  }

  /// A release that its owners revoked, however well the evidence fits it.
  @Test func aRevokedReleaseIsRefused() throws {
    let members = [try quote(by: tpm), try report()]
    let references = JSONObject(
      members.map { member in
        let registers = member.content.unverifiedRegisters.map { ($0.key, JSON.array([.string(Hex.encode($0.value))])) }
        return (member.kind.rawValue, .object(JSONObject(registers.filter { !$0.0.hasPrefix("report") }.prefix(1))))
      })
    let release: JSON = ["name": "image", "version": "1", "references": .object(references)]
    let good = try verdict(members, enrolled: tpm, releases: [release], revoked: ["image 2", "any"])
    #expect(good.failures == [] && good.release == "image 1" && good.registers == [])
    let revoked = try verdict(members, enrolled: tpm, releases: [release], revoked: ["image 1"])
    #expect(revoked.failures.map(\.id) == ["broker.release"])
    #expect(try verdict(members, enrolled: tpm).release == "any")
  }

  /// What was sent is shown in an entry, whatever it holds.
  @Test func aFailedCheckIsCutAndPrintable() {
    let limit = KeyRefusalRecord.Limits.text
    let whole = String(repeating: "a", count: limit)
    let check = KeyRefusalRecord.FailedCheck(reading: "id\n", expected: whole, actual: whole + "bc")
    #expect(check.id == "id?" && check.expected == whole)
    #expect(check.actual == String(repeating: "a", count: limit - 3) + "...")
    #expect(KeyRefusalRecord.FailedCheck(reading: "i", expected: "\u{1B}[2Jü", actual: "").expected == "?[2J??")
  }

  /// The registers that differ can be written into the broker's log as they are named.
  @Test func registersThatDifferAreNamed() throws {
    let release: JSON = [
      "name": "image", "version": "1",
      "references": [
        "sev-snp": ["measurement": [.string(String(repeating: "09", count: 48))]],
        "tpm": ["sha256.pcr4": [.string(String(repeating: "09", count: 32))]],
      ],
    ]
    let verdict = try verdict([try quote(by: tpm), try report()], enrolled: tpm, releases: [release])
    #expect(verdict.failures.map(\.id) == ["policy.release"])
    #expect(verdict.registers == ["sev-snp.measurement", "tpm.sha256.pcr4"])
    #expect(verdict.registers.allSatisfy { $0.wholeMatch(of: /[a-z0-9][a-z0-9._-]{0,63}/) != nil })
  }
}
