internal import COpenSSL

/// One TLS connection over a non-blocking stream socket.
///
/// Belongs to one thread at a time. The socket stays its owner's, who closes it after the connection was released.
/// A peer that has gone raises no SIGPIPE. The connection reads ahead: after data arrived, call `read` until it answers
/// `wantRead`, for a level-triggered poll does not see bytes that the library already holds.
public final class TLSConnection {
  /// What a step of the handshake or of closing needs next.
  public enum Progress: Sendable, Hashable {
    case done
    /// Call again when the socket is readable.
    case wantRead
    /// Call again when the socket is writable.
    case wantWrite
  }

  /// What a read or write did.
  public enum Transfer: Sendable, Hashable {
    /// So many bytes, at least one unless the buffer was empty.
    case bytes(Int)
    /// Call again when the socket is readable.
    case wantRead
    /// Call again, with the same bytes first, when the socket is writable.
    case wantWrite
    /// The peer said that nothing more follows (close_notify, RFC 8446 section 6.1).
    case closed
    /// The socket ended without close_notify: somebody on the way may have cut the end off.
    case truncated
  }

  private let ssl: OpaquePointer
  private let context: TLSContext
  private var isHandshakeDone = false
  // After a fatal error the library must not be asked to close cleanly.
  private var hasFailed = false

  private static nonisolated(unsafe) let socketMethod = copenssl_socket_method()

  /// The server's side.
  public init(context: TLSServerContext, fileDescriptor: Int32) throws(TLSError) {
    self.context = context.context
    ssl = try Self.makeLibraryConnection(context.context, fileDescriptor)
    SSL_set_accept_state(ssl)
  }

  /// The client's side. The server's certificate must name `serverName`, a DNS name or an IP address in text.
  public init(context: TLSClientContext, fileDescriptor: Int32, serverName: String) throws(TLSError) {
    self.context = context.context
    ssl = try Self.makeLibraryConnection(context.context, fileDescriptor)
    SSL_set_connect_state(ssl)
    guard !serverName.isEmpty, !serverName.utf8.contains(0) else { throw .configuration("no server name") }
    let parameters = SSL_get0_param(ssl)
    if X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) == 1 { return }
    ERR_clear_error()
    SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    guard SSL_set1_host(ssl, serverName) == 1, copenssl_ssl_set_server_name(ssl, serverName) == 1 else {
      throw .configuration(TLSError.libraryReason("the server name was refused"))
    }
  }

  deinit {
    SSL_free(ssl)
  }

  private static func makeLibraryConnection(
    _ context: TLSContext, _ fileDescriptor: Int32
  ) throws(TLSError) -> OpaquePointer {
    guard let ssl = SSL_new(context.pointer) else { throw .configuration(TLSError.libraryReason("no memory")) }
    guard let bio = copenssl_socket_bio(socketMethod, fileDescriptor) else {
      SSL_free(ssl)
      throw .configuration(TLSError.libraryReason("no memory"))
    }
    SSL_set_bio(ssl, bio, bio)
    return ssl
  }

  /// Goes on with the handshake. `done` once both sides have proved what they have to.
  ///
  /// - Throws: `handshake` with the reason; an alert for the peer may already be on its way.
  public func handshake() throws(TLSError) -> Progress {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    if result == 1 {
      isHandshakeDone = true
      return .done
    }
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantRead
    case SSL_ERROR_WANT_WRITE: return .wantWrite
    default:
      hasFailed = true
      let verification = SSL_get_verify_result(ssl)
      if verification != Int(X509_V_OK), let text = X509_verify_cert_error_string(verification) {
        ERR_clear_error()
        throw .handshake(String(cString: text))
      }
      throw .handshake(TLSError.libraryReason("the peer closed the connection"))
    }
  }

  /// Reads decrypted bytes into the buffer.
  ///
  /// - Throws: `connection` for a forged record or a socket error.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Transfer {
    guard buffer.count > 0 else { return .bytes(0) }
    ERR_clear_error()
    var count = 0
    let result = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
    return result == 1 ? .bytes(count) : try transfer(result)
  }

  /// Encrypts and sends some of the bytes, as many as the socket takes.
  ///
  /// - Throws: `connection` when the peer has gone.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> Transfer {
    guard bytes.count > 0 else { return .bytes(0) }
    ERR_clear_error()
    var count = 0
    let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
    return result == 1 ? .bytes(count) : try transfer(result)
  }

  private func transfer(_ result: Int32) throws(TLSError) -> Transfer {
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantRead
    case SSL_ERROR_WANT_WRITE: return .wantWrite
    case SSL_ERROR_ZERO_RETURN: return .closed
    default:
      hasFailed = true
      let code = ERR_peek_last_error()
      if ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING {
        ERR_clear_error()
        return .truncated
      }
      throw .connection(TLSError.libraryReason("the socket failed"))
    }
  }

  /// Tells the peer that nothing more follows. Does not wait for the peer's answer and does not close the socket.
  public func close() -> Progress {
    guard isHandshakeDone, !hasFailed else { return .done }
    ERR_clear_error()
    let result = SSL_shutdown(ssl)
    if result >= 0 { return .done }
    let progress: Progress = SSL_get_error(ssl, result) == SSL_ERROR_WANT_WRITE ? .wantWrite : .done
    ERR_clear_error()
    return progress
  }

  /// The certificate that the peer proved to hold, or nil when it showed none or the handshake is not done.
  public var peerCertificateDER: [UInt8]? {
    guard isHandshakeDone, let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
    defer { X509_free(certificate) }
    var encoded: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(certificate, &encoded)
    guard count > 0, let encoded else { return LibraryErrors.clear(nil) }
    defer { copenssl_free(encoded) }
    return [UInt8](UnsafeBufferPointer(start: encoded, count: Int(count)))
  }

  /// The version spoken, `TLSv1.3` or `TLSv1.2`.
  public var version: String { String(cString: SSL_get_version(ssl)) }

  /// The application protocol that both sides agreed on (RFC 7301), or nil.
  public var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    guard let name, count > 0 else { return nil }
    return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  /// Bytes that only the two ends of this connection can compute (RFC 8446 section 7.5): binds what is said inside to
  /// this channel, so that it cannot be relayed into another. Nil before the handshake is done.
  public func exportedKeyingMaterial(label: String, context: [UInt8], count: Int) -> [UInt8]? {
    guard isHandshakeDone else { return nil }
    var output = [UInt8](repeating: 0, count: count)
    let result = SSL_export_keying_material(
      ssl, &output, count, label, label.utf8.count, context, context.count, 1)
    return result == 1 ? output : LibraryErrors.clear(nil)
  }
}
