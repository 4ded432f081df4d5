internal import CanonicalJSON
internal import Cryptography

/// An assertion of a passkey over a claim, as the `sig` value of a `data:key/webauthn` key: base64 of JCS
/// `{"authenticatorData","clientDataJSON","signature"}`, each in base64url.
public struct WebAuthnAssertion: Sendable, Hashable {
  /// Section 6.1: relying party hash, flags, counter, extensions.
  public let authenticatorData: [UInt8]
  /// Section 5.8.1, the bytes exactly as the browser made them: they are hashed as they are.
  public let clientDataJSON: [UInt8]
  /// DER, as section 6.5.5 says.
  public let signature: [UInt8]

  /// What `navigator.credentials.get` returned.
  public init(authenticatorData: [UInt8], clientDataJSON: [UInt8], signature: [UInt8]) {
    self.authenticatorData = authenticatorData
    self.clientDataJSON = clientDataJSON
    self.signature = signature
  }

  /// Reads a `sig` value; there is exactly one text for each assertion.
  public init(parsing text: String) throws(WebAuthnFault) {
    guard let bytes = Base64.decode(text) else { throw .malformedEnvelope("not base64") }
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: .document(maxBytes: Claim.maxSignatureBytes))
    } catch {
      throw .malformedEnvelope("\(error)")
    }
    guard json.canonicalBytes() == bytes else { throw .malformedEnvelope("not canonical JSON") }
    do throws(FieldError) {
      var reader = try ObjectReader(json)
      authenticatorData = try Self.bytes("authenticatorData", &reader)
      clientDataJSON = try Self.bytes("clientDataJSON", &reader)
      signature = try Self.bytes("signature", &reader)
      try reader.finish()
    } catch {
      throw .malformedEnvelope("\(error)")
    }
  }

  private static func bytes(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> [UInt8] {
    let text = try reader.string(name, maxBytes: Claim.maxSignatureBytes)
    guard let bytes = Base64.decodeURL(text) else {
      throw FieldError(field: name, expected: "base64url without padding", actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// The `sig` value.
  public var text: String {
    let json: JSON = [
      "authenticatorData": .string(Base64.encodeURL(authenticatorData)),
      "clientDataJSON": .string(Base64.encodeURL(clientDataJSON)),
      "signature": .string(Base64.encodeURL(signature)),
    ]
    return Base64.encode(json.canonicalBytes())
  }
}

/// Verification (section 7.2, the steps that concern a server that keeps no sessions). The signature counter is not
/// looked at: it serves to notice cloned devices and needs memory that a pure check has not.
extension WebAuthnAssertion {
  /// Flags of section 6.1.
  private enum Flag {
    static let userPresent: UInt8 = 0x01
    static let userVerified: UInt8 = 0x04
    static let attestedCredential: UInt8 = 0x40
    static let extensions: UInt8 = 0x80
  }

  /// Refuses the assertion unless it was made by `key` for `digest` in the way the policy asks.
  func check(digest: SHA256Digest, key: P256.PublicKey, policy: WebAuthnPolicy) throws(WebAuthnFault) {
    try checkClientData(digest: digest, policy: policy)
    try checkAuthenticatorData(policy: policy)
    let signature: ECDSASignature
    do throws(CryptographyError) {
      signature = try ECDSASignature(strictDER: self.signature)
    } catch {
      throw .malformedSignature
    }
    var message = SHA256()
    message.update(authenticatorData)
    message.update(SHA256.hash(clientDataJSON))
    guard key.isValid(signature, forDigest: message.finalize()) else { throw .invalidSignature }
  }

  /// Steps 11 to 14. Browsers may add members, so unknown ones are passed over; those that mean a frame of another site
  /// are not.
  private func checkClientData(digest: SHA256Digest, policy: WebAuthnPolicy) throws(WebAuthnFault) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: clientDataJSON, limits: .document(maxBytes: Claim.maxSignatureBytes))
    } catch {
      throw .malformedClientData("\(error)")
    }
    let type: String
    let challenge: String
    let origin: String
    let isCrossOrigin: Bool
    do throws(FieldError) {
      var reader = try ObjectReader(json)
      type = try reader.string("type")
      challenge = try reader.string("challenge")
      origin = try reader.string("origin")
      isCrossOrigin = try reader.optionalBool("crossOrigin", default: false) || reader.optionalJSON("topOrigin") != nil
    } catch {
      throw .malformedClientData("\(error)")
    }
    // A registration ("webauthn.create") or a payment ("payment.get") must not pass for a signature.
    guard type == "webauthn.get" else { throw .wrongType(expected: "webauthn.get", actual: JSON.string(type).summary) }
    guard Base64.decodeURL(challenge) == digest.bytes else {
      throw .wrongChallenge(expected: Base64.encodeURL(digest.bytes), actual: JSON.string(challenge).summary)
    }
    guard policy.origins.contains(where: { $0.utf8.elementsEqual(origin.utf8) }) else {
      throw .wrongOrigin(expected: policy.origins, actual: JSON.string(origin).summary)
    }
    if isCrossOrigin { throw .crossOrigin }
  }

  /// Steps 15 to 17 and the layout of section 6.1.
  private func checkAuthenticatorData(policy: WebAuthnPolicy) throws(WebAuthnFault) {
    guard authenticatorData.count >= 37 else {
      throw .malformedAuthenticatorData("\(authenticatorData.count) bytes, expected at least 37")
    }
    let expected = SHA256.hash(utf8: policy.rpID).bytes
    let actual = Array(authenticatorData[..<32])
    guard actual == expected else {
      throw .wrongRelyingParty(expected: Hex.encode(expected), actual: Hex.encode(actual))
    }
    let flags = authenticatorData[32]
    if flags & Flag.attestedCredential != 0 {
      throw .malformedAuthenticatorData("attested credential data in an assertion")
    }
    guard (flags & Flag.extensions != 0) == (authenticatorData.count > 37) else {
      throw .malformedAuthenticatorData("\(authenticatorData.count) bytes contradict the extension flag")
    }
    guard flags & Flag.userPresent != 0 else { throw .userNotPresent }
    if policy.requireUserVerification, flags & Flag.userVerified == 0 { throw .userNotVerified }
  }
}
