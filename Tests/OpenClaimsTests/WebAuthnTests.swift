import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

/// A passkey: what a browser and an authenticator do together (W3C WebAuthn Level 2, section 6.3.3).
struct FakeAuthenticator {
  let privateKey: P256.PrivateKey
  var rpID = "box.example"
  var flags: UInt8 = 0x05
  var clientData: JSONObject = ["type": "webauthn.get", "origin": "https://box.example", "crossOrigin": false]
  var trailing: [UInt8] = []

  var key: ClaimKey { ClaimKey(privateKey.publicKey, algorithm: .webauthn) }

  func assertion(for digest: SHA256Digest) throws -> WebAuthnAssertion {
    var clientData = clientData
    if clientData["challenge"] == nil { clientData["challenge"] = .string(Base64.encodeURL(digest.bytes)) }
    let clientDataJSON = JSON.object(clientData).canonicalBytes()
    let authenticatorData = SHA256.hash(Array(rpID.utf8)).bytes + [flags, 0, 0, 0, 7] + trailing
    let signature = try privateKey.sign(authenticatorData + SHA256.hash(clientDataJSON).bytes)
    return WebAuthnAssertion(
      authenticatorData: authenticatorData, clientDataJSON: clientDataJSON, signature: signature.der)
  }
}

@Suite struct WebAuthnTests {
  let policy = WebAuthnPolicy(
    rpID: "box.example", origins: ["https://box.example", "https://box.example:8443"], requireUserVerification: true)
  let device: FakeAuthenticator
  let claim: Claim

  init() throws {
    device = FakeAuthenticator(privateKey: try Fixtures.privateKey(20))
    claim = try Fixtures.approval(keys: [device.key])
  }

  /// The fault of a claim signed by the device, nil when it is accepted.
  func fault(_ device: FakeAuthenticator, _ policy: WebAuthnPolicy? = nil) throws -> WebAuthnFault? {
    try fault(text: device.assertion(for: claim.digest).text, policy ?? self.policy)
  }

  func fault(text: String, _ policy: WebAuthnPolicy?) throws -> WebAuthnFault? {
    let signed = claim.replacingSignature(at: 0, with: text)
    let error = Fixtures.error { () throws(ClaimError) in
      _ = try ClaimVerifier().verify(signed, at: Fixtures.now, webAuthn: policy)
    }
    guard let error else { return nil }
    guard case .webAuthn(let key, let fault) = error else {
      Issue.record("\(error)")
      return nil
    }
    #expect(key == device.key)
    return fault
  }

  @Test func anHonestAssertion() throws {
    let signed = try claim.adding(device.assertion(for: claim.digest).text, of: device.key)
    let verified = try ClaimVerifier().verify(signed, at: Fixtures.now, webAuthn: policy)
    #expect(verified.validKeys == [device.key])
    var other = device
    other.clientData["origin"] = "https://box.example:8443"
    // Browsers add members to exercise readers; absent crossOrigin means false.
    other.clientData["other_keys_can_be_added_here"] = "do not compare clientDataJSON against a template"
    other.clientData["crossOrigin"] = nil
    #expect(try fault(other) == nil)
  }

  @Test func passkeysAndPlainKeysSignTogether() throws {
    let signer = try Fixtures.signer(1)
    let claim = try Fixtures.approval(keys: [device.key, signer.key])
    let signed = try claim.signed(by: signer).adding(device.assertion(for: claim.digest).text, of: device.key)
    let verified = try ClaimVerifier().verify(signed, at: Fixtures.now, webAuthn: policy)
    #expect(Set(verified.validKeys) == [device.key, signer.key])
  }

  @Test func withoutAPolicyPasskeysAreRefused() throws {
    #expect(try fault(text: device.assertion(for: claim.digest).text, nil) == .noPolicy)
  }

