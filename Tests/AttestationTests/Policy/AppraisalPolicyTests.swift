import AttestationMint
import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Attestation

/// The document around the demands of each kind, and who may sign it.
@Suite struct AppraisalPolicyTests {
  static let whole = NitroPolicies.enclave

  private static func policy(_ name: String, _ value: JSON?) -> JSON {
    var object = SNPPolicies.appraisal("nitro-enclave", whole).object ?? [:]
    object[name] = value
    return .object(object)
  }

  private static let release: JSON = [
    "name": "box", "version": "1", "references": ["nitro-enclave": ["pcr0": [.string(Hex.encode([UInt8](1...48)))]]],
  ]

  private static func changed(_ name: String, _ value: JSON?) -> JSON {
    var object = release.object ?? [:]
    object[name] = value
    return [.object(object)]
  }

  /// Members that are not of their form.
  private static let malformed: [(String, JSON)] = {
    let anchor: JSON = [
      "name": "a", "purpose": "aws-nitro", "certificate": .string(Base64.encode(NitroRoots.anchors[0].certificate.der)),
      "assurance": "hardware", "further": true,
    ]
    let enrolled: JSON = ["name": "a", "ak": .string(String(repeating: "00", count: 34)), "assurance": "hardware"]
    var furtherEnrolled = enrolled.object ?? [:]
    furtherEnrolled["further"] = true
    let value = JSON.string(Hex.encode([UInt8](1...48)))
    return [
      ("format", "safebox-appraisal/v2"), ("further", true), ("assurance", "none"), ("anchors", [anchor]),
      ("anchors", .array([JSON](repeating: anchor, count: 33))), ("enrolled", [.object(furtherEnrolled)]),
      ("enrolled", [["name": "a", "ak": "00", "assurance": "hardware"]]),
      ("platforms", [:]), ("platforms", "any"), ("platforms", ["nothing": .object(whole)]),
      ("platforms", ["nitro-enclave": .object(NitroPolicies.enclave("further", true))]),
      ("releases", []), ("releases", "none"), ("releases", .array([JSON](repeating: release, count: 65))),
      ("releases", changed("further", true)), ("releases", changed("references", [:])),
      ("releases", changed("references", ["nothing": ["pcr0": [value]]])),
      ("releases", changed("references", ["nitro-enclave": [:]])),
      ("releases", changed("references", ["nitro-enclave": ["pcr0": []]])),
      ("releases", changed("references", ["nitro-enclave": ["pcr0": .array([JSON](repeating: value, count: 17))]])),
      ("releases", changed("references", ["nitro-enclave": ["pcr0": ["00"]]])),
      (
        "releases",
        changed(
          "references", ["nitro-enclave": .object(JSONObject((0..<65).map { ("pcr\($0)", .array([value])) }))])
      ),
    ]
  }()

  @Test func everyMemberIsDemandedAndNoOther() throws {
    #expect(throws: Never.self) { try AppraisalPolicy(json: Self.policy("releases", [Self.release])) }
    for name in ["format", "name", "assurance", "anchors", "enrolled", "releases", "platforms"] {
      #expect(throws: FieldError.self, "\(name)") { try AppraisalPolicy(json: Self.policy(name, nil)) }
    }
    for (name, value) in Self.malformed {
      #expect(throws: FieldError.self, "\(name) \(value)") { try AppraisalPolicy(json: Self.policy(name, value)) }
    }
  }

  @Test func textHasALimit() throws {
    let text = Self.policy("releases", "any").canonicalBytes()
    #expect(throws: Never.self) { try AppraisalPolicy(parsing: text) }
    let padding = [UInt8](repeating: 0x20, count: AppraisalPolicy.Limits.bytes + 1 - text.count)
    #expect(throws: (any Error).self) { try AppraisalPolicy(parsing: text + padding) }
  }

