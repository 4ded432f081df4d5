import CanonicalJSON
import Governance
import HTTPClient
import Keychain

/// `Protocol.HTTP`: one request to one URL. Redirects are not followed; a 3xx is the answer.
public struct HTTPCall: HostCall {
  /// Of `url` with `params` added; an action's URL is bounded by ``HTTPRequestExecutor/maxURLBytes``.
  static let maxURLBytes = 8192
  static let maxParams = 64
  /// Bytes of a response to a look. What does not fit ``HostValue/maxBytes`` as JSON is refused too.
  static let maxResponseBytes = 1 << 20
  static let timeouts: ClosedRange<Int64> = 1...300

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var methods: [HostMethod] {
    let common: [ArgumentSchema.Member] = [
      .required(
        "url", ArgumentSchema.string(maxBytes: Self.maxURLBytes), "http or https; placeholders in the query only"),
      .optional(
        "headers",
        ArgumentSchema.map(
          ArgumentSchema.string(maxBytes: HeaderFields.maxValueBytes), maxCount: HeaderFields.maxCount),
        "by name; the values may hold placeholders"),
      .optional(
        "params",
        ArgumentSchema.map(
          ArgumentSchema.either(["type": "string"], ["type": "number"], ArgumentSchema.boolean),
          maxCount: Self.maxParams),
        "added to the query, percent-encoded; the values may hold placeholders"),
      .optional("timeout", ArgumentSchema.integer(Self.timeouts), "seconds, 30 if absent"),
    ]
    let send: [ArgumentSchema.Member] =
      common + [
        .required("method", ArgumentSchema.choice(Self.changing), "what to do"),
        .optional("body", ArgumentSchema.any, "text, or JSON that is sent as application/json"),
        .optional(
          "idempotent", ArgumentSchema.boolean,
          "whether the peer takes a repetition under one Idempotency-Key for one request; false if absent"),
      ]
    return [
      HostMethod(
        "HTTP.get", .observe, dimensions: ["hosts", "paths"], schema: ArgumentSchema.object(common),
        summary: "Reads a URL."),
      HostMethod(
        "HTTP.head", .observe, dimensions: ["hosts", "paths"], schema: ArgumentSchema.object(common),
        summary: "Reads the headers of a URL."),
      HostMethod(
        "HTTP.send", .change, dimensions: ["hosts", "paths", "methods"], schema: ArgumentSchema.object(send),
        summary: "Sends a request that may change something: the action http.request."),
    ]
  }

