import CanonicalJSON

/// Carries out one operation. Nothing reaches it but a ``Mandate``, which only the follower of the log makes.
///
/// One call runs at a time. The task is cancelled when the operation's time is over; an executor that notices throws.
public protocol OperationExecutor: Sendable {
  /// Holds what was sent along against the order, before anything is recorded or touched. A manifest is already known to
  /// have the digest that was approved; here its own facts are held against every other parameter. Throws
  /// ``OperationFault`` to refuse.
  func examine(_ mandate: Mandate) throws

  /// Does it. What it returns becomes the result that is recorded and signed: public facts and digests, at most
  /// ``OperationResult/maxBytes``. Whatever it throws becomes the outcome `failed`; then nothing of it may be left.
  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject

  /// Finds out how far an operation came that the death of this process interrupted, and brings it to an end: to the one
  /// that was ordered, or back to where it began. It is never performed a second time.
  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation
}

/// How an interrupted operation ended.
public enum Reconciliation: Sendable, Hashable {
  /// It is done as ordered.
  case executed(JSONObject)
  /// Nothing of it is left.
  case failed(OperationFault)
  /// Nobody can tell; people must look.
  case unknown(OperationFault)
}

/// Why an operation was refused or failed, for whoever asked for it.
public struct OperationFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// A stable name of lower-case words joined by `.` and `_`.
  public let code: String
  /// The field that is wrong, where there is one.
  public let field: String?
  /// What happened, with expected and actual values; at most 2,048 bytes are kept.
  public let detail: String
  /// Public facts about what was done and taken back, such as the digests of a tree; they are signed with the rest.
  public var evidence: JSONObject

  public init(code: String, field: String? = nil, detail: String, evidence: JSONObject = [:]) {
    self.code = code
    self.field = field
    self.evidence = evidence
    self.detail = detail.utf8.count <= Self.maxBytes ? detail : String(detail.unicodeScalars.prefix(Self.maxBytes / 4))
  }

  /// A field that is not what was approved.
  public init(code: String, _ error: FieldError) {
    self.init(code: code, field: error.field, detail: error.description)
  }

  /// This operation has no executor here.
  public static func notAvailable(_ operation: Operation) -> OperationFault {
    OperationFault(code: "not_available", detail: "\(operation.rawValue) is not available in this installation")
  }

  static let maxBytes = 2048

  public var description: String { detail }

  /// `{"code","detail"}`, and `field` and `evidence` where there are any.
  public var json: JSONObject {
    var object: JSONObject = ["code": .string(code), "detail": .string(detail)]
    object["field"] = field.map(JSON.string)
    if !evidence.isEmpty { object["evidence"] = .object(evidence) }
    return object
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let evidence = reader.optionalJSON("evidence")
    if let evidence, evidence.object == nil {
      throw FieldError(field: reader.pathOf("evidence"), expected: "an object", actual: evidence.summary)
    }
    self.init(
      code: try reader.string("code", maxBytes: 128), field: try reader.optionalString("field", maxBytes: 1024),
      detail: try reader.string("detail", maxBytes: Self.maxBytes), evidence: evidence?.object ?? [:])
    try reader.finish()
  }
}
