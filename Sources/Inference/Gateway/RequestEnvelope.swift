import Cryptography
import HTTPServer

/// What the fields of a request say, as far as anything is made of them. Nothing of them passes to a runner by itself.
struct RequestEnvelope: Sendable {
  /// The client's own id if it is a plain one, else a new one.
  let id: String
  /// The token, from `Authorization: Bearer` or `x-api-key`; nil when there is none, or more than one.
  let token: String?
  /// `X-Safebox-Tenant`: separates the prompt caches within one client.
  let tenant: String?
  /// `X-Safebox-Cache-Tag`.
  let cacheTag: String?
  /// False with `X-Safebox-Cache-Mode: none`.
  let isCached: Bool
  /// `X-Safebox-Timeout-Ms`, within the gateway's own.
  let deadline: Duration
  /// Whether it is Anthropic's client that asks, where a path has two shapes.
  let isAnthropic: Bool

  init(_ request: HTTPRequest, limits: InferenceLimits) {
    let headers = request.headers
    func plain(_ name: String, _ most: Int = 128) -> String? {
      guard let value = headers[name], (1...most).contains(value.utf8.count),
        value.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else { return nil }
      return value
    }
    id = plain("x-safebox-request-id") ?? "req_\(Hex.encode(SecureRandom.bytes(12)))"
    let bearers = headers.all("authorization")
    let keys = headers.all("x-api-key")
    switch (bearers.count, keys.count) {
    case (1, _)
    where bearers[0].lowercased().hasPrefix("bearer ") && keys.allSatisfy({ $0 == bearers[0].dropFirst(7) }):
      token = String(bearers[0].dropFirst(7))
    case (0, 1): token = keys[0]
    // Two different credentials: nobody can say whose request it is.
    default: token = nil
    }
    tenant = plain("x-safebox-tenant")
    cacheTag = plain("x-safebox-cache-tag")
    isCached = headers["x-safebox-cache-mode"] != "none"
    if let milliseconds = headers["x-safebox-timeout-ms"].flatMap({ Int64($0) }), milliseconds > 0 {
      deadline = min(.milliseconds(milliseconds), limits.deadline)
    } else {
      deadline = limits.deadline
    }
    isAnthropic = headers.contains("anthropic-version")
  }
}
