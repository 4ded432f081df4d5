/// Why there is no response.
public struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    case url(String, URLFault)
    case request(RequestFault)
    case plainHTTPRefused(String)
    case addressRefused(AddressRefusal)
    case unixSocketRefused(String)
    case nameNotResolved(host: String, reason: String)
    case connectFailed(to: String, reason: String)
    case tls(host: String, reason: String)
    case deadlineExceeded(DeadlinePhase)
    /// Slower than `HTTPClient.Configuration.lowSpeed` for its whole period.
    case tooSlow
    case responseTooLarge(limit: Int)
    case responseHeadersTooLarge(limit: Int)
    /// The connection ended before the announced end of the body.
    case truncated
    /// The peer did not speak HTTP.
    case malformedResponse(String)
    case connectionLost(String)
    case tooManyRedirects(limit: Int)
    case redirectRefused(location: String, reason: RedirectRefusal)
    case sink(String)
    case cancelled
    case clientStopped
    case library(String)
  }

  public enum DeadlinePhase: String, Sendable, Hashable {
    case nameLookup = "looking up the name"
    case connecting
    case waiting = "waiting for the response"
  }

  public enum RedirectRefusal: Sendable, Hashable, CustomStringConvertible {
    case url(URLFault)
    case noLocation
    case downgrade
    case bodyToAnotherOrigin
    case offUnixSocket

    public var description: String {
      switch self {
      case .url(let fault): fault.description
      case .noLocation: "it names no place"
      case .downgrade: "it leads from https to http"
      case .bodyToAnotherOrigin: "it would send the body to another origin"
      case .offUnixSocket: "it leads away from the Unix socket"
      }
    }
  }

  public var kind: Kind
  /// False only if it is certain that no byte of the request left this machine: then it may be tried again. Otherwise
  /// the peer may have acted on it.
  public var mayHaveBeenSent: Bool

  init(_ kind: Kind, mayHaveBeenSent: Bool) {
    self.kind = kind
    self.mayHaveBeenSent = mayHaveBeenSent
  }

  public var description: String {
    switch kind {
    case .url(_, let fault): fault.description
    case .request(let fault): fault.description
    case .plainHTTPRefused(let host): "the egress policy does not permit http without TLS (to \(host))"
    case .addressRefused(let refusal): refusal.description
    case .unixSocketRefused(let path): "the egress policy does not name the Unix socket \(path)"
    case .nameNotResolved(let host, let reason): "\(host) has no address: \(reason)"
    case .connectFailed(let place, let reason): "no connection to \(place): \(reason)"
    case .tls(let host, let reason): "TLS with \(host) failed: \(reason)"
    case .deadlineExceeded(let phase): "the deadline passed while \(phase.rawValue)"
    case .tooSlow: "the response came too slowly"
    case .responseTooLarge(let limit): "the response body is larger than \(limit) bytes"
    case .responseHeadersTooLarge(let limit): "the response headers are larger than \(limit) bytes"
    case .truncated: "the response ended before its announced length"
    case .malformedResponse(let reason): "the response is not valid HTTP: \(reason)"
    case .connectionLost(let reason): "the connection was lost: \(reason)"
    case .tooManyRedirects(let limit): "more than \(limit) redirects"
    case .redirectRefused(let location, let reason): "the redirect to \"\(location)\" is not followed: \(reason)"
    case .sink(let reason): "the receiver of the body stopped it: \(reason)"
    case .cancelled: "the request was cancelled"
    case .clientStopped: "the client has been shut down"
    case .library(let reason): "libcurl: \(reason)"
    }
  }
}
