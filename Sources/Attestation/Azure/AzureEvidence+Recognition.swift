public import CanonicalJSON
import Cryptography

extension AzureEvidence {
  /// Reads trustee's evidence (versions 0 to 2, SNP and TDX) as JSON, or the paravisor's report with a quote beside it: as JSON
  /// (`signature`, `message`, `pcrs`) or as azure-cvm-tooling writes it; beside them certificates, a TD quote, its
  /// collateral and logs.
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> AzureEvidence? {
    if file.bytes.starts(with: HCLReport.magic) {
      for attachment in file.attachments {
        guard let quote = try Quote(attachment.bytes) else { continue }
        let tdQuote = file.attachments.map(\.bytes).first { TDXEvidence.isQuote($0) }
        return try evidence(hcl: file.bytes, quote: quote, tdQuote: tdQuote, certificates: [], file.attachments)
      }
      throw FieldError(field: "quote", expected: "the TPM's quote in a file beside the report", actual: "absent")
    }
    guard let json = try? JSON(parsing: file.bytes, limits: .document(maxBytes: Evidence.maxBytes)),
      let report = json["hcl_report"] ?? json["report"], let quoteJSON = json["tpm_quote"] ?? json["quote"],
      let hcl = bytes(report), hcl.starts(with: HCLReport.magic)
    else { return nil }
    guard let quote = try Quote(json: quoteJSON) else {
      throw FieldError(field: "tpm_quote", expected: "signature, message and pcrs", actual: quoteJSON.summary)
    }
    var certificates: [[UInt8]] = []
    if let vcek = json["vcek"] {
      let pem = vcek.string.map { Array($0.utf8) } ?? []
      certificates = try AttachedCertificates.read(pem)
      if certificates.isEmpty, let der = bytes(vcek) { certificates = [der] }
    }
    return try evidence(
      hcl: hcl, quote: quote, tdQuote: json["td_quote"].flatMap(bytes), certificates: certificates, file.attachments)
  }

  private static func evidence(
    hcl: [UInt8], quote: Quote, tdQuote: [UInt8]?, certificates: [[UInt8]],
    _ attachments: [(name: String, bytes: [UInt8])]
  ) throws(FieldError) -> AzureEvidence {
    let attached = try TDXAttachments(attachments)
    // A TD quote carries its own certificates: what is beside it are those of its collateral.
    let all = tdQuote == nil ? try certificates + AttachedCertificates.read(attachments) : []
    let report = (try? HCLReport(hcl)).flatMap { try? SNPReport($0.report) }
    return AzureEvidence(
      hclReport: hcl, certificates: SNPEvidence.ordered(all, for: report), tdQuote: tdQuote,
      collateral: tdQuote == nil ? nil : try attached.collateral(for: tdQuote ?? []), quote: quote.message,
      // Azure's keys sign with nothing else.
      signature: TPMTSignature(scheme: .rsassa, hash: .sha256, value: quote.signature).bytes,
      pcrs: [try quote.bank()], logs: MeasurementLogs(eventLog: attached.eventLog, runtime: attached.runtime))
  }

  /// A TPM's quote as the tools of Azure's guests hand it on.
  private struct Quote {
    let signature: [UInt8]
    let message: [UInt8]
    /// From PCR 0 on, SHA-256.
    let pcrs: [[UInt8]]

    init?(_ bytes: [UInt8]) throws(FieldError) {
      if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20)) {
        try self.init(json: json)
        return
      }
      guard let quote = Self.bincode(bytes) else { return nil }
      self = quote
    }

    private init(signature: [UInt8], message: [UInt8], pcrs: [[UInt8]]) {
      (self.signature, self.message, self.pcrs) = (signature, message, pcrs)
    }

    /// bincode: each list has its length in eight bytes before it; registers have theirs fixed.
    private static func bincode(_ bytes: [UInt8]) -> Quote? {
      var reader = ByteReader(bytes)
      func list(_ reader: inout ByteReader) -> [UInt8]? {
        guard let count = try? reader.uint64(littleEndian: "length"), count <= 2048 else { return nil }
        return try? reader.bytes(Int(count), "bytes")
      }
      guard let signature = list(&reader), let message = list(&reader),
        let count = try? reader.uint64(littleEndian: "length"), count <= 24, reader.remaining == 32 * Int(count)
      else { return nil }
      let values = reader.rest()
      return Quote(
        signature: signature, message: message,
        pcrs: stride(from: 0, to: values.count, by: 32).map { Array(values[$0..<$0 + 32]) })
    }

    init?(json: JSON) throws(FieldError) {
      guard let signature = json["signature"].flatMap(AzureEvidence.bytes),
        let message = json["message"].flatMap(AzureEvidence.bytes), let pcrs = json["pcrs"]?.array
      else { return nil }
      let values = pcrs.compactMap(AzureEvidence.bytes)
      guard values.count == pcrs.count, signature.count <= TPMTSignature.maxBytes else {
        throw FieldError(field: "tpm_quote.pcrs", expected: "values of registers", actual: "something else")
      }
      self.init(signature: signature, message: message, pcrs: values)
    }

    /// The values under the indexes that the quote selects: their position alone says nothing. A list that is not as long as
    /// the selection is read as registers from 0 on, and the verifier says what is wrong.
    func bank() throws(FieldError) -> PCRBank {
      let selected = (try? TPMQuote(message))?.selections.first { $0.bank == .sha256 }?.indexes ?? []
      let indexes = selected.count == pcrs.count ? selected : Array(pcrs.indices)
      return try PCRBank(
        algorithm: .sha256, values: Dictionary(uniqueKeysWithValues: zip(indexes, pcrs)), path: "pcrs")
    }
  }

  /// Bytes as serde writes them: an array of numbers, hexadecimal, or base64 of either alphabet.
  private static func bytes(_ json: JSON) -> [UInt8]? {
    if let array = json.array {
      let bytes = array.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } }
      return bytes.count == array.count ? bytes : nil
    }
    guard let text = json.string else { return nil }
    return EncodedText.decoded(text) ?? Base64.decodeURL(String(text.prefix { $0 != "=" }))
  }
}
