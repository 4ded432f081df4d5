import CanonicalJSON
import HTTPClient

/// The HTTP API of a box, with a client's token: the part of it that running tools takes.
public struct BoxClient: Sendable {
  let url: String
  private let unixSocket: String?
  private let token: String?
  private let policy: EgressPolicy
  private let client: HTTPClient

  /// The longest answer that is read, in bytes.
  static let maxAnswer = 64 << 20

  /// - Parameters:
  ///   - url: of the box, without a slash at the end.
  ///   - unixSocket: the path of its socket, where it is not reached by TCP.
  ///   - policy: permits that place and nothing else.
  public init(
    url: String, unixSocket: String? = nil, token: String?, policy: EgressPolicy, client: HTTPClient = HTTPClient()
  ) {
    self.url = url
    self.unixSocket = unixSocket
    self.token = token
    self.policy = policy
    self.client = client
  }

  func get(_ path: String, deadline: Duration = .seconds(30)) async throws(BoxFailure) -> JSON {
    try await send("GET", path, body: nil, key: nil, deadline: deadline)
  }

  /// Posts, without a body where there is none to take; what may have been sent and got no answer is sent once more under the same key, which makes it the same request.
  func post(_ path: String, _ body: JSON? = nil, key: String) async throws(BoxFailure) -> JSON {
    do throws(BoxFailure) {
      return try await send("POST", path, body: body, key: key, deadline: .seconds(30))
    } catch {
      guard case .unreachable = error, !Task.isCancelled else { throw error }
      return try await send("POST", path, body: body, key: key, deadline: .seconds(30))
    }
  }

  private func headers(key: String? = nil, hasBody: Bool = false) -> [HTTPClientHeader] {
    var headers: [HTTPClientHeader] = []
    if let token { headers.append(HTTPClientHeader("Authorization", "Bearer \(token)")) }
    if let key { headers.append(HTTPClientHeader("Idempotency-Key", key)) }
    if hasBody { headers.append(HTTPClientHeader("Content-Type", "application/json")) }
    return headers
  }

  private func send(
    _ method: String, _ path: String, body: JSON?, key: String?, deadline: Duration
  ) async throws(BoxFailure) -> JSON {
    let response: HTTPClientResponse
    do {
      response = try await client.send(
        HTTPClientRequest(
          method: method, url: url + path, headers: headers(key: key, hasBody: body != nil),
          body: body?.canonicalBytes() ?? [], deadline: deadline, maxResponseBytes: Self.maxAnswer,
          unixSocketPath: unixSocket),
        policy: policy)
    } catch {
      throw .unreachable("\(error)")
    }
    guard let json = try? JSON(parsing: response.body, limits: .document(maxBytes: Self.maxAnswer)) else {
      throw .refused(status: response.status, code: "malformed", detail: "the box's answer is not JSON")
    }
    guard (200..<300).contains(response.status) else {
      throw .refused(
        status: response.status, code: json["code"]?.string ?? "status_\(response.status)",
        detail: json["detail"]?.string ?? json["title"]?.string ?? "the box refused")
    }
    return json
  }

  /// The events of a run, from the first that the box still has, until the box ends the stream or the task is cancelled.
  /// That the stream breaks is no error: it only tells earlier what the run's state says anyway.
  func watch(_ run: String, _ tell: @escaping @Sendable (ServerSentEvent) -> Void) async {
    let lines = EventLines()
    _ = try? await client.stream(
      HTTPClientRequest(
        url: "\(url)/v1/runs/\(run)/events", headers: headers(), deadline: .seconds(3600),
        maxResponseBytes: Self.maxAnswer, unixSocketPath: unixSocket),
      policy: policy,
      into: HTTPClientSink(
        head: { status, _ in guard status == 200 else { throw BoxFailure.unreachable("status \(status)") } },
        bytes: { bytes in for event in try lines.take(bytes) { tell(event) } }))
  }
}

/// Why the box did not do it.
enum BoxFailure: Error, Sendable, Hashable, CustomStringConvertible {
  case unreachable(String)
  /// A problem of RFC 9457.
  case refused(status: Int, code: String, detail: String)

  var description: String {
    switch self {
    case .unreachable: "the box cannot be reached"
    case .refused(_, let code, let detail): "\(detail) (\(code))"
    }
  }
}
