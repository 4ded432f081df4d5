import CanonicalJSON
import HTTPServer

/// Whose habits an answer follows, errors included.
enum VendorShape: Sendable, Hashable {
  /// `{"error":{"message","type","param","code"}}`; a stream's events have no names.
  case openAI
  /// OpenAI's Responses: the same bodies, named events in streams.
  case responses
  /// `{"type":"error","error":{"type","message"},"request_id"}`; a stream's error is the event `error`.
  case anthropic

  /// The body of an error.
  func body(_ fault: InferenceFault, request: String) -> JSON {
    switch self {
    case .openAI, .responses:
      [
        "error": [
          "message": .string(fault.message), "type": .string(Self.openAIType(fault)),
          "param": fault.member.map(JSON.string) ?? .null, "code": Self.openAICode(fault).map(JSON.string) ?? .null,
        ]
      ]
    case .anthropic:
      [
        "type": "error", "request_id": .string(request),
        "error": ["type": .string(Self.anthropicType(fault)), "message": .string(fault.message)],
      ]
    }
  }

  /// The whole answer.
  func response(_ fault: InferenceFault, request: String) -> HTTPResponse {
    var response = HTTPResponse(
      status: status(fault), headers: ["Content-Type": "application/json"],
      body: .bytes(body(fault, request: request).canonicalBytes()))
    if let seconds = fault.retryAfter { response.headers["Retry-After"] = "\(seconds)" }
    if case .unauthorized = fault { response.headers["WWW-Authenticate"] = "Bearer" }
    if case .methodNotAllowed(let allow) = fault { response.headers["Allow"] = allow }
    return response
  }

  /// The event that ends a stream which cannot go on.
  func event(_ fault: InferenceFault, request: String, sequence: Int64 = 0) -> [UInt8] {
    switch self {
    case .openAI: EventStream.encode(data: body(fault, request: request).canonicalString())
    case .responses:
      EventStream.encode(
        event: "error",
        data: JSON.object([
          "type": "error", "sequence_number": .integer(sequence), "message": .string(fault.message),
          "code": .string(Self.openAICode(fault) ?? Self.openAIType(fault)),
          "param": fault.member.map(JSON.string) ?? .null,
        ]).canonicalString())
    case .anthropic: EventStream.encode(event: "error", data: body(fault, request: request).canonicalString())
    }
  }

  /// Anthropic has a status of its own for overload; 499 is nobody's and never sent.
  private func status(_ fault: InferenceFault) -> Int {
    switch (self, fault) {
    case (.anthropic, .overloaded): 529
    case (_, .cancelled): 503
    default: fault.status
    }
  }

  /// What keeps a silent stream alive, and finds out whether anybody listens.
  var heartbeat: [UInt8] {
    switch self {
    case .openAI, .responses: EventStream.comment("alive")
    case .anthropic: EventStream.encode(event: "ping", data: #"{"type":"ping"}"#)
    }
  }

  private static func openAIType(_ fault: InferenceFault) -> String {
    switch fault {
    case .invalid, .unsupported, .malformed, .tooLarge, .bodyIncomplete, .unauthorized, .modelNotFound, .notServed,
      .noRoute, .methodNotAllowed, .runnerRefused:
      "invalid_request_error"
    case .forbidden: "permission_error"
    case .tooManyRequests: "requests"
    case .budgetExhausted: "insufficient_quota"
    case .overloaded, .timedOut, .runnerFailed, .cancelled: "server_error"
    }
  }

  private static func openAICode(_ fault: InferenceFault) -> String? {
    switch fault {
    case .unauthorized: "invalid_api_key"
    case .modelNotFound: "model_not_found"
    case .unsupported: "unsupported_parameter"
    case .notServed: "model_not_supported"
    case .tooManyRequests: "rate_limit_exceeded"
    case .budgetExhausted: "insufficient_quota"
    case .overloaded: "overloaded"
    case .timedOut: "timeout"
    case .runnerFailed: "runner_failed"
    default: nil
    }
  }

  private static func anthropicType(_ fault: InferenceFault) -> String {
    switch fault {
    case .invalid, .unsupported, .malformed, .bodyIncomplete, .notServed, .methodNotAllowed, .runnerRefused:
      "invalid_request_error"
    case .tooLarge: "request_too_large"
    case .unauthorized: "authentication_error"
    case .forbidden: "permission_error"
    case .modelNotFound, .noRoute: "not_found_error"
    case .tooManyRequests, .budgetExhausted: "rate_limit_error"
    case .overloaded: "overloaded_error"
    case .timedOut: "timeout_error"
    case .runnerFailed, .cancelled: "api_error"
    }
  }
}
