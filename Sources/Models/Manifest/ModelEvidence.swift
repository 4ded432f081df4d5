import CanonicalJSON
import Cryptography
import OpenClaims

/// What others say about the same files: today a signature bundle of OpenSSF Model Signing (`model.sig`).
///
/// It is a pointer, not a proof. Whoever has the bundle holds it against the manifest (``OMSBundle``).
public struct ModelEvidence: Sendable, Hashable {
  /// The kinds that exist.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case oms
  }

  public let kind: Kind
  /// SHA-256 of the bundle's bytes.
  public let sha256: SHA256Digest
  /// The key under which the maker of the manifest found the signature valid; nil when nobody checked it.
  public let key: ClaimKey?

  public init(kind: Kind, sha256: SHA256Digest, key: ClaimKey?) {
    self.kind = kind
    self.sha256 = sha256
    self.key = key
  }

  init(_ json: JSON, at field: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: field)
    let text = try reader.string("type", maxBytes: 16)
    guard let kind = Kind(rawValue: text) else {
      throw FieldError(
        field: reader.pathOf("type"), expected: "one of \(Kind.allCases.map(\.rawValue))",
        actual: JSON.string(text).summary)
    }
    self.kind = kind
    sha256 = try reader.digest("sha256")
    if let text = try reader.optionalString("key", maxBytes: 256) {
      let key = try ClaimKey(parsing: text, path: reader.pathOf("key"))
      // One spelling, so that one piece of evidence has one digest.
      guard key.text == ClaimKey(key.publicKey).text else {
        throw FieldError(
          field: reader.pathOf("key"), expected: ClaimKey(key.publicKey).text, actual: JSON.string(text).summary)
      }
      self.key = key
    } else {
      key = nil
    }
    try reader.finish()
  }

  var json: JSON {
    var object: JSONObject = ["type": .string(kind.rawValue), "sha256": .string(sha256.hex)]
    object["key"] = key.map { .string($0.text) }
    return .object(object)
  }
}
