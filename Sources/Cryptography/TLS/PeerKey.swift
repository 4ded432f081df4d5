internal import COpenSSL

/// The public key of a certificate, by which a peer is known who has no authority.
public enum PeerKey {
  /// SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4); nil for bytes that are no certificate.
  ///
  /// Nothing else of the certificate is looked at: that the peer holds the key is what the handshake proved.
  public static func digest(ofCertificate der: [UInt8]) -> SHA256Digest? {
    guard !der.isEmpty else { return nil }
    return der.withUnsafeBufferPointer { bytes -> SHA256Digest? in
      var cursor = bytes.baseAddress
      guard let certificate = d2i_X509(nil, &cursor, bytes.count) else { return LibraryErrors.clear(nil) }
      defer { X509_free(certificate) }
      // What follows the certificate would be somebody else's.
      guard cursor == bytes.baseAddress.map({ $0 + bytes.count }) else { return nil }
      var encoded: UnsafeMutablePointer<UInt8>?
      let count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded)
      guard count > 0, let encoded else { return LibraryErrors.clear(nil) }
      defer { copenssl_free(encoded) }
      return SHA256.hash([UInt8](UnsafeBufferPointer(start: encoded, count: Int(count))))
    }
  }
}
