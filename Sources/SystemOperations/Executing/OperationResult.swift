import CanonicalJSON
import Cryptography
import Governance

/// The end of an operation: recorded in the journal, told to whoever asked, and signed.
public enum OperationResult: Sendable, Hashable {
  case executed(JSONObject)
  case failed(OperationFault)
  case unknown(OperationFault)

  /// The most that a result's canonical JSON may have: it goes into an entry of the log with what proves it.
  public static let maxBytes = 8192

  public var outcome: Outcome {
    switch self {
    case .executed: .executed
    case .failed: .failed
    case .unknown: .unknown
    }
  }

  /// `{"outcome","result"}` or `{"outcome","error"}`.
  public var json: JSON {
    switch self {
    case .executed(let result): ["outcome": "executed", "result": .object(result)]
    case .failed(let fault): ["outcome": "failed", "error": .object(fault.json)]
    case .unknown(let fault): ["outcome": "unknown", "error": .object(fault.json)]
    }
  }

  /// Of the canonical bytes of ``json``: what the report is signed over.
  public var digest: SHA256Digest { .of(json) }

  public init(json: JSON, path: String = "") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let text = try reader.string("outcome", maxBytes: 32)
    switch Outcome(rawValue: text) {
    case .executed:
      let value = try reader.json("result")
      guard let object = value.object else {
        throw FieldError(field: reader.pathOf("result"), expected: "an object", actual: value.summary)
      }
      self = .executed(object)
    case .failed: self = .failed(try OperationFault(json: reader.json("error"), path: reader.pathOf("error")))
    case .unknown: self = .unknown(try OperationFault(json: reader.json("error"), path: reader.pathOf("error")))
    case nil:
      throw FieldError(
        field: reader.pathOf("outcome"), expected: "executed, failed or unknown", actual: JSON.string(text).summary)
    }
    try reader.finish()
  }
}

/// A result with the claim by which the privileged process answers for it.
public struct ReportedResult: Sendable, Hashable {
  public let result: OperationResult
  /// See ``SystemReport``.
  public let report: JSON

  public init(result: OperationResult, report: JSON) {
    self.result = result
    self.report = report
  }

  /// The last line of an answer: ``OperationResult/json`` and `report`.
  public var line: JSONObject {
    var line = result.json.object ?? [:]
    line["report"] = report
    return line
  }

  public init(line: JSONObject) throws(FieldError) {
    guard let report = line["report"] else {
      throw FieldError(field: "report", expected: "a claim", actual: "nothing")
    }
    var rest = line
    rest["report"] = nil
    result = try OperationResult(json: .object(rest))
    self.report = report
  }
}
