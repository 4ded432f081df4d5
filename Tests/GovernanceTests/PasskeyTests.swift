import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

/// Signers who sign with a passkey.
@Suite struct PasskeyTests {
  private static let passkeys = Passkeys(rpID: "box.example", origins: ["https://box.example"])

  /// A claim signed as a device would.
  private func sign(_ claim: Claim, origin: String = "https://box.example", flags: UInt8 = 5) throws -> Claim {
    let clientData: JSON = [
      "type": "webauthn.get", "origin": .string(origin), "challenge": .string(Base64.encodeURL(claim.digest.bytes)),
    ]
    let data = SHA256.hash(Array("box.example".utf8)).bytes + [flags, 0, 0, 0, 1]
    let signature = try TestKeys.privateKey("device").sign(
      data + SHA256.hash(clientData.canonicalBytes()).bytes)
    let assertion = WebAuthnAssertion(
      authenticatorData: data, clientDataJSON: clientData.canonicalBytes(), signature: signature.der)
    return try claim.adding(assertion.text, of: claim.keys[0])
  }

  private func constitution(_ passkeys: Passkeys? = passkeys) throws -> Constitution {
    let key = ClaimKey(try TestKeys.privateKey("device").publicKey, algorithm: .webauthn)
    let proof = try sign(Claim.possession(box: TestBox.name, signer: "ana", key: key)).signatures[0] ?? ""
    let ana = Signer(name: "ana", keys: [SignerKey(key: key, possession: proof)])
    return try TestBox.constitution(
      signers: [ana] + TestBox.people.dropFirst().map { try TestKeys.signer($0) }, passkeys: passkeys)
  }

  @Test func aPasskeyApprovesUnderTheConstitutionsOrigins() throws {
    var box = try TestBox(constitution())
    let id = try box.open("mail.send")
    let statement = try box.statement(of: id)
    let key = ClaimKey(try TestKeys.privateKey("device").publicKey, algorithm: .webauthn)
    func vote(_ algorithm: ClaimKey.Algorithm = .webauthn, origin: String = "https://box.example", flags: UInt8 = 5)
      throws -> ProposalVote
    {
      let exp = box.now / 1000 + 60
      guard algorithm == .webauthn else {
        let plain = ClaimKey(key.publicKey)
        let claim = try statement.claim(.approve, by: "ana", key: plain, nonce: "n", exp: exp)
          .signed(by: ClaimSigner(TestKeys.privateKey("device")))
        return ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: claim.json))
      }
      let claim = try sign(
        statement.claim(.approve, by: "ana", key: key, nonce: "n", exp: exp), origin: origin, flags: flags)
      return ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: claim.json))
    }
    #expect(code { try box.apply(vote(origin: "https://evil.example")) } == "claim.signature")
    // Without user verification.
    #expect(code { try box.apply(vote(flags: 1)) } == "claim.signature")
    // The same key, signing as no passkey does, is not the registered one.
    #expect(code { try box.apply(vote(.es256)) } == "claim.foreign-key")
    try box.apply(vote())
    #expect(box.status(id)?.name == "approved")
  }

  /// All of a box's signers may have passkeys when it moves to another domain: each then speaks once for the present
  /// signers, where the old domain counts, and once for the proposed ones.
  @Test func aChangeOfOriginsTakesOneAssertionForEachSide() throws {
    let old = try constitution()
    let solo = try Policy("governance.*", rule: .single(committee: "captains"))
    let policies = ["rules": solo, "mail": try Policy("mail.*", rule: .single(committee: "captains"))]
    let captains = ["captains": ["ana"]]
    var box = try TestBox(
      TestBox.constitution(
        signers: Array(old.signers.values), committees: captains, policies: policies,
        root: RootRule(committee: "captains", threshold: 1, delay: 0), passkeys: Self.passkeys))
    let origin = "https://new.example"
    let id = try box.open(
      "governance.committee.set",
      [
        "signers": try #require(box.state.constitution?.json["signers"]), "committees": ["captains": ["ana"]],
        "passkeys": ["rp": "box.example", "origins": [.string(origin)]],
      ])
    let key = ClaimKey(try TestKeys.privateKey("device").publicKey, algorithm: .webauthn)
    let statement = try box.statement(of: id)
    func vote(_ origin: String, _ nonce: String) throws -> ProposalVote {
      let claim = try sign(
        statement.claim(.approve, by: "ana", key: key, nonce: nonce, exp: box.now / 1000 + 60), origin: origin)
      return ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: claim.json))
    }
    #expect(code { try box.apply(vote("https://evil.example", "a")) } == "claim.signature")
    try box.apply(vote("https://box.example", "b"))
    #expect(box.state.proposal(id)?.approvals.map(\.sides) == [.current])
    #expect(box.status(id)?.name == "open")
    // The same side again is nothing new, however often it is signed.
    #expect(code { try box.apply(vote("https://box.example", "c")) } == "vote.duplicate")
    try box.apply(vote(origin, "d"))
    #expect(box.state.proposal(id)?.approvals.map(\.sides) == [.current, .proposed])
    try box.execute(id)
    #expect(box.state.constitution?.passkeys?.origins == [origin])
    // By itself the new constitution cannot say under which origins its keys were proved.
    #expect(code { try box.state.constitution?.validate() } == nil)
  }

  @Test func withoutOriginsThereAreNoPasskeys() throws {
    #expect(code { _ = try TestBox(constitution(nil)) } == "constitution.passkeys-missing")
    #expect(
      code { _ = try TestBox(constitution(Passkeys(rpID: "box.example", origins: ["https://other.example"]))) }
        == "constitution.possession")
  }
}
