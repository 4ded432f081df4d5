import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

/// Mistakes that published systems of this kind have made. Each test is an attack that works there.
@Suite struct KnownMistakesTests {
  let verifier = ClaimVerifier()

  /// Whoever held one shared HMAC key could act; approvals never reached the component that acted.
  @Test func aMessageAuthenticationCodeIsNoApproval() throws {
    let key = try Fixtures.signer(1).key
    let claim = try Fixtures.approval(keys: [key])
    let secret = SecretBytes(copying: Array("shared".utf8))
    let code = HMACSHA256.authenticationCode(for: claim.signedBytes(), key: secret)
    for bytes in [code, code + code, [UInt8](code.reversed()) + code] {
      let forged = claim.replacingSignature(at: 0, with: Base64.encode(bytes))
      #expect(throws: ClaimError.self) { try verifier.verify(forged, at: Fixtures.now) }
    }
    #expect(throws: ClaimError.self) { try Claim(json: Fixtures.json(claim, "fmt", "HS256")) }
    #expect(throws: ClaimError.self) { try Claim(json: Fixtures.json(claim, "fmt", "none")) }
  }

  /// An unsigned outer copy of a field was compared instead of the signed inner one. Here nothing but `sig` is outside of
  /// the signature, so there is no such copy.
  @Test func nothingButTheSignaturesIsUnsigned() throws {
    let signer = try Fixtures.signer(1)
    let claim = try Claim(
      iss: "a", sub: "b", stm: ["image": "A"], nbf: 1, exp: Fixtures.now + 9, nce: "n", keys: [signer.key],
      extensions: ["image": "A"]
    ).signed(by: signer)
    let members = try #require(claim.json.object)
    for name in members.keys where name != "sig" {
      guard let forged = try? Claim(json: Fixtures.json(claim, name, "B")) else { continue }
      #expect(throws: ClaimError.self, "\(name)") { try verifier.verify(forged, at: Fixtures.now) }
    }
  }

  /// A quorum was collapsed to one key.
  @Test func oneKeyHolderIsNotAQuorum() throws {
    let privateKey = try Fixtures.privateKey(1)
    let der = privateKey.publicKey.spkiDER
    let texts = [
      "data:key/es256;base64,\(Base64.encode(der))", "data:key/es256;base64url,\(Base64.encodeURL(der))",
      "data:key/webauthn;base64,\(Base64.encode(der))",
    ]
    for pair in [[0, 1], [0, 2], [1, 2], [0, 0]] {
      let claim: JSON = [
        "ocp": 1, "iss": "a", "sub": "b", "stm": 1, "key": .array(pair.map { .string(texts[$0]) }), "sig": [nil, nil],
      ]
      let error = Fixtures.error { () throws(ClaimError) in _ = try Claim(json: claim) }
      guard case .field(let field)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(field.field == "key")
      #expect(field.expected == "each key once")
    }
  }

  /// The server signed votes in its users' names.
  @Test func theBoxCannotSignForAPerson() throws {
    let (box, person) = (try Fixtures.signer(9), try Fixtures.signer(1))
    let claim = try Fixtures.approval(keys: [person.key])
    #expect(throws: ClaimError.self) { try claim.signed(by: box) }
    let forged = claim.replacingSignature(at: 0, with: try box.signature(of: claim.digest))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(forged, at: Fixtures.now) }
        == .invalidSignature(key: person.key))
  }

  /// Votes were not bound to the version of the policy, so a vote under one counted under another.
  @Test func aVoteIsForOnePolicyEpochAndBox() throws {
    let signer = try Fixtures.signer(1)
    let claim = try Fixtures.approval(keys: [signer.key]).signed(by: signer)
    for name in ["policy", "epoch", "box", "action", "decision"] {
      var statement = try #require(claim.stm.object)
      #expect(statement[name] != nil)
      statement[name] = name == "epoch" ? 2 : "another"
      let moved = try Claim(json: Fixtures.json(claim, "stm", .object(statement)))
      #expect(throws: ClaimError.self, "\(name)") { try verifier.verify(moved, at: Fixtures.now) }
    }
  }

  /// The caller chose signers and threshold.
  @Test func aClaimDoesNotChooseItsJudges() throws {
    let members = try (1...3).map { try Fixtures.signer($0).key }
    let strangers = try (7...9).map(Fixtures.signer)
    var claim = try Claim(
      iss: "alice", sub: "box", stm: ["threshold": 1], keys: strangers.map(\.key), extensions: ["threshold": 1])
    for stranger in strangers { claim = try claim.signed(by: stranger) }
    let verified = try verifier.verify(claim, at: Fixtures.now)
    #expect(verified.validKeys.count == 3)
    let quorum = try KeyQuorum(2, of: members)
    #expect(
      Fixtures.error { () throws(ClaimError) in try quorum.require(verified) }
        == .belowThreshold(required: 2, actual: 0))
  }

  /// Thresholds defaulted to one and accepted zero; a claim that nobody had signed was valid.
  @Test func noSignatureNeverSuffices() throws {
    let key = try Fixtures.signer(1).key
    #expect(throws: ClaimError.self) { try KeyQuorum(0, of: [key]) }
    let claim = try Fixtures.approval(keys: [key])
    #expect(Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(claim, at: Fixtures.now) } == .unsigned)
  }

  /// A hash covered the *name* of a missing part; here what is absent, what is null and what is empty differ.
  @Test func absentIsNotNullIsNotEmpty() throws {
    let key = try Fixtures.signer(1).key
    let statements: [JSON] = [[:], ["image": nil], ["image": ""], ["image": [:]], ["image": "null"], ["image": []]]
    let digests = try statements.map { try Claim(iss: "a", sub: "b", stm: $0, keys: [key]).digest }
    #expect(Set(digests).count == statements.count)
  }

  /// Keys that are references were resolved while verifying, so whoever controls the page controls the verdict.
  @Test func keysAreNeverFetched() throws {
    let claim = try Fixtures.approval(keys: [try Fixtures.signer(1).key])
    for text in ["https://example.com/.well-known/keys#alice", "http://169.254.169.254/#k", "file:///etc/passwd#k"] {
      #expect(throws: ClaimError.self) { try Claim(json: Fixtures.json(claim, "key", [.string(text)])) }
    }
  }

  /// Two readers of one text saw two claims: the first of two equal names, or the last.
  @Test func oneTextIsOneClaim() throws {
    let signer = try Fixtures.signer(1)
    let text = try Fixtures.approval(keys: [signer.key]).signed(by: signer).json.canonicalString()
    #expect(throws: Never.self) { try Claim(parsing: Array(text.utf8)) }
    for doubled in [
      text.dropLast() + #","iss":"mallory"}"#, #"{"iss":"mallory","# + text.dropFirst(),
      text.dropLast() + #","\u0069ss":"mallory"}"#,
    ] {
      #expect(throws: ClaimError.self) { try Claim(parsing: Array(doubled.utf8)) }
    }
  }
}
