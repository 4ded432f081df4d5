internal import COpenSSL

/// Why a TLS context cannot be made or a connection cannot go on.
public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A certificate or authority that cannot be read or used.
  case certificate(String)
  /// A private key that cannot be read, or that belongs to another certificate.
  case privateKey(String)
  /// The library refused a setting.
  case configuration(String)
  /// The peer's hello, certificate or key was refused, or the peer refused ours.
  case handshake(String)
  /// A record that is not genuine, or a socket error. The connection is dead.
  case connection(String)

  public var description: String {
    switch self {
    case .certificate(let reason): "TLS certificate: \(reason)"
    case .privateKey(let reason): "TLS private key: \(reason)"
    case .configuration(let reason): "TLS configuration: \(reason)"
    case .handshake(let reason): "TLS handshake failed: \(reason)"
    case .connection(let reason): "TLS connection failed: \(reason)"
    }
  }

  /// The library's newest error on this thread, in words; empties the queue.
  static func libraryReason(_ fallback: String) -> String {
    let code = ERR_peek_last_error()
    defer { ERR_clear_error() }
    guard code != 0, let text = ERR_reason_error_string(code) else { return fallback }
    return String(cString: text)
  }
}

/// The oldest version of the protocol that is spoken.
public enum TLSVersion: Sendable, Hashable {
  /// RFC 5246, with forward-secret authenticated ciphers only.
  case tls12
  /// RFC 8446.
  case tls13
}
