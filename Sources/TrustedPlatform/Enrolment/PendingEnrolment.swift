public import Attestation
import CanonicalJSON
import Cryptography

/// A challenge that waits for its answer. Of the answer only the digest is here: who reads what an authority keeps learns
/// nothing with which to answer.
public struct PendingEnrolment: Sendable {
  /// Under this name the answer comes back.
  public let id: [UInt8]
  public let request: EnrolmentRequest
  public let challenge: CredentialChallenge
  let answer: SHA256Digest
  /// Unix milliseconds.
  public let until: Int64
}

extension PendingEnrolment {
  /// The longest form in a file, in bytes.
  static let maxBytes = 160 << 10

  /// What is for the box.
  public var message: EnrolmentChallenge {
    EnrolmentChallenge(
      id: id, attestationKeyName: request.attestationKey.name, endorsement: request.endorsementKind,
      credential: challenge.credentialBlob, encryptedSecret: challenge.encryptedSecret, until: until)
  }

  /// What an authority keeps: the request as it was verified, and the digest of the answer.
  var json: JSON {
    [
      "request": request.json, "challenge": message.json, "answer": .string(answer.hex),
    ]
  }

  init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    request = try EnrolmentRequest(json: try reader.json("request"))
    let message = try EnrolmentChallenge(json: try reader.json("challenge"))
    let text = try reader.string("answer", maxBytes: 64)
    try reader.finish()
    guard let answer = SHA256Digest(hex: text) else {
      throw FieldError(field: "answer", expected: "a digest", actual: JSON.string(text).summary)
    }
    self.answer = answer
    id = message.id
    until = message.until
    challenge = CredentialChallenge(
      credentialBlob: message.credential, encryptedSecret: message.encryptedSecret)
  }
}
