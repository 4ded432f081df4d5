internal import COpenSSL

/// What a TLS server presents and demands. Make one, share it between all connections and threads.
///
/// Sessions are never resumed and nothing is accepted before the handshake is complete (no 0-RTT).
public final class TLSServerContext: Sendable {
  /// Whether clients show a certificate (mutual TLS).
  public enum ClientAuthentication: Sendable, Hashable {
    /// Clients are not asked.
    case none
    /// Clients are asked. One who shows none is let in without; one whose certificate does not verify is refused.
    case optional(authoritiesPEM: String)
    /// Clients without a certificate that these authorities issued are refused.
    case required(authoritiesPEM: String)
    /// Clients must show a certificate and prove that they hold its key. Who issued it says nothing: the handler knows its
    /// peers by ``PeerKey/digest(ofCertificate:)``.
    case proofOfKey
  }

  let context: TLSContext

  /// - Parameters:
  ///   - certificateChainPEM: the server's certificate, then its issuers.
  ///   - privateKeyPEM: the unencrypted key of the first certificate.
  ///   - applicationProtocols: what is spoken inside, in order of preference (RFC 7301). A client that offers others
  ///     only is refused; one that offers none is served.
  /// - Throws: `certificate`, `privateKey` or `configuration` with the library's reason.
  public init(
    certificateChainPEM: String, privateKeyPEM: String, minimumVersion: TLSVersion = .tls13,
    clientAuthentication: ClientAuthentication = .none, applicationProtocols: [String] = ["http/1.1"]
  ) throws(TLSError) {
    context = try TLSContext(
      method: TLS_server_method(), minimumVersion: minimumVersion, applicationProtocols: applicationProtocols)
    try context.present(certificateChainPEM: certificateChainPEM, privateKeyPEM: privateKeyPEM)
    context.selectApplicationProtocol()
    switch clientAuthentication {
    case .none:
      SSL_CTX_set_verify(context.pointer, SSL_VERIFY_NONE, nil)
    case .optional(let authorities):
      try context.trust(authoritiesPEM: authorities, announced: true)
      SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
    case .required(let authorities):
      try context.trust(authoritiesPEM: authorities, announced: true)
      SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    case .proofOfKey:
      SSL_CTX_set_verify(
        context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, Self.anyIssuer)
    }
  }

  /// The chain is not judged. The library checks the proof of the key (CertificateVerify) whatever this answers.
  private static let anyIssuer: @convention(c) (Int32, OpaquePointer?) -> Int32 = { _, _ in 1 }
}
