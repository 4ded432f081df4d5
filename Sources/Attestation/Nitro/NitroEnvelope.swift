import CanonicalJSON
import Cryptography

/// The forms in which attestation documents come: COSE alone, in hexadecimal or base64, as a member of a JSON object, in the
/// SCALE envelope of dstack. Only the document is taken: nothing signs what stands beside it.
enum NitroEnvelope {
  /// nil where the bytes are something else.
  static func document(in bytes: [UInt8]) -> [UInt8]? {
    if let document = binary(bytes) { return document }
    if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes)) {
      return document(in: json)
    }
    return text(EncodedText.trimmed(bytes))
  }

  private static let names = [
    "document", "attestation_document", "attestationDocument", "attestation_doc", "attestation", "evidence", "nitro",
  ]

  private static func document(in json: JSON) -> [UInt8]? {
    if let text = json.string { return self.text(text) }
    for name in names {
      if let text = json[name]?.string, let document = text.isEmpty ? nil : self.text(text) { return document }
    }
    return nil
  }

  private static func text(_ text: String) -> [UInt8]? { EncodedText.decoded(text).flatMap(binary) }

  private static func binary(_ bytes: [UInt8]) -> [UInt8]? {
    if isMessage(bytes) { return bytes }
    guard let content = scale(bytes), isMessage(content) else { return nil }
    return content
  }

  /// An array of four (with or without the tag) that begins with a protected header of ES384. What follows may be anything:
  /// the verifier says what is wrong with it.
  private static func isMessage(_ bytes: [UInt8]) -> Bool {
    let message = bytes.first == 0xD2 ? bytes.dropFirst() : bytes[...]
    return message.starts(with: [0x84, 0x44] + COSESign1.protectedHeader)
  }

  /// dstack: version 0, a kind of quote, a compact length, as many bytes; then events and configuration.
  private static func scale(_ bytes: [UInt8]) -> [UInt8]? {
    var reader = ByteReader(bytes)
    guard (try? reader.uint16(bigEndian: "head")).map({ $0 < 8 }) ?? false,
      let low = try? reader.uint8("length"), low & 3 == 1, let high = try? reader.uint8("length")
    else { return nil }
    return try? reader.bytes((Int(high) << 8 | Int(low)) >> 2, "document")
  }

  /// Whether a document says that it is of an instance with NitroTPM. What cannot be read is taken for an enclave's, whose
  /// verifier says why not.
  static func isOfInstance(_ document: [UInt8]) -> Bool {
    (try? NitroDocument(COSESign1(document).payload))?.subject == .instance
  }
}
