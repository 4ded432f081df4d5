import CanonicalJSON
import Cryptography

/// Quotes inside the JSON of other projects. Their further members are theirs and are passed over.
enum TPMQuoteJSON {
  static func read(_ json: JSON) throws(FieldError) -> RawTPMQuote? {
    if let quote = try keylimeAgent(json) { return quote }
    if let quote = try plainTPM(json) { return quote }
    if let quote = try virtualTPM(json) { return quote }
    return try attestedPlatform(json)
  }

  /// What a keylime agent answers: `{"results": {"quote": "r...", "mb_measurement_list": ...}}`; the key as a registrar names it.
  private static func keylimeAgent(_ json: JSON) throws(FieldError) -> RawTPMQuote? {
    let answer = json["results"]?.object == nil ? json : (json["results"] ?? json)
    guard let text = answer["quote"]?.string, var quote = try TPMEnvelope.keylime(text) else { return nil }
    for name in ["ak_tpm", "aik_tpm"] { quote.key = quote.key ?? base64(answer[name]) }
    quote.eventLog = base64(answer["mb_measurement_list"])
    return quote
  }

  /// `{"ak_public", "tpm_quote": {"message", "signature", "pcrs"}}` in base64, registers in hexadecimal: trustee's plain TPM.
  private static func plainTPM(_ json: JSON) throws(FieldError) -> RawTPMQuote? {
    guard json["hcl_report"] == nil, json["report"] == nil, let member = json["tpm_quote"],
      let quote = base64(member["message"]), let signature = base64(member["signature"])
    else { return nil }
    return RawTPMQuote(
      quote: quote, signature: signature, key: base64(json["ak_public"]),
      pcrs: try RawTPMQuote.banks(try hexadecimals(member["pcrs"]), quotedBy: quote),
      eventLog: base64(json["eventlog"]))
  }

  /// `{"message", "signature", "pcrs"}` in hexadecimal: the quote of a vTPM alone.
  private static func virtualTPM(_ json: JSON) throws(FieldError) -> RawTPMQuote? {
    guard let message = json["message"]?.string, let signature = json["signature"]?.string,
      let quote = Hex.decode(message), let signature = Hex.decode(signature), json["pcrs"] != nil
    else { return nil }
    return RawTPMQuote(
      quote: quote, signature: signature,
      pcrs: try RawTPMQuote.banks(try hexadecimals(json["pcrs"]), quotedBy: quote))
  }

  /// `{"AK": {"Public"}, "Quote": {"Quote", "Signature"}, "Log": {"PCRs": [{"Index", "Digest", "DigestAlg"}], "Raw"}}` in base64:
  /// go-attestation.
  private static func attestedPlatform(_ json: JSON) throws(FieldError) -> RawTPMQuote? {
    guard let quote = base64(json["Quote"]?["Quote"]), let signature = base64(json["Quote"]?["Signature"]),
      let list = json["Log"]?["PCRs"]?.array
    else { return nil }
    // Numbers of Go's package crypto.
    let hashes: [Int64: BankAlgorithm] = [3: .sha1, 5: .sha256, 6: .sha384, 7: .sha512]
    var values: [BankAlgorithm: [Int: [UInt8]]] = [:]
    for (position, item) in list.prefix(256).enumerated() {
      guard case .integer(let index)? = item["Index"], case .integer(let number)? = item["DigestAlg"],
        let hash = hashes[number], let digest = base64(item["Digest"])
      else {
        throw FieldError(
          field: "Log.PCRs[\(position)]", expected: "an index, a digest and its algorithm", actual: item.summary)
      }
      values[hash, default: [:]][Int(index)] = digest
    }
    let quoted = try TPMQuote(RawTPMQuote.attest(quote)).selections
    var banks: [PCRBank] = []
    for selection in quoted {
      let bank = (values[selection.bank] ?? [:]).filter { selection.indexes.contains($0.key) }
      banks.append(try PCRBank(algorithm: selection.bank, values: bank))
    }
    return RawTPMQuote(
      quote: quote, signature: signature, key: base64(json["AK"]?["Public"]), pcrs: banks,
      eventLog: base64(json["Log"]?["Raw"]))
  }

  private static func base64(_ json: JSON?) -> [UInt8]? {
    json?.string.flatMap { Base64.decode($0.filter { !$0.isWhitespace }) }
  }

  private static func hexadecimals(_ json: JSON?) throws(FieldError) -> [[UInt8]] {
    guard let array = json?.array, array.count <= PCRBank.maxBanks * PCRBank.indexes.count else {
      throw FieldError(field: "pcrs", expected: "a list of values", actual: json?.summary ?? "nothing")
    }
    var values: [[UInt8]] = []
    for (index, value) in array.enumerated() {
      guard let text = value.string, let bytes = Hex.decode(text.lowercased()) else {
        throw FieldError(field: "pcrs[\(index)]", expected: "hexadecimal", actual: value.summary)
      }
      values.append(bytes)
    }
    return values
  }
}