  /// The longest is read, and one more is not.
  @Test func everyLengthHasALimit() throws {
    func text(_ count: Int) -> JSON { .string(String(repeating: "n", count: count)) }
    func hex(_ count: Int) -> JSON { .string(String(repeating: "5a", count: count)) }
    func anchor(_ name: JSON) -> JSON {
      [
        [
          "name": name, "purpose": "aws-nitro", "assurance": "hardware",
          "certificate": .string(Base64.encode(NitroRoots.anchors[0].certificate.der)),
        ]
      ]
    }
    func enrolled(_ name: JSON, _ key: JSON, count: Int = 1) -> JSON {
      .array([JSON](repeating: ["name": name, "ak": key, "assurance": "software"], count: count))
    }
    func value(_ count: Int) -> JSON { Self.changed("references", ["nitro-enclave": ["pcr0": [hex(count)]]]) }
    func values(_ count: Int) -> JSON {
      let many = [JSON](repeating: hex(48), count: count)
      return Self.changed("references", ["nitro-enclave": ["pcr0": .array(many)]])
    }
    func registers(_ count: Int) -> JSON {
      let many = JSONObject((0..<count).map { ("pcr\($0)", .array([hex(48)])) })
      return Self.changed("references", ["nitro-enclave": .object(many)])
    }
    let limits: [(String, longest: [JSON], beyond: [JSON])] = [
      ("name", [text(128)], [text(129)]), ("anchors", [anchor(text(128))], [anchor(text(129))]),
      (
        "enrolled", [enrolled(text(128), hex(34)), enrolled("a", hex(66))],
        [enrolled(text(129), hex(34)), enrolled("a", hex(33)), enrolled("a", hex(67))]
      ),
      ("enrolled", [enrolled("a", hex(34), count: 1024)], [enrolled("a", hex(34), count: 1025)]),
      (
        "releases", [Self.changed("name", text(128)), Self.changed("version", text(64))],
        [Self.changed("name", text(129)), Self.changed("version", text(65))]
      ),
      ("releases", [value(20), value(64)], [value(19), value(65)]),
      ("releases", [values(16), registers(64)], [values(17), registers(65)]),
      (
        "releases", [.array([JSON](repeating: Self.release, count: 64))],
        [.array([JSON](repeating: Self.release, count: 65))]
      ),
    ]
    for (name, longest, beyond) in limits {
      for value in longest {
        #expect(throws: Never.self, "\(name)") { try AppraisalPolicy(json: Self.policy(name, value)) }
      }
      for value in beyond {
        #expect("\(name)") {
          _ = try AppraisalPolicy(json: Self.policy(name, value))
        } throws: { ($0 as? FieldError)?.field.hasPrefix(name) == true }
      }
    }
  }

  @Test func manyMustSign() throws {
    let now: Int64 = 1_700_000_000
    let signers = try (1...3).map {
      ClaimSigner(try P256.PrivateKey(rawScalar: [UInt8](repeating: 0, count: 31) + [UInt8($0)]))
    }
    let stranger = ClaimSigner(.generate())
    let quorum = try KeyQuorum(2, of: signers.map(\.key))
    func read(_ stm: JSON, by signing: [ClaimSigner], at: Int64 = now) throws(PolicySignatureFault) -> AppraisalPolicy {
      do {
        var claim = try Claim(
          iss: "x", sub: "policy", stm: stm, nbf: now, exp: now + 60, nce: "1", keys: signing.map(\.key))
        for signer in signing { claim = try claim.signed(by: signer) }
        return try AppraisalPolicy(signed: claim, by: quorum, at: at)
      } catch let fault as PolicySignatureFault { throw fault } catch {
        throw .claim(.belowThreshold(required: 0, actual: 0))
      }
    }
    func isOfClaim(_ signing: [ClaimSigner], at: Int64 = now) -> Bool {
      do {
        _ = try read(["appraisal": Self.policy("releases", "any")], by: signing, at: at)
        return false
      } catch { if case .claim = error { return true } else { return false } }
    }
    let policy = Self.policy("releases", "any")
    #expect(try read(["appraisal": policy], by: Array(signers.prefix(2))).name == "test")
    #expect(isOfClaim([signers[0]]), "one of two")
    #expect(isOfClaim([signers[0], stranger]), "one of two, and a stranger")
    #expect(isOfClaim(signers, at: now + 61), "too late")
    #expect(isOfClaim(signers, at: now - 1), "too early")
    for stm in [["appraisal": policy, "further": true], ["policy": policy], ["appraisal": [:]]] as [JSON] {
      let fault = #expect(throws: PolicySignatureFault.self) { try read(stm, by: signers) }
      if case .claim = fault { Issue.record("the signatures are good") }
    }
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func thePageReadsTheSame() throws {
    let mint = try NitroMint()
    let evidence = Evidence(NitroEvidence(document: try mint.sign(mint.enclave(nonce: NitroMintTests.nonce)))).json
    let cases = (Self.malformed + [("releases", [Self.release])]).map { name, value in
      BrowserVerifier.Case(
        name: "\(name) \(value)", evidence: evidence, policy: Self.policy(name, value), at: NitroMintTests.at,
        binding: .bytes(NitroMintTests.nonce))
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
