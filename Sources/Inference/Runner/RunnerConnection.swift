import CanonicalJSON
import HTTPClient

/// Speaks HTTP to runners, each over its own unix socket and nothing else.
struct RunnerConnection: Sendable {
  /// Numbers and noncharacters as models produce them; depth as in every document.
  static func jsonLimits(maxBytes: Int) -> JSONLimits { JSONLimits(maxBytes: maxBytes, allowsNoncharacters: true) }

  let client: HTTPClient
  let limits: InferenceLimits

  /// A connection within limits.
  init(limits: InferenceLimits) {
    var configuration = HTTPClient.Configuration()
    configuration.connectDeadline = .seconds(5)
    // A long prompt is silent for as long as it is read; only the deadline ends that.
    configuration.lowSpeed = .init(bytesPerSecond: 1, seconds: 24 * 3600)
    configuration.maxConnectionsPerHost = 256
    client = HTTPClient(configuration)
    self.limits = limits
  }

  /// A request to a runner. Only what is named here is sent: no field of the client's request passes by itself.
  func request(
    _ endpoint: RunnerEndpoint, _ path: String, body: JSON?, id: String, deadline: Duration
  ) -> HTTPClientRequest {
    var headers = [HTTPClientHeader("Accept", "*/*"), HTTPClientHeader("X-Safebox-Request-Id", id)]
    if body != nil { headers.append(HTTPClientHeader("Content-Type", "application/json")) }
    return HTTPClientRequest(
      method: body == nil ? "GET" : "POST", url: "http://runner\(path)", headers: headers,
      body: body?.canonicalBytes() ?? [], deadline: deadline, maxResponseBytes: limits.answerBytes,
      unixSocketPath: endpoint.socket,
      // Computing twice harms nobody, and a connection that is kept saves its making.
      mayRepeat: true)
  }

  /// The only place that a runner's request may go.
  static func policy(_ endpoint: RunnerEndpoint) -> EgressPolicy {
    EgressPolicy(publicPorts: .none, permitsPlainHTTP: true, unixSockets: [endpoint.socket])
  }

  /// Begins an exchange whose answer is read while it arrives.
  func open(_ request: HTTPClientRequest, to endpoint: RunnerEndpoint) -> RunnerExchange {
    RunnerExchange(
      request, client: client, policy: Self.policy(endpoint), bufferLimit: limits.streamBufferBytes)
  }

  /// Asks and waits for the whole answer, whatever its status.
  func ask(
    _ endpoint: RunnerEndpoint, _ path: String, body: JSON?, id: String, deadline: Duration
  ) async throws(InferenceFault) -> (status: Int, contentType: String, body: [UInt8]) {
    let request = request(endpoint, path, body: body, id: id, deadline: deadline)
    do {
      let response = try await client.send(request, policy: Self.policy(endpoint))
      return (response.status, response.header("content-type") ?? "", response.body)
    } catch {
      throw InferenceFault(transport: error)
    }
  }

  /// A JSON answer of status 200, or the fault that another status stands for.
  func json(
    _ endpoint: RunnerEndpoint, _ path: String, body: JSON?, id: String, deadline: Duration
  ) async throws(InferenceFault) -> JSON {
    let answer = try await ask(endpoint, path, body: body, id: id, deadline: deadline)
    return try Self.json(status: answer.status, answer.body)
  }

  /// The value of an answer of status 200, or the fault that another status stands for.
  static func json(status: Int, _ bytes: [UInt8]) throws(InferenceFault) -> JSON {
    guard status == 200 else { throw refusal(status: status, bytes) }
    do {
      return try JSON(parsing: bytes, limits: jsonLimits(maxBytes: max(bytes.count, 1)))
    } catch {
      throw .runnerFailed("its answer is not JSON")
    }
  }

  /// What a status other than 200 means. The client's own faults (400, 404, 413, 422) carry the runner's words, cut to 512
  /// characters: they say, for example, how many tokens are too many.
  static func refusal(status: Int, _ bytes: [UInt8]) -> InferenceFault {
    switch status {
    case 400, 413, 422:
      let json = try? JSON(parsing: bytes, limits: jsonLimits(maxBytes: 1 << 20))
      let text = json?["error"]?["message"]?.string ?? json?["message"]?.string ?? json?["error"]?.string
      return .runnerRefused(status: 400, message: String((text ?? "the model refused the request").prefix(512)))
    case 501: return .runnerRefused(status: 400, message: "the model does not serve this")
    case 408, 504: return .timedOut
    // 503 is also what llama.cpp says while it loads the model.
    case 429, 503: return .overloaded(retryAfter: 2)
    default: return .runnerFailed("it answered with status \(status)")
    }
  }
}
