import Attestation
import CanonicalJSON
import Cryptography

/// What a box answers to somebody's nonce: evidence made for it, and the keys for which that evidence speaks
/// (docs/formats.md section 16).
public struct AttestationAnswer: Sendable {
  public static let format = "safebox-attestation/v1"
  /// Of a caller's nonce, in bytes.
  public static let nonceBytes = 16...64

  public let nonce: [UInt8]
  public let identity: BoxIdentity
  public let evidence: Evidence

  public init(nonce: [UInt8], identity: BoxIdentity, evidence: Evidence) {
    self.nonce = nonce
    self.identity = identity
    self.evidence = evidence
  }

  /// What the evidence must have been made for: SHA-256 of JCS `{"format","identity","nonce"}`, `identity` being the
  /// identity's own binding.
  public static func binding(nonce: [UInt8], identity: BoxIdentity) -> SHA256Digest {
    SHA256.hash(
      JSON.object([
        "format": .string(format), "identity": .string(identity.binding.hex), "nonce": .string(Hex.encode(nonce)),
      ]).canonicalBytes())
  }

  public var json: JSON {
    [
      "format": .string(Self.format), "nonce": .string(Hex.encode(nonce)), "identity": identity.stm,
      "evidence": evidence.json,
    ]
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    nonce = try reader.hex("nonce", count: Self.nonceBytes)
    identity = try BoxIdentity(stm: reader.json("identity"), path: "identity")
    evidence = try Evidence(json: reader.json("evidence"))
    try reader.finish()
  }
}
