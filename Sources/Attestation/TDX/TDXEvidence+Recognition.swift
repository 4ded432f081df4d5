public import CanonicalJSON
import Cryptography

extension TDXEvidence {
  /// Raw forms: the quote itself, alone, in a buffer of zeros, in hexadecimal or base64; a JSON object with the member
  /// `quote` (dstack's answers, trustee's evidence; in the member `tdx`, Intel Trust Authority's); what configfs-tsm hands out,
  /// as JSON; dstack's attestation, as bytes or in the member `attestation`. Beside
  /// them collateral and logs (``TDXAttachments``).
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> TDXEvidence? {
    guard let found = try found(in: file.bytes) else { return nil }
    let attached = try TDXAttachments(file.attachments)
    var collateral = found.collateral
    if collateral == nil { collateral = try attached.collateral(for: found.quote) }
    return TDXEvidence(
      quote: found.quote, collateral: collateral,
      logs: MeasurementLogs(eventLog: found.eventLog ?? attached.eventLog, runtime: attached.runtime))
  }

  /// Whether the bytes begin as a quote of a trust domain does; of whatever length.
  static func isQuote(_ bytes: some Collection<UInt8>) -> Bool {
    let start = [UInt8](bytes.prefix(8))
    return start == [4, 0, 2, 0, 0x81, 0, 0, 0] || start == [5, 0, 2, 0, 0x81, 0, 0, 0]
  }

  struct Found {
    var quote: [UInt8]
    var eventLog: [UInt8]?
    var collateral: TDXCollateral?
  }

  private static func found(in bytes: [UInt8]) throws(FieldError) -> Found? {
    if isQuote(bytes) { return Found(quote: bytes) }
    if let attestation = try DstackAttestation(parsing: bytes) {
      return Found(quote: attestation.quote, eventLog: attestation.eventLog)
    }
    guard let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes)) else {
      let text = EncodedText.trimmed(bytes)
      guard let quote = EncodedText.decoded(text), isQuote(quote) else { return nil }
      return Found(quote: quote)
    }
    // An HCL report beside the quote makes it evidence of another kind.
    guard let object = json.object, object["hcl_report"] == nil else { return nil }
    if let text = object["attestation"]?.string, let bytes = EncodedText.decoded(text),
      let attestation = try DstackAttestation(parsing: bytes)
    {
      return Found(quote: attestation.quote, eventLog: attestation.eventLog)
    }
    if let tsm = TSMReport(json) { return isQuote(tsm.report) ? Found(quote: tsm.report) : nil }
    // Intel Trust Authority's client puts what it has of a domain into a member.
    let holder = object["tdx"]?.object ?? object
    guard let text = holder["quote"]?.string, let quote = EncodedText.decoded(text), isQuote(quote) else { return nil }
    var found = Found(quote: quote, eventLog: try eventLog(of: holder))
    if let collateral = object["collateral"] { found.collateral = try TDXAttachments.collateral(json: collateral) }
    return found
  }

  /// dstack's `event_log` is a JSON array, or the text of one, and that of other tools the CCEL in base64, as is trustee's
  /// `cc_eventlog`.
  private static func eventLog(of object: JSONObject) throws(FieldError) -> [UInt8]? {
    switch object["event_log"] {
    case .string(let text)?:
      let binary = EncodedText.decoded(text)
      return binary.map(EventLog.isMarked) ?? false ? binary : Array(text.utf8)
    case .array(let events)?: return JSON.array(events).canonicalBytes()
    case nil, .null?: break
    case let other?: throw FieldError(field: "event_log", expected: "a list of events", actual: other.summary)
    }
    switch object["cc_eventlog"] {
    case .string(let text)?:
      guard let bytes = EncodedText.decoded(text) else {
        throw FieldError(field: "cc_eventlog", expected: "base64", actual: JSON.string(text).summary)
      }
      return bytes
    case nil, .null?: return nil
    case let other?: throw FieldError(field: "cc_eventlog", expected: "base64", actual: other.summary)
    }
  }
}
