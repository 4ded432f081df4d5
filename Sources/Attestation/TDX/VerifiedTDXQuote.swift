public import CanonicalJSON
import Cryptography

/// A quote whose signatures, certificates and, where it was given, collateral held. Only ``TDXQuoteVerifier`` makes one.
///
/// What its report data must be, and what its registers mean, is the caller's to check.
public struct VerifiedTDXQuote: EvidenceClaims, Hashable {
  public let assurance: Assurance
  public let quote: TDXQuote
  public let platform: PCKPlatform
  /// How the platform stands; nil where no collateral was given, which is not the same as good.
  public let tcb: TDXStanding?

  init(assurance: Assurance, quote: TDXQuote, platform: PCKPlatform, tcb: TDXStanding?) {
    self.assurance = assurance
    self.quote = quote
    self.platform = platform
    self.tcb = tcb
  }

  public var report: TDReport { quote.report }

  public var registers: [String: [UInt8]] { report.registers }

  public var json: JSON {
    [
      "version": .integer(Int64(quote.version)),
      "report": .object(JSONObject(report.fields.map { ($0.name, .string($0.value)) })),
      "platform": platform.json, "tcb": tcb?.json ?? .null,
    ]
  }
}

/// How platform, TDX module and quoting enclave stand together, by Intel's signed word.
public struct TDXStanding: Sendable, Hashable {
  /// All three joined.
  public let standing: TCBStanding
  public let platform, module, quotingEnclave: TCBStanding
  /// Known weaknesses of the levels that were reached.
  public let advisories: Set<String>
  /// The smaller of the evaluation numbers of TCB info and enclave identity.
  public let evaluationNumber: Int64

  var json: JSON {
    [
      "status": .string(standing.name), "platform": .string(platform.name), "module": .string(module.name),
      "quotingEnclave": .string(quotingEnclave.name),
      "advisories": .array(advisories.sorted().map { .string($0) }), "evaluationNumber": .integer(evaluationNumber),
    ]
  }
}
