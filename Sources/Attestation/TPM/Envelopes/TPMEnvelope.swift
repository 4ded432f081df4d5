import CanonicalJSON
import Cryptography

/// The forms in which tools hand out a quote of a TPM, each recognised by its marks. What is recognised is not believed: the
/// verifier sees the same bytes as if they had come as `safebox-evidence/v1`.
enum TPMEnvelope {
  /// nil where the bytes are something else; throws where they are a quote and malformed.
  static func read(_ file: RawEvidence) throws(FieldError) -> TPMEvidence? {
    let attachments = TPMAttachments(file)
    // Beside a report of a confidential VM, a quote is a part of that evidence.
    guard !file.attachments.contains(where: { $0.bytes.starts(with: Array("HCLA".utf8)) }) else { return nil }
    if let quote = try binary(file.bytes, attachments) { return try quote.evidence(with: attachments) }
    if let quote = try bincode(file.bytes) { return try quote.evidence(with: attachments) }
    if let quote = try keylime(file.bytes) { return try quote.evidence(with: attachments) }
    guard let json = try? JSON(parsing: file.bytes, limits: .document(maxBytes: Evidence.maxBytes)) else { return nil }
    return try TPMQuoteJSON.read(json)?.evidence(with: attachments)
  }

  /// The message of `tpm2_quote`, with signature, registers and key beside it.
  private static func binary(_ bytes: [UInt8], _ attachments: TPMAttachments) throws(FieldError) -> RawTPMQuote? {
    let quote = RawTPMQuote.attest(bytes)
    guard quote.starts(with: TPMBytes.uint32(TPMQuote.magic)) else { return nil }
    guard let signature = attachments.signature else {
      throw FieldError(field: "signature", expected: "the quote's signature beside it", actual: "nothing")
    }
    if let pcrs = attachments.pcrs { return RawTPMQuote(quote: quote, signature: signature, pcrs: pcrs) }
    guard let values = attachments.values else {
      throw FieldError(field: "pcrs", expected: "the registers' values beside the quote", actual: "nothing")
    }
    return RawTPMQuote(quote: quote, signature: signature, pcrs: try plain(values, quotedBy: quote))
  }

  /// `tpm2_quote --pcr`, format `values`: one after another in the order of the selection.
  private static func plain(_ bytes: [UInt8], quotedBy quote: [UInt8]) throws(FieldError) -> [PCRBank] {
    var reader = ByteReader(bytes, path: "pcrs")
    var values: [[UInt8]] = []
    for selection in try TPMQuote(quote).selections {
      for _ in selection.indexes { values.append(try reader.bytes(selection.bank.byteCount, "value")) }
    }
    try reader.finish()
    return try RawTPMQuote.banks(values, quotedBy: quote)
  }

  /// Signature, message and 24 values of SHA-256, each with its length as eight little-endian bytes: how the vTPM tools of
  /// Azure's confidential VMs store a quote.
  private static func bincode(_ bytes: [UInt8]) throws(FieldError) -> RawTPMQuote? {
    var reader = ByteReader(bytes)
    guard let length = try? reader.uint64(littleEndian: "signature"), [256, 384, 512].contains(length),
      let signature = try? reader.bytes(Int(length), "signature"),
      let count = try? reader.uint64(littleEndian: "message"), count <= TPMQuote.maxBytes,
      let quote = try? reader.bytes(Int(count), "message"), quote.starts(with: TPMBytes.uint32(TPMQuote.magic))
    else { return nil }
    let values = try reader.uint64(littleEndian: "pcrs")
    guard values <= PCRBank.indexes.count else {
      throw FieldError(field: "pcrs", expected: "at most 24 values", actual: "\(values)")
    }
    var pcrs: [[UInt8]] = []
    for _ in 0..<values { pcrs.append(try reader.bytes(32, "pcrs")) }
    try reader.finish()
    return RawTPMQuote(quote: quote, signature: signature, pcrs: try RawTPMQuote.banks(pcrs, quotedBy: quote))
  }

  private static func keylime(_ bytes: [UInt8]) throws(FieldError) -> RawTPMQuote? {
    guard bytes.first == UInt8(ascii: "r"), bytes.count <= 1 << 16 else { return nil }
    return try keylime(String(decoding: bytes, as: UTF8.self))
  }

  /// `r` and then quote, signature and registers (as tpm2-tools write them) in base64 with colons between: what a keylime agent
  /// answers.
  static func keylime(_ text: String) throws(FieldError) -> RawTPMQuote? {
    let text = text.filter { !$0.isWhitespace }
    let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard text.first == "r", parts.count == 3, let quote = Base64.decode(parts[0]),
      let signature = Base64.decode(parts[1]), let registers = Base64.decode(parts[2])
    else { return nil }
    return RawTPMQuote(quote: quote, signature: signature, pcrs: try TPMToolsPCRs.banks(registers))
  }
}
