import CanonicalJSON
import Cryptography

/// The forms in which document and quote come together: files beside each other, and vaportpm's JSON.
enum NitroTPMEnvelope {
  static func read(_ file: RawEvidence) throws(FieldError) -> NitroTPMEvidence? {
    if let json = try? JSON(parsing: file.bytes, limits: .document(maxBytes: Evidence.maxBytes)),
      let evidence = try vaportpm(json, beside: file.attachments)
    {
      return evidence
    }
    return try files(file)
  }

  /// A document and a quote (TPMS_ATTEST), in either order, with signature and key beside them. Registers that are not given
  /// are those of the document.
  private static func files(_ file: RawEvidence) throws(FieldError) -> NitroTPMEvidence? {
    let all = [(name: "", bytes: file.bytes)] + file.attachments
    let documents = all.compactMap { NitroEnvelope.document(in: $0.bytes) }.filter(NitroEnvelope.isOfInstance)
    guard let document = documents.first else { return nil }
    let quotes = all.map { RawTPMQuote.attest($0.bytes) }.filter { $0.starts(with: TPMBytes.uint32(TPMQuote.magic)) }
    guard let quote = quotes.first else {
      throw FieldError(field: "quote", expected: "the TPM's quote beside the document", actual: "nothing")
    }
    let rest = all.filter { !quotes.contains(RawTPMQuote.attest($0.bytes)) }
    let attached = TPMAttachments(RawEvidence(bytes: [], attachments: rest))
    guard let signature = attached.signature else {
      throw FieldError(field: "signature", expected: "the quote's signature beside it", actual: "nothing")
    }
    var pcrs = attached.pcrs
    if pcrs == nil, let read = try? NitroDocument(COSESign1(document).payload) {
      pcrs = [try PCRBank(algorithm: .sha384, values: read.pcrs)]
    }
    // Of a public area beside the document, the key alone can be held against it.
    let key = attached.key.map { bytes in (try? TPMTPublic(bytes))?.key.spkiDER ?? bytes }
    return NitroTPMEvidence(
      document: document, key: key, quote: quote, signature: try RawTPMQuote.signature(signature),
      pcrs: pcrs ?? [], logs: MeasurementLogs(eventLog: attached.eventLog, runtime: attached.runtime))
  }

  /// `{"nonce", "pcrs": {BANK: {INDEX: HEX}}, "ak_pubkeys": {NAME: {"x", "y"}}, "attestation": {"tpm": {NAME: {"attest_data",
  /// "signature"}}, "nitro": {"document"}}}`, all in hexadecimal.
  private static func vaportpm(
    _ json: JSON, beside attachments: [(name: String, bytes: [UInt8])]
  ) throws(FieldError) -> NitroTPMEvidence? {
    guard let attestation = json["attestation"], let text = attestation["nitro"]?["document"]?.string,
      let document = Hex.decode(text)
    else { return nil }
    guard let quotes = attestation["tpm"]?.object, quotes.count == 1, let only = Array(quotes).first else {
      throw FieldError(
        field: "attestation.tpm", expected: "one quote", actual: attestation["tpm"]?.summary ?? "nothing")
    }
    let (name, quoted) = (only.key, only.value)
    let path = "attestation.tpm.\(name)"
    let quote = RawTPMQuote.attest(try hex(quoted["attest_data"], "\(path).attest_data"))
    let signature = try RawTPMQuote.signature(try hex(quoted["signature"], "\(path).signature"))
    try requireNonce(json["nonce"], of: quote)
    let pcrs = try PCRBank.banks(json["pcrs"] ?? .null)
    let attached = TPMAttachments(RawEvidence(bytes: [], attachments: attachments))
    return NitroTPMEvidence(
      document: document, key: try point(json["ak_pubkeys"]?[name], "ak_pubkeys.\(name)"), quote: quote,
      signature: signature, pcrs: pcrs,
      logs: MeasurementLogs(eventLog: attached.eventLog, runtime: attached.runtime))
  }

  /// The envelope says its nonce once more. It is signed in document and quote; here it must only not say another.
  private static func requireNonce(_ json: JSON?, of quote: [UInt8]) throws(FieldError) {
    let nonce = try hex(json, "nonce")
    let quoted = try TPMQuote(quote).extraData
    guard nonce == quoted else {
      throw FieldError(field: "nonce", expected: "\(Hex.encode(quoted)), as quoted", actual: Hex.encode(nonce))
    }
  }

  private static func point(_ json: JSON?, _ path: String) throws(FieldError) -> [UInt8] {
    [0x04] + (try hex(json?["x"], "\(path).x")) + (try hex(json?["y"], "\(path).y"))
  }

  private static func hex(_ json: JSON?, _ field: String) throws(FieldError) -> [UInt8] {
    guard let text = json?.string, let bytes = Hex.decode(text) else {
      throw FieldError(field: field, expected: "hexadecimal", actual: json?.summary ?? "absent")
    }
    return bytes
  }
}
