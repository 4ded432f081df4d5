/// Picks the handler of a request by method and path.
///
/// A pattern is made of literal segments, `{name}` for one segment, and at the end `{name...}` for one or more. Literal
/// text wins over a name, a name over a tail. Nothing is normalised: `/a//b`, `/a/./b` and `/a/` are paths of their own
/// and match only a pattern that says so, so no two spellings reach one route.
public struct Router: HTTPHandler {
  /// Answers a request on a route. A `Problem` or an `HTTPBodyError` thrown becomes its answer; any other error becomes
  /// 500 without its text, which may hold what a stranger should not read.
  public typealias Action = @Sendable (HTTPRequest) async throws -> HTTPResponse

  /// One line of the table.
  public struct Route: Sendable, Hashable {
    /// The method, for example `POST`.
    public let method: String
    /// The pattern as registered.
    public let pattern: String
    /// The most bytes that a body may have.
    public let bodyLimit: Int
  }

  private struct Endpoint: Sendable {
    let route: Route
    let names: [String]
    let action: Action
  }

  private struct Node: Sendable {
    var literals: [String: Int] = [:]
    var parameter: Int?
    var endpoints: [Endpoint] = []
    var tailEndpoints: [Endpoint] = []
  }

  private var nodes: [Node] = [Node()]
  /// The nodes of patterns that are literal text throughout, by that text.
  private var literals: [String: Int] = [:]

  /// Every route in the order of registration; a test can hold an OpenAPI document to it.
  public private(set) var routes: [Route] = []

  /// Called with the error that a route threw and that became 500.
  public var onError: (@Sendable (HTTPRequest, any Error) -> Void)?

  /// A router without routes.
  public init() {}

  /// Registers a route. The same method and pattern twice, or a malformed pattern, is a mistake of the program and stops
  /// it. A GET route answers HEAD too. `bodyLimit` is in bytes; with 0 a request with a body is refused with 413.
  public mutating func on(
    _ method: String, _ pattern: String, bodyLimit: Int = 0, _ action: @escaping Action
  ) {
    precondition(pattern.hasPrefix("/"), "the route pattern \(pattern) does not begin with a slash")
    let segments = pattern == "/" ? [] : pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let route = Route(method: method, pattern: pattern, bodyLimit: bodyLimit)
    var names: [String] = []
    var at = 0
    for (index, segment) in segments.enumerated() {
      guard segment.hasPrefix("{"), segment.hasSuffix("}") else {
        at = child(of: at, literal: String(segment))
        continue
      }
      let name = segment.dropFirst().dropLast()
      if name.hasSuffix("...") {
        precondition(index == segments.count - 1, "the tail of \(pattern) is not at its end")
        names.append(String(name.dropLast(3)))
        precondition(!nodes[at].tailEndpoints.contains { $0.route.method == method }, "\(method) \(pattern) twice")
        nodes[at].tailEndpoints.append(Endpoint(route: route, names: names, action: action))
        routes.append(route)
        return
      }
      names.append(String(name))
      at = parameterChild(of: at)
    }
    precondition(!nodes[at].endpoints.contains { $0.route.method == method }, "\(method) \(pattern) twice")
    nodes[at].endpoints.append(Endpoint(route: route, names: names, action: action))
    if names.isEmpty { literals[pattern] = at }
    routes.append(route)
  }

  /// Registers another handler for everything of a method under a pattern.
  public mutating func on(_ method: String, _ pattern: String, bodyLimit: Int = 0, handler: some HTTPHandler) {
    on(method, pattern, bodyLimit: bodyLimit) { await handler.respond(to: $0) }
  }

  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    let endpoints: [Endpoint]
    var values: [String] = []
    if let found = match(request, &values) {
      endpoints = found
    } else if request.path == "*", request.method == "OPTIONS" {
      return HTTPResponse(status: 204)
    } else {
      return Problem(status: 404, code: "not_found", detail: "There is nothing at \(request.path).").response
    }
    let method = request.method
    guard
      let endpoint = endpoints.first(where: { $0.route.method == method })
        ?? (method == "HEAD" ? endpoints.first { $0.route.method == "GET" } : nil)
    else { return refusal(of: method, at: request.path, endpoints) }
    let limit = endpoint.route.bodyLimit
    if let length = request.body.declaredLength, length > limit {
      return HTTPBodyError.tooLarge(limit: limit).problem.response
    }
    var request = request
    request.body.limit = limit
    request.parameters.values = zip(endpoint.names, values).map { (name: $0.0, value: $0.1) }
    do {
      return try await endpoint.action(request)
    } catch let problem as Problem {
      return problem.response
    } catch let error as HTTPBodyError {
      return error.problem.response
    } catch {
      onError?(request, error)
      return Problem(status: 500, code: "internal", detail: "The request could not be answered.").response
    }
  }

  private func refusal(of method: String, at path: String, _ endpoints: [Endpoint]) -> HTTPResponse {
    var allowed = Set(endpoints.map(\.route.method))
    if allowed.contains("GET") { allowed.insert("HEAD") }
    allowed.insert("OPTIONS")
    let allow = allowed.sorted().joined(separator: ", ")
    if method == "OPTIONS" { return HTTPResponse(status: 204, headers: ["Allow": allow]) }
    var problem = Problem(
      status: 405, code: "method_not_allowed", detail: "\(path) answers \(allow), not \(method).")
    problem.headers["Allow"] = allow
    return problem.response
  }

  private mutating func child(of node: Int, literal: String) -> Int {
    if let existing = nodes[node].literals[literal] { return existing }
    nodes.append(Node())
    nodes[node].literals[literal] = nodes.count - 1
    return nodes.count - 1
  }

  private mutating func parameterChild(of node: Int) -> Int {
    if let existing = nodes[node].parameter { return existing }
    nodes.append(Node())
    nodes[node].parameter = nodes.count - 1
    return nodes.count - 1
  }

  private func match(_ request: HTTPRequest, _ values: inout [String]) -> [Endpoint]? {
    if let node = literals[request.path] { return nodes[node].endpoints }
    guard request.path.utf8.first == ASCII.slash else { return nil }
    return match(request.pathSegments[...], from: 0, &values)
  }

  /// The branches are tried in order of precedence; each literal or name leads to one node, so the work is bounded by the
  /// number of patterns, whatever the path.
  private func match(_ segments: ArraySlice<Substring>, from node: Int, _ values: inout [String]) -> [Endpoint]? {
    guard let segment = segments.first else {
      let endpoints = nodes[node].endpoints
      return endpoints.isEmpty ? nil : endpoints
    }
    if let next = nodes[node].literals[String(segment)],
      let found = match(segments.dropFirst(), from: next, &values)
    {
      return found
    }
    if let next = nodes[node].parameter, let value = Self.captured(segment) {
      values.append(value)
      if let found = match(segments.dropFirst(), from: next, &values) { return found }
      values.removeLast()
    }
    if !nodes[node].tailEndpoints.isEmpty {
      let parts = segments.compactMap(Self.captured)
      guard parts.count == segments.count else { return nil }
      values.append(parts.joined(separator: "/"))
      return nodes[node].tailEndpoints
    }
    return nil
  }

  /// A segment decoded, or nil when it could climb out of a directory that a handler joins it to.
  private static func captured(_ segment: Substring) -> String? {
    guard !segment.isEmpty, let text = PercentEncoding.decode(segment.utf8) else { return nil }
    guard text != ".", text != "..", !text.utf8.contains(where: { $0 == ASCII.slash || $0 == ASCII.backslash })
    else { return nil }
    return text
  }
}
