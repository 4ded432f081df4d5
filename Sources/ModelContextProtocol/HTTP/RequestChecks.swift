import CanonicalJSON
import Cryptography
import HTTPServer

/// What must hold of an HTTP request before its message counts.
enum RequestChecks {
  static let versionHeader = "mcp-protocol-version"
  static let methodHeader = "mcp-method"
  static let nameHeader = "mcp-name"

  /// A page of another site makes its reader's browser send requests to loopback; the browser says from where. (That the
  /// page points a name of its own at loopback is refused by the server, which answers to its own names only.)
  static func origin(_ request: HTTPRequest) -> HTTPResponse? {
    let origins = request.headers.all("origin")
    guard !origins.isEmpty else { return nil }
    guard origins.count == 1, let host = request.headers["host"], origins[0] == "http://\(host)" else {
      return Problem(status: 403, code: "origin_refused", detail: "requests of web pages are not taken").response
    }
    return nil
  }

  static func token(_ request: HTTPRequest, _ expected: SHA256Digest?) -> HTTPResponse? {
    guard let expected else { return nil }
    let fields = request.headers.all("authorization")
    // Digests of both: neither length nor content of the token shows in the time that a refusal takes.
    if fields.count == 1, fields[0].lowercased().hasPrefix("bearer "),
      ConstantTime.equal(SHA256.hash(Array(fields[0].utf8.dropFirst(7))).bytes, expected.bytes)
    {
      return nil
    }
    var problem = Problem(status: 401, code: "unauthorized", detail: "show the token as Authorization: Bearer")
    problem.headers["WWW-Authenticate"] = "Bearer"
    return problem.response
  }

  /// The client sends JSON, and takes JSON as well as events: which of them it gets is not its choice.
  static func media(_ request: HTTPRequest) -> HTTPResponse? {
    guard types(request.headers.all("content-type")) == ["application/json"] else {
      return Problem(status: 415, code: "not_json", detail: "a message is application/json").response
    }
    let accepted = types(request.headers.all("accept"))
    func takes(_ type: String, _ family: String) -> Bool {
      accepted.contains(type) || accepted.contains(family) || accepted.contains("*/*")
    }
    guard takes("application/json", "application/*"), takes("text/event-stream", "text/*") else {
      return Problem(
        status: 406, code: "not_acceptable", detail: "Accept must name application/json and text/event-stream"
      ).response
    }
    return nil
  }

  /// Media types without their parameters, in lower case.
  private static func types(_ values: [String]) -> [String] {
    values.flatMap { $0.split(separator: ",") }.map { value in
      let type = value.split(separator: ";", omittingEmptySubsequences: false)[0]
      return String(type.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }).lowercased()
    }
  }

  /// One who reads the first of two fields and one who reads the last must not see two requests.
  static func duplicates(_ request: HTTPRequest) -> RPCError? {
    for name in [versionHeader, methodHeader, nameHeader, HTTPTransport.sessionHeader]
    where request.headers.all(name).count > 1 {
      return RPCError(RPCError.headerMismatch, "the header \(name) stands there more than once")
    }
    return nil
  }

  /// The fields by which what stands between client and server may route a request say what the request says.
  static func routing(_ http: HTTPRequest, _ request: RPCRequest) throws(RPCError) {
    if let version = request.meta[RequestEnvelope.versionKey]?.string, http.headers[versionHeader] != version {
      throw mismatch(versionHeader, "params._meta[\"\(RequestEnvelope.versionKey)\"]")
    }
    guard http.headers[methodHeader] == request.method else { throw mismatch(methodHeader, "method") }
    guard request.method == "tools/call", let name = request.params["name"]?.string else { return }
    guard let field = http.headers[nameHeader], decoded(field) == name else {
      throw mismatch(nameHeader, "params.name")
    }
  }

  private static func mismatch(_ header: String, _ field: String) -> RPCError {
    RPCError(RPCError.headerMismatch, "the header \(header) is not what \(field) is")
  }

  /// A value as it is, or out of `=?base64?...?=`.
  static func decoded(_ value: String) -> String? {
    guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
    let payload = value.dropFirst(9).dropLast(2)
    guard let bytes = Base64.decode(payload), Base64.encode(bytes) == payload else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
