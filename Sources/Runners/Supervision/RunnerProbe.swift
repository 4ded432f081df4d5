import HTTPClient

/// Asks a runner how it is, over its socket.
struct RunnerProbe: Sendable {
  let socket: String
  let path: String

  /// Nobody but the runner can be reached with it.
  static func policy(for socket: String) -> EgressPolicy {
    EgressPolicy(
      publicPorts: .none, permitsPlainHTTP: true, allowances: [.host("runner", port: 80)], unixSockets: [socket])
  }

  /// Whether it answers 200 to a question after its health.
  func isHealthy(within deadline: Duration) async -> Bool {
    let request = HTTPClientRequest(
      url: "http://runner\(path)", deadline: deadline, maxResponseBytes: 64 << 10, unixSocketPath: socket,
      mayRepeat: false)
    // A client of its own: a connection that stayed open would look like somebody's request to a drain.
    let client = HTTPClient()
    defer { client.shutDown() }
    guard let response = try? await client.send(request, policy: Self.policy(for: socket)) else { return false }
    return response.status == 200
  }
}
