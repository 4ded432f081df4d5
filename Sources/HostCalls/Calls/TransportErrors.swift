import CanonicalJSON
import HTTPClient

extension HostCallError {
  /// Why a peer could not be asked, or did not answer whole. The sentences of the client name hosts and addresses, never
  /// a path, a header or a body.
  public init(_ error: HTTPClientError) {
    let code =
      switch error.kind {
      case .url, .request: "bad_argument"
      case .plainHTTPRefused, .addressRefused, .unixSocketRefused, .nameNotResolved, .connectFailed, .tls,
        .clientStopped, .library:
        "unreachable"
      case .deadlineExceeded, .tooSlow: "timeout"
      case .responseTooLarge, .responseHeadersTooLarge: "too_large"
      case .truncated, .malformedResponse, .connectionLost, .tooManyRedirects, .redirectRefused, .sink: "upstream"
      case .cancelled: "cancelled"
      }
    self.init(code, error.description)
  }
}
