import CanonicalJSON
import Cryptography

/// A payload and the signature over it and its type (DSSE v1), in the JSON of a Sigstore bundle.
struct DSSEEnvelope: Sendable, Hashable {
  static let inTotoType = "application/vnd.in-toto+json"

  let payload: [UInt8]
  let signature: [UInt8]

  /// Reads an envelope of an in-toto statement with exactly one signature, as Sigstore bundles have it.
  init(_ reader: inout ObjectReader) throws(FieldError) {
    let type = try reader.string("payloadType", maxBytes: 256)
    guard type == Self.inTotoType else {
      throw FieldError(
        field: reader.pathOf("payloadType"), expected: Self.inTotoType, actual: JSON.string(type).summary)
    }
    payload = try Self.base64("payload", &reader, maxBytes: OMSBundle.maxBytes)
    let signatures = try reader.array("signatures", maxCount: 1)
    guard let first = signatures.first else {
      throw FieldError(field: reader.pathOf("signatures"), expected: "one signature", actual: "an array of 0")
    }
    var one = try ObjectReader(first, path: "\(reader.pathOf("signatures"))[0]")
    signature = try Self.base64("sig", &one, maxBytes: 4096)
    // A hint that is not signed.
    _ = try one.optionalString("keyid", maxBytes: 1024)
    try one.finish()
    try reader.finish()
  }

  init(payload: [UInt8], signedBy key: P256.PrivateKey) throws(CryptographyError) {
    self.payload = payload
    signature = try key.sign(Self.signedBytes(payload)).der
  }

  var json: JSON {
    [
      "payload": .string(Base64.encode(payload)), "payloadType": .string(Self.inTotoType),
      "signatures": [["sig": .string(Base64.encode(signature))]],
    ]
  }

  /// Whether the signature, in strict DER, is the key's.
  func isSigned(by key: P256.PublicKey) -> Bool {
    guard let signature = try? ECDSASignature(strictDER: signature) else { return false }
    return key.isValid(signature, for: Self.signedBytes(payload))
  }

  /// The pre-authentication encoding: type and payload with their lengths, so that neither can be read as the other.
  static func signedBytes(_ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(inTotoType.utf8.count) \(inTotoType) \(payload.count) ".utf8) + payload
  }

  private static func base64(
    _ name: String, _ reader: inout ObjectReader, maxBytes: Int
  ) throws(FieldError) -> [UInt8] {
    let text = try reader.string(name, maxBytes: maxBytes)
    guard let bytes = Base64.decode(text), !bytes.isEmpty else {
      throw FieldError(field: reader.pathOf(name), expected: "base64", actual: "something else")
    }
    return bytes
  }
}
