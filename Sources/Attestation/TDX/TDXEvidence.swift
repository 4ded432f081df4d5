public import CanonicalJSON
import Cryptography

/// An Intel TDX quote with what Intel publishes about its platform, and the logs behind its registers: kind `tdx`.
public struct TDXEvidence: EvidenceFormat, Hashable {
  public typealias Claims = TDXClaims
  public typealias Policy = TDXPolicy

  public static let kind = EvidenceKind.tdx

  /// As the platform gave it: exact, or in a buffer filled up with zeros.
  public let quote: [UInt8]
  /// nil where there is none: then nothing says whether the platform is known to be broken.
  public let collateral: TDXCollateral?
  public let logs: MeasurementLogs

  public init(quote: [UInt8], collateral: TDXCollateral? = nil, logs: MeasurementLogs = MeasurementLogs()) {
    self.quote = quote
    self.collateral = collateral
    self.logs = logs
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    quote = try reader.base64("quote", maxBytes: TDXQuote.Limits.bytes)
    collateral = try reader.optionalObject("collateral").map { object throws(FieldError) in
      try TDXCollateral(members: object)
    }
    logs = try MeasurementLogs(members: &reader)
  }

  public var members: JSONObject {
    var object = logs.members
    object["quote"] = .string(Base64.encode(quote))
    object["collateral"] = collateral?.json
    return object
  }

  /// 1. The quote, its certificates and collateral (``TDXQuoteVerifier``). 2. The report data is the binding. 3. The logs
  /// yield the registers (``MeasurementLogs``).
  public func verify(in context: VerificationContext, into checks: inout CheckList) -> TDXClaims? {
    checks.demand([.tdxBinding])
    let verified = TDXQuoteVerifier.verify(quote: quote, collateral: collateral, in: context, into: &checks)
    // Nothing else is read of a quote that is not genuine.
    guard let verified else { return nil }
    let report = verified.report
    checks.bind(.tdxBinding, report.reportData, to: context.binding, fixedWidth: true)
    let registers = MeasuredRegisters(
      rtmrs: Dictionary(uniqueKeysWithValues: report.rtmrs.enumerated().map { ($0, $1) }))
    let measurements = logs.verify(against: registers, into: &checks)
    return checks.holds ? TDXClaims(quote: verified, measurements: measurements) : nil
  }

  public var explanation: [EvidenceLine] {
    let quote: TDXQuote
    do { quote = try TDXQuote(parsing: self.quote) } catch { return [EvidenceLine("quote", "unreadable: \(error)")] }
    var lines = [
      EvidenceLine(
        "quote", "version \(quote.version), \(self.quote.count) bytes, \(quote.trailing.count) after its end")
    ]
    lines += quote.report.fields.map { EvidenceLine($0.name, $0.value) }
    lines.append(EvidenceLine("attributes set", quote.report.attributes.names.joined(separator: ", ")))
    let enclave = quote.quotingEnclave
    lines.append(
      EvidenceLine("quoting enclave", "signer \(Hex.encode(enclave.mrSigner)), version \(enclave.securityVersion)"))
    lines.append(
      EvidenceLine("collateral", collateral == nil ? "none" : "TCB info, enclave identity, revocation lists"))
    lines.append(EvidenceLine("event log", logs.eventLog.map { "\($0.count) bytes" } ?? "none"))
    lines.append(EvidenceLine("runtime events", logs.runtime.map { "\($0.events.count)" } ?? "none"))
    return lines
  }
}

/// What a genuine quote says, and what the logs prove.
public struct TDXClaims: MeasuringClaims, Hashable {
  public let quote: VerifiedTDXQuote
  public let measurements: MeasurementClaims

  init(quote: VerifiedTDXQuote, measurements: MeasurementClaims) {
    self.quote = quote
    self.measurements = measurements
  }

  public var assurance: Assurance { quote.assurance }
  public var registers: [String: [UInt8]] { quote.registers }

  public var json: JSON { ["quote": quote.json, "measurements": measurements.json] }
}
