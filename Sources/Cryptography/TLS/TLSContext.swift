internal import COpenSSL

/// What server and client contexts share. Nothing changes it after it is configured, so threads share it.
final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  private let protocols: UnsafeMutableBufferPointer<UInt8>

  /// - Parameter applicationProtocols: in order of preference, each of 1 to 255 bytes (RFC 7301 section 3.1).
  init(
    method: OpaquePointer?, minimumVersion: TLSVersion, applicationProtocols: [String]
  ) throws(TLSError) {
    var wire: [UInt8] = []
    for name in applicationProtocols {
      guard (1...255).contains(name.utf8.count) else {
        throw .configuration("an application protocol has 1 to 255 bytes, found \(name.utf8.count)")
      }
      wire.append(UInt8(name.utf8.count))
      wire.append(contentsOf: name.utf8)
    }
    guard let context = SSL_CTX_new(method) else { throw .configuration(TLSError.libraryReason("no memory")) }
    pointer = context
    protocols = .allocate(capacity: wire.count)
    _ = protocols.initialize(fromContentsOf: wire)
    copenssl_ssl_harden(context)
    SSL_CTX_set_security_level(context, 2)
    guard copenssl_ssl_min_version(context, minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1,
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1,
      copenssl_ssl_set_groups(context, "X25519:P-256:P-384") == 1
    else { throw .configuration(TLSError.libraryReason("version, ciphers or groups")) }
  }

  deinit {
    SSL_CTX_free(pointer)
    protocols.deallocate()
  }

  /// The server's side of RFC 7301: the first of our protocols that the client offers, else a fatal alert.
  func selectApplicationProtocol() {
    guard !protocols.isEmpty else { return }
    SSL_CTX_set_alpn_select_cb(pointer, Self.selectProtocol, Unmanaged.passUnretained(self).toOpaque())
  }

  /// The client's side of RFC 7301.
  func offerApplicationProtocols() {
    guard !protocols.isEmpty else { return }
    SSL_CTX_set_alpn_protos(pointer, protocols.baseAddress, UInt32(protocols.count))
  }

  private static let selectProtocol:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
      UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, selected, count, offered, offeredCount, context in
      guard let selected, let context else { return SSL_TLSEXT_ERR_ALERT_FATAL }
      // The context outlives every connection: each SSL object holds a reference and TLSConnection another.
      let own = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue().protocols
      var choice: UnsafeMutablePointer<UInt8>?
      let result = SSL_select_next_proto(
        &choice, count, own.baseAddress, UInt32(own.count), offered, offeredCount)
      guard result == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
      selected.pointee = UnsafePointer(choice)
      return SSL_TLSEXT_ERR_OK
    }

  /// Presents a certificate, leaf first, and proves it with its key.
  func present(certificateChainPEM: String, privateKeyPEM: String) throws(TLSError) {
    let chain = try Self.certificates(certificateChainPEM)
    defer { for certificate in chain { X509_free(certificate) } }
    guard SSL_CTX_use_certificate(pointer, chain[0]) == 1 else {
      throw .certificate(TLSError.libraryReason("refused"))
    }
    for certificate in chain.dropFirst() {
      guard copenssl_ssl_add_chain_certificate(pointer, certificate) == 1 else {
        throw .certificate(TLSError.libraryReason("an issuer was refused"))
      }
    }
    guard let key = Self.privateKey(privateKeyPEM) else {
      throw .privateKey(TLSError.libraryReason("is not an unencrypted PEM private key"))
    }
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(pointer, key) == 1, SSL_CTX_check_private_key(pointer) == 1 else {
      throw .privateKey(TLSError.libraryReason("does not belong to the certificate"))
    }
  }

  /// Trusts the given authorities and no others.
  func trust(authoritiesPEM: String, announced: Bool) throws(TLSError) {
    let authorities = try Self.certificates(authoritiesPEM)
    defer { for authority in authorities { X509_free(authority) } }
    guard let store = SSL_CTX_get_cert_store(pointer) else { throw .configuration("no certificate store") }
    for authority in authorities {
      guard X509_STORE_add_cert(store, authority) == 1 else {
        throw .certificate(TLSError.libraryReason("an authority was refused"))
      }
      if announced { SSL_CTX_add_client_CA(pointer, authority) }
    }
  }

  /// Every certificate of a PEM text, at least one and at most 100.
  private static func certificates(_ pem: String) throws(TLSError) -> [OpaquePointer] {
    var found: [OpaquePointer] = []
    var trailing = false
    let text = Array(pem.utf8)
    text.withUnsafeBytes { text in
      guard let input = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return }
      defer { BIO_free(input) }
      while found.count <= 100, let certificate = PEM_read_bio_X509(input, nil, noPassword, nil) {
        found.append(certificate)
      }
      // At the end of the text the library reports that no further block starts; anything else is a broken block.
      let code = ERR_peek_last_error()
      trailing = code != 0 && ERR_GET_REASON(code) != PEM_R_NO_START_LINE
      ERR_clear_error()
    }
    guard !found.isEmpty, found.count <= 100, !trailing else {
      for certificate in found { X509_free(certificate) }
      throw .certificate(
        "expected 1 to 100 certificates in PEM, found \(found.count)\(trailing ? " and a broken one" : "")")
    }
    return found
  }

  private static func privateKey(_ pem: String) -> OpaquePointer? {
    var text = Array(pem.utf8)
    defer { text.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    return text.withUnsafeBytes { text in
      guard let input = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return nil }
      defer { BIO_free(input) }
      return PEM_read_bio_PrivateKey(input, nil, noPassword, nil)
    }
  }

  /// Without a callback the library would ask for a password on the terminal, and a daemon would hang there.
  private static let noPassword:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = { _, _, _, _ in -1
    }
}
