import CanonicalJSON
import OpenClaims

/// How the signatures of passkeys are checked. It stands in the constitution because the fold must not take it from
/// anywhere else: another origin would accept assertions made for another site.
public struct Passkeys: Sendable, Hashable {
  /// The relying party id (WebAuthn section 5.1.2): a domain.
  public var rpID: String
  /// The origins whose pages may ask for a signature, 1-8 of them.
  public var origins: [String]

  public init(rpID: String, origins: [String]) {
    self.rpID = rpID
    self.origins = origins
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    rpID = try reader.string("rp", maxBytes: 253)
    origins = []
    for (index, value) in try reader.array("origins", maxCount: 8).enumerated() {
      guard let text = value.string, (1...512).contains(text.utf8.count) else {
        throw FieldError(
          field: "\(reader.pathOf("origins"))[\(index)]", expected: "an origin", actual: value.summary)
      }
      origins.append(text)
    }
    guard !rpID.isEmpty, !origins.isEmpty else {
      throw FieldError(field: path, expected: "a relying party and at least one origin", actual: "none")
    }
    try reader.finish()
  }

  var json: JSON { ["rp": .string(rpID), "origins": .array(origins.map(JSON.string))] }

  /// User verification is always required: a signature over an action is a person's decision.
  var webAuthnPolicy: WebAuthnPolicy { WebAuthnPolicy(rpID: rpID, origins: origins, requireUserVerification: true) }
}