  @Test(arguments: ["webauthn.create", "payment.get", "", "webauthn.get "])
  func otherTypes(type: String) throws {
    var device = device
    device.clientData["type"] = .string(type)
    guard case .wrongType(expected: "webauthn.get", _)? = try fault(device) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func otherChallenges() throws {
    let other = try Fixtures.approval(keys: [device.key], exp: Fixtures.now + 7)
    for challenge in [
      Base64.encodeURL(other.digest.bytes), Base64.encode(claim.digest.bytes),
      Base64.encodeURL(claim.digest.bytes) + "=", "",
      claim.digest.hex, Base64.encodeURL(claim.digest.bytes + [0]),
    ] {
      var device = device
      device.clientData["challenge"] = .string(challenge)
      guard case .wrongChallenge? = try fault(device) else {
        Issue.record("accepted \(challenge)")
        continue
      }
    }
  }

  @Test(arguments: [
    "http://box.example", "https://evil.example", "https://box.example.evil.example", "https://box.example/",
    "https://BOX.example",
    "https://box.example:444", "", "null", "https://box.example\u{0}",
  ])
  func otherOrigins(origin: String) throws {
    var device = device
    device.clientData["origin"] = .string(origin)
    guard case .wrongOrigin? = try fault(device) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func framesOfOtherSites() throws {
    var device = device
    device.clientData["crossOrigin"] = true
    #expect(try fault(device) == .crossOrigin)
    device.clientData["crossOrigin"] = false
    device.clientData["topOrigin"] = "https://evil.example"
    #expect(try fault(device) == .crossOrigin)
  }

  @Test(arguments: ["type", "challenge", "origin"])
  func missingClientData(name: String) throws {
    var device = device
    device.clientData[name] = name == "challenge" ? 5 : nil
    guard case .malformedClientData? = try fault(device) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func otherRelyingParties() throws {
    var device = device
    device.rpID = "evil.example"
    guard case .wrongRelyingParty? = try fault(device) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func presenceAndVerification() throws {
    var device = device
    device.flags = 0x04
    #expect(try fault(device) == .userNotPresent)
    device.flags = 0x01
    #expect(try fault(device) == .userNotVerified)
    var lenient = policy
    lenient.requireUserVerification = false
    #expect(try fault(device, lenient) == nil)
    device.flags = 0x00
    #expect(try fault(device, lenient) == .userNotPresent)
  }

  @Test func layoutOfAuthenticatorData() throws {
    var device = device
    device.trailing = [0xA0]
    guard case .malformedAuthenticatorData? = try fault(device) else {
      Issue.record("bytes without the extension flag were accepted")
      return
    }
    device.flags = 0x85
    #expect(try fault(device) == nil)
    device.trailing = []
    guard case .malformedAuthenticatorData? = try fault(device) else {
      Issue.record("an extension flag without bytes was accepted")
      return
    }
    device.flags = 0xC5
    device.trailing = [UInt8](repeating: 0, count: 80)
    guard case .malformedAuthenticatorData? = try fault(device) else {
      Issue.record("attested credential data was accepted")
      return
    }
    let honest = try self.device.assertion(for: claim.digest)
    let short = WebAuthnAssertion(
      authenticatorData: Array(honest.authenticatorData.dropLast()), clientDataJSON: honest.clientDataJSON,
      signature: honest.signature)
    guard case .malformedAuthenticatorData? = try fault(text: short.text, policy) else {
      Issue.record("36 bytes were accepted")
      return
    }
  }

  @Test func highSIsAcceptedAndOtherFormsAreNot() throws {
    let honest = try device.assertion(for: claim.digest)
    let signature = try ECDSASignature(strictDER: honest.signature)
    func with(_ bytes: [UInt8]) -> String {
      WebAuthnAssertion(
        authenticatorData: honest.authenticatorData, clientDataJSON: honest.clientDataJSON, signature: bytes
      ).text
    }
    #expect(try fault(text: with(Fixtures.withOtherS(signature).der), policy) == nil)
    #expect(try fault(text: with(signature.p1363), policy) == .malformedSignature)
    #expect(try fault(text: with(signature.der + [0]), policy) == .malformedSignature)
    #expect(try fault(text: with([]), policy) == .malformedSignature)
  }

  @Test func everyBitIsSigned() throws {
    let honest = try device.assertion(for: claim.digest)
    // The counter: nothing but the signature protects it.
    var data = honest.authenticatorData
    data[36] ^= 1
    let counter = WebAuthnAssertion(
      authenticatorData: data, clientDataJSON: honest.clientDataJSON, signature: honest.signature)
    #expect(try fault(text: counter.text, policy) == .invalidSignature)
    // White space in the client data: nothing but the hash protects it.
    let spaced = WebAuthnAssertion(
      authenticatorData: honest.authenticatorData, clientDataJSON: honest.clientDataJSON + [0x20],
      signature: honest.signature)
    #expect(try fault(text: spaced.text, policy) == .invalidSignature)
    var stranger = device
    stranger = FakeAuthenticator(privateKey: try Fixtures.privateKey(21))
    #expect(try fault(text: stranger.assertion(for: claim.digest).text, policy) == .invalidSignature)
  }

  /// The plain signature of the same key over the claim is not an assertion.
  @Test func aPlainSignatureIsNoAssertion() throws {
    let plain = ES256Signature.text(try device.privateKey.sign(claim.signedBytes()))
    guard case .malformedEnvelope? = try fault(text: plain, policy) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func envelopesHaveOneText() throws {
    let honest = try device.assertion(for: claim.digest)
    #expect(try WebAuthnAssertion(parsing: honest.text) == honest)
    let json = try #require(Base64.decode(honest.text))
    let text = String(decoding: json, as: UTF8.self)
    let variants = [
      " " + text, text + "\n", text.dropLast() + #","x":1}"#, text.replacing(#","signature""#, with: #", "signature""#),
      text.replacing("authenticatorData", with: "AuthenticatorData"), "{}", "[]", "",
      text.replacing(#""signature":""#, with: #""signature":"="#),
      #"{"authenticatorData":1,"clientDataJSON":"","signature":""}"#,
    ]
    for variant in variants {
      guard case .malformedEnvelope? = try fault(text: Base64.encode(Array(variant.utf8)), policy) else {
        Issue.record("accepted \(variant)")
        continue
      }
      #expect(throws: ClaimError.self) { try claim.adding(Base64.encode(Array(variant.utf8)), of: device.key) }
    }
    for variant in [Base64.encodeURL(json + [0]), honest.text + "\n", text, ""] {
      guard case .malformedEnvelope? = try fault(text: variant, policy) else {
        Issue.record("accepted \(variant)")
        continue
      }
    }
  }

  @Test func clientDataIsStrictJSON() throws {
    let honest = try device.assertion(for: claim.digest)
    let text = String(decoding: honest.clientDataJSON, as: UTF8.self)
    for variant in [text.dropLast() + #","origin":"https://evil.example"}"#, text + "x", "[]", "\u{FEFF}" + text] {
      let bytes = Array(variant.utf8)
      let signature = try device.privateKey.sign(honest.authenticatorData + SHA256.hash(bytes).bytes)
      let forged = WebAuthnAssertion(
        authenticatorData: honest.authenticatorData, clientDataJSON: bytes, signature: signature.der)
      guard case .malformedClientData? = try fault(text: forged.text, policy) else {
        Issue.record("accepted \(variant)")
        continue
      }
    }
  }
}