  private static let changing = ["DELETE", "PATCH", "POST", "PUT"]

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    switch method {
    case "HTTP.send": try send(arguments, context)
    default: try look(method == "HTTP.head" ? "HEAD" : "GET", arguments, context)
    }
  }

  // MARK: Looking

  private func look(
    _ method: String, _ arguments: JSON, _ context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let call = try HostArguments.read(arguments) { reader throws(FieldError) in
      try Target(&reader, maxBytes: Self.maxURLBytes)
    }
    let facts = ["hosts": call.template.url.hostFact, "paths": call.template.url.pathFact]
    return HostCallPlan(
      facts: [facts], secrets: SecretResolver.names(in: [arguments, .string(call.url)]),
      step: .observe { [services] in await Self.look(method, call, context, services) })
  }

  private static func look(
    _ method: String, _ call: Target, _ context: HostCallContext, _ services: HostServices
  ) async -> HostCallOutcome {
    let secrets = OutgoingSecrets(services.keychain, community: context.community, to: call.template.url)
    do throws(HostCallError) {
      var headers: [HTTPClientHeader] = []
      for header in call.headers.list { headers.append(HTTPClientHeader(header.name, try secrets.fill(header.value))) }
      let request = HTTPClientRequest(
        method: method, url: try call.template.filled(secrets.fill), headers: headers,
        deadline: .seconds(call.timeout), maxResponseBytes: maxResponseBytes, followRedirects: 0)
      let response: HTTPClientResponse
      do {
        response = try await services.client.send(
          request, policy: .publicInternet(andLiterally: context.settings.egress))
      } catch {
        throw HostCallError(error)
      }
      let answer = try HostValue.bounded(.object(HTTPAnswer.json(response, redactor: secrets.redactor)))
      return HostCallOutcome(.success(answer), secrets: secrets.used)
    } catch {
      return HostCallOutcome(.failure(error.redacted(by: secrets.redactor)), secrets: secrets.used)
    }
  }

  // MARK: Changing

  private func send(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let (call, method, params) = try HostArguments.read(arguments) { reader throws(FieldError) in
      let method = try reader.string("method", maxBytes: 16)
      guard Self.changing.contains(method) else {
        throw FieldError(
          field: reader.pathOf("method"), expected: "one of \(Self.changing); HTTP.get and HTTP.head only look",
          actual: JSON.string(method).summary)
      }
      let call = try Target(&reader, maxBytes: HTTPRequestExecutor.maxURLBytes)
      var params: JSONObject = [
        "method": .string(method), "url": .string(call.url), "community": .string(context.community),
      ]
      if let headers = call.rawHeaders { params["headers"] = headers }
      if arguments["timeout"] != nil { params["timeout"] = .integer(call.timeout) }
      if let body = reader.optionalJSON("body"), !body.isNull {
        // An action's numbers are integers; other JSON is sent as the text that it is.
        if body.hasFraction {
          params["body"] = .string(body.canonicalString())
          if !call.headers.contains("content-type") {
            var headers = call.rawHeaders?.object ?? [:]
            headers["Content-Type"] = "application/json"
            params["headers"] = .object(headers)
          }
        } else {
          params["body"] = body
        }
      }
      if try reader.optionalBool("idempotent", default: false) { params["idempotent"] = true }
      // What the executor would refuse is refused here, where the tool can still read why.
      _ = try HTTPRequestExecutor.Request(params: .object(params), path: HostArguments.path)
      return (call, method, params)
    }
    let url = call.template.url
    return HostCallPlan(
      facts: [["hosts": url.hostFact, "paths": url.pathFact, "methods": method]],
      // What is sent, too: a body that became a text holds the names of its members.
      secrets: SecretResolver.names(in: [arguments, .object(params)]),
      step: .change(type: "http.request", params: params))
  }

  /// What all three methods take.
  private struct Target: Sendable {
    /// With `params` in it.
    var url: String
    var template: URLTemplate
    var headers = HeaderFields()
    var rawHeaders: JSON?
    var timeout: Int64

    init(_ reader: inout ObjectReader, maxBytes: Int) throws(FieldError) {
      let field = reader.pathOf("url")
      let text = try reader.string("url", maxBytes: maxBytes)
      url = URLTemplate.adding(try Self.params(&reader), to: text)
      guard url.utf8.count <= maxBytes else {
        throw FieldError(
          field: field, expected: "at most \(maxBytes) bytes with params", actual: "\(url.utf8.count) bytes")
      }
      template = try URLTemplate(url, field: field)
      guard !template.url.hasDotSegments else {
        throw FieldError(field: field, expected: "a path without . and .. segments", actual: "one with them")
      }
      rawHeaders = reader.optionalJSON("headers")
      if let rawHeaders { headers = try HeaderFields(rawHeaders, field: reader.pathOf("headers")) }
      timeout = try reader.optionalInteger("timeout", in: HTTPCall.timeouts) ?? 30
    }

    private static func params(_ reader: inout ObjectReader) throws(FieldError) -> [(name: String, value: String)] {
      guard let json = reader.optionalJSON("params") else { return [] }
      let field = reader.pathOf("params")
      guard let object = json.object, object.count <= HTTPCall.maxParams else {
        throw FieldError(field: field, expected: "an object of at most \(HTTPCall.maxParams)", actual: json.summary)
      }
      var list: [(name: String, value: String)] = []
      for (name, value) in object {
        switch value {
        case .string(let text): list.append((name, text))
        case .integer, .double, .bool: list.append((name, value.canonicalString()))
        default:
          throw FieldError(
            field: "\(field).\(name)", expected: "a string, a number, true or false", actual: value.summary)
        }
      }
      return list
    }
  }
}

extension JSON {
  /// Whether a number that is no integer stands anywhere in it.
  var hasFraction: Bool {
    switch self {
    case .double: true
    case .array(let elements): elements.contains(where: \.hasFraction)
    case .object(let members): members.contains { $0.value.hasFraction }
    default: false
    }
  }
}
