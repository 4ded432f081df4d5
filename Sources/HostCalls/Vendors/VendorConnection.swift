import CanonicalJSON
import HTTPClient
import Keychain

/// One call to a vendor's API by a route of the settings: its key put in when the request leaves, connections only to the
/// place that the route names, nothing repeated that may have left.
struct VendorConnection: Sendable {
  /// How the key is sent.
  enum Credential: Sendable {
    /// `Authorization: Bearer KEY`.
    case bearer
    /// The key alone, in this header.
    case header(String)
  }

  /// Bytes of an answer that arrives whole.
  static let maxResponseBytes = 32 << 20
  /// Attempts, where it is certain that nothing was sent.
  static let attempts = 2

  private let client: HTTPClient
  private let secrets: OutgoingSecrets
  private let url: HTTPURL
  private let socket: String?
  private let secret: String?
  private let credential: Credential

  init(
    _ services: HostServices, community: String, url: HTTPURL, socket: String? = nil, secret: String?,
    credential: Credential
  ) {
    client = services.client
    secrets = OutgoingSecrets(services.keychain, community: community, to: url)
    self.url = url
    self.socket = socket
    self.secret = secret
    self.credential = credential
  }

  /// As `NAME@VERSION`.
  var used: [String] { secrets.used }
  /// Of what was sent so far.
  var redactor: Redactor { secrets.redactor }

  /// A `POST` of JSON to a path below the route's URL.
  func post(
    _ body: JSON, to path: String, headers: [HTTPClientHeader] = [], accepting type: String, timeout: Int64
  ) throws(HostCallError) -> HTTPClientRequest {
    var headers = headers
    if let secret {
      let value = try secrets.fill("{{keychain:\(secret)}}")
      switch credential {
      case .bearer: headers.append(HTTPClientHeader("Authorization", "Bearer \(value)"))
      case .header(let name): headers.append(HTTPClientHeader(name, value))
      }
    }
    headers.append(HTTPClientHeader("Content-Type", "application/json"))
    headers.append(HTTPClientHeader("Accept", type))
    var base = url.description
    while base.hasSuffix("/") { base.removeLast() }
    return HTTPClientRequest(
      method: "POST", url: base + path, headers: headers, body: body.canonicalBytes(), deadline: .seconds(timeout),
      maxResponseBytes: Self.maxResponseBytes, followRedirects: 0, unixSocketPath: socket, mayRepeat: false)
  }

  /// Sends and waits for the whole answer, whatever its status.
  func send(_ request: HTTPClientRequest) async throws(VendorFailure) -> HTTPClientResponse {
    try await attempt { () async throws(HTTPClientError) in try await client.send(request, policy: policy) }
  }

  /// Sends and gives what arrives to the sink.
  func stream(_ request: HTTPClientRequest, into sink: HTTPClientSink) async throws(VendorFailure) {
    _ = try await attempt { () async throws(HTTPClientError) in
      try await client.stream(request, policy: policy, into: sink)
    }
  }

  /// The owners have named this place in the settings, so it may be a private one; and no other may be reached.
  private var policy: EgressPolicy {
    EgressPolicy(
      publicPorts: .none, permitsPlainHTTP: true, allowances: [.host(url.host, port: url.port)],
      unixSockets: socket.map { [$0] } ?? [])
  }

  private func attempt(
    _ body: () async throws(HTTPClientError) -> HTTPClientResponse
  ) async throws(VendorFailure) -> HTTPClientResponse {
    var left = Self.attempts
    while true {
      left -= 1
      do {
        return try await body()
      } catch {
        guard left > 0, !error.mayHaveBeenSent, Self.isPassing(error.kind) else {
          throw VendorFailure(error: HostCallError(error), wasSent: error.mayHaveBeenSent)
        }
      }
    }
  }

  /// Whether the next attempt may well succeed.
  private static func isPassing(_ kind: HTTPClientError.Kind) -> Bool {
    switch kind {
    case .connectFailed, .nameNotResolved, .connectionLost: true
    default: false
    }
  }
}

/// Why there is no answer, and whether the vendor may have done the work and charge for it.
struct VendorFailure: Error, Sendable {
  var error: HostCallError
  var wasSent: Bool
}
