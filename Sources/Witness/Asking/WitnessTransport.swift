import HTTPClient
import TransparencyLog

/// How a log reaches its witnesses: sends one request, returns the whole answer. Deadlines and limits are the transport's.
public struct WitnessTransport: Sendable {
  public struct Request: Sendable, Hashable {
    /// `GET` or `POST`.
    public var method: String
    public var url: String
    public var body: [UInt8]
  }

  public struct Answer: Sendable, Hashable {
    public var status: Int
    public var contentType: String?
    public var body: [UInt8]

    public init(status: Int, contentType: String?, body: [UInt8]) {
      self.status = status
      self.contentType = contentType
      self.body = body
    }
  }

  let send: @Sendable (Request) async throws -> Answer

  public init(_ send: @escaping @Sendable (Request) async throws -> Answer) { self.send = send }

  /// Over HTTP, without following redirects: where a witness is, is the policy's word and not the network's.
  ///
  /// - Parameters:
  ///   - egress: Must permit every witness's host.
  ///   - deadline: For one request, name lookup included.
  public static func http(
    _ client: HTTPClient, egress: EgressPolicy, deadline: Duration = .seconds(10)
  ) -> WitnessTransport {
    WitnessTransport { request in
      let response = try await client.send(
        HTTPClientRequest(
          method: request.method, url: request.url, body: request.body, deadline: deadline,
          // A checkpoint is the longest thing that a witness sends.
          maxResponseBytes: SignedNote.maximumLength,
          // Both requests may be repeated: the second add-checkpoint finds the first one's record.
          mayRepeat: true),
        policy: egress)
      return Answer(status: response.status, contentType: response.header("Content-Type"), body: response.body)
    }
  }
}
