import CanonicalJSON

/// The id of a request: a string or an integer (never null, never a fraction).
enum RequestID: Sendable, Hashable {
  case integer(Int64)
  case text(String)

  static let maxBytes = 256

  init?(_ json: JSON) {
    switch json {
    case .integer(let value): self = .integer(value)
    case .string(let text) where text.utf8.count <= Self.maxBytes: self = .text(text)
    default: return nil
    }
  }

  var json: JSON {
    switch self {
    case .integer(let value): .integer(value)
    case .text(let text): .string(text)
    }
  }
}

/// A request: something that is owed an answer.
struct RPCRequest: Sendable {
  var id: RequestID
  var method: String
  var params: JSONObject

  /// `params._meta`; empty where there is none.
  var meta: JSONObject { params["_meta"]?.object ?? [:] }
}

/// One message of JSON-RPC 2.0. Batches are not part of either revision.
enum RPCMessage: Sendable {
  case request(RPCRequest)
  case notification(method: String, params: JSONObject)
  /// The client's answer to a question of ours.
  case answer(RequestID, Result<JSON, RPCError>)

  /// The longest message, in bytes.
  static let maxBytes = 1 << 20
  static let limits = JSONLimits(maxBytes: maxBytes, maxDepth: 64)
  static let maxMethodBytes = 128

  /// A message that is not one. The id is that of the request, where it could be read.
  struct Refusal: Error {
    var id: RequestID?
    var error: RPCError
  }

  init(parsing bytes: [UInt8]) throws(Refusal) {
    let json: JSON
    do {
      json = try JSON(parsing: bytes, limits: Self.limits)
    } catch {
      throw Refusal(error: RPCError(RPCError.parse, "not acceptable JSON: \(error)"))
    }
    try self.init(json)
  }

  init(_ json: JSON) throws(Refusal) {
    if json.array != nil {
      throw Refusal(error: RPCError(RPCError.invalidRequest, "one message at a time: batches are not taken"))
    }
    guard let object = json.object else {
      throw Refusal(error: RPCError(RPCError.invalidRequest, "a message is an object, found \(json.summary)"))
    }
    let id = object["id"].flatMap(RequestID.init)
    func refuse(_ field: String, _ expected: String) -> Refusal {
      let error = FieldError(field: field, expected: expected, actual: object[field]?.summary ?? "nothing")
      return Refusal(id: id, error: RPCError(RPCError.invalidRequest, "\(error)"))
    }
    guard object["jsonrpc"] == "2.0" else { throw refuse("jsonrpc", "\"2.0\"") }
    guard object["id"] == nil || id != nil else { throw refuse("id", "an integer or a string of at most 256 bytes") }
    guard let method = object["method"] else {
      self = try Self.answer(object, id, refuse)
      return
    }
    guard let method = method.string, method.utf8.count <= Self.maxMethodBytes else {
      throw refuse("method", "a string of at most \(Self.maxMethodBytes) bytes")
    }
    guard object["result"] == nil, object["error"] == nil else {
      throw refuse("result", "no such field beside a method")
    }
    if let params = object["params"], params.object == nil { throw refuse("params", "an object") }
    let params = object["params"]?.object ?? [:]
    if let meta = params["_meta"], meta.object == nil {
      let error = FieldError(field: "params._meta", expected: "an object", actual: meta.summary)
      throw Refusal(id: id, error: .params(error))
    }
    self =
      id.map { .request(RPCRequest(id: $0, method: method, params: params)) }
      ?? .notification(method: method, params: params)
  }

  private static func answer(
    _ object: JSONObject, _ id: RequestID?, _ refuse: (String, String) -> Refusal
  ) throws(Refusal) -> RPCMessage {
    guard let id else { throw refuse("method", "a string") }
    switch (object["result"], object["error"]) {
    case (.some(let result), nil): return .answer(id, .success(result))
    case (nil, .some(let error)):
      return .answer(
        id,
        .failure(
          RPCError(error["code"]?.integer ?? RPCError.internalError, error["message"]?.string ?? "unspecified")))
    default: throw refuse("result", "a result or an error")
    }
  }

  // MARK: What is written

  static func reply(_ id: RequestID?, _ result: Result<JSONObject, RPCError>) -> JSON {
    var object: JSONObject = ["jsonrpc": "2.0", "id": id?.json ?? .null]
    switch result {
    case .success(let result): object["result"] = .object(result)
    case .failure(let error): object["error"] = error.json
    }
    return .object(object)
  }

  static func notification(_ method: String, _ params: JSONObject) -> JSON {
    ["jsonrpc": "2.0", "method": .string(method), "params": .object(params)]
  }

  static func request(_ id: RequestID, _ method: String, _ params: JSONObject) -> JSON {
    ["jsonrpc": "2.0", "id": id.json, "method": .string(method), "params": .object(params)]
  }
}
