public import Cryptography
public import HTTPClient

/// Posts batches to a collector. Any status from 200 to 299 is its word that it has the batch.
public final class HTTPSink: ExportSink {
  public var destination: String { url.description }
  private let url: HTTPURL
  private let format: AuditFormat
  private let token: SecretBytes?
  private let client: HTTPClient
  private let policy: EgressPolicy
  private let deadline: Duration

  /// - Parameters:
  ///   - token: sent as `Authorization: Bearer`; visible ASCII.
  ///   - policy: must permit the URL.
  ///   - deadline: for each batch.
  public init(
    url: HTTPURL, format: AuditFormat, token: SecretBytes?, client: HTTPClient, policy: EgressPolicy,
    deadline: Duration = .seconds(30)
  ) {
    self.url = url
    self.format = format
    self.token = token
    self.client = client
    self.policy = policy
    self.deadline = deadline
  }

  public func deliver(_ batch: ExportBatch) async throws(ExportFault) {
    var body: [UInt8] = []
    for event in batch.events { body += format.line(event) }
    let digest = SHA256.hash(body)
    var headers: [HTTPClientHeader] = [
      .init("Content-Type", "application/jsonl"),
      // RFC 9530: what was lost or changed on the way is seen.
      .init("Content-Digest", "sha-256=:\(Base64.encode(digest.bytes)):"),
      // The same batch again is the same key.
      .init("Idempotency-Key", digest.hex),
      .init("Safebox-Entries", batch.range),
    ]
    if let token {
      headers.append(.init("Authorization", token.withUnsafeBytes { "Bearer " + String(decoding: $0, as: UTF8.self) }))
    }
    let request = HTTPClientRequest(
      method: "POST", url: url.description, headers: headers, body: body, deadline: deadline,
      maxResponseBytes: 65_536, mayRepeat: true)
    let response: HTTPClientResponse
    do {
      response = try await client.send(request, policy: policy)
    } catch {
      switch error.kind {
      case .deadlineExceeded, .tooSlow: throw .timedOut("posting to \(url.authority)")
      default: throw .connection(error.description)
      }
    }
    // The body of a refusal is the collector's own and could repeat our credentials: it is not shown.
    guard (200...299).contains(response.status) else {
      throw .refused("status \(response.status) from \(url.authority)")
    }
  }

  public func close() async {}
}
