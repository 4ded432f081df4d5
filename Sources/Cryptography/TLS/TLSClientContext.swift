internal import COpenSSL

/// Whom a TLS client trusts and how it shows itself. Make one, share it between all connections and threads.
public final class TLSClientContext: Sendable {
  /// A certificate for servers that demand one.
  public struct Identity: Sendable {
    /// The client's certificate, then its issuers.
    public var certificateChainPEM: String
    /// The unencrypted key of the first certificate.
    public var privateKeyPEM: String

    public init(certificateChainPEM: String, privateKeyPEM: String) {
      self.certificateChainPEM = certificateChainPEM
      self.privateKeyPEM = privateKeyPEM
    }
  }

  let context: TLSContext

  /// - Parameter authoritiesPEM: who may issue the server's certificate. There is no way to trust everybody, and the
  ///   system's authorities are not consulted.
  /// - Throws: `certificate`, `privateKey` or `configuration` with the library's reason.
  public init(
    authoritiesPEM: String, identity: Identity? = nil, minimumVersion: TLSVersion = .tls13,
    applicationProtocols: [String] = ["http/1.1"]
  ) throws(TLSError) {
    context = try TLSContext(
      method: TLS_client_method(), minimumVersion: minimumVersion, applicationProtocols: applicationProtocols)
    try context.trust(authoritiesPEM: authoritiesPEM, announced: false)
    if let identity {
      try context.present(certificateChainPEM: identity.certificateChainPEM, privateKeyPEM: identity.privateKeyPEM)
    }
    context.offerApplicationProtocols()
    SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
  }
}
