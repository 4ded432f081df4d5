/// What TLS proved about the connection that a request came on.
public struct SecureChannel: Sendable, Hashable {
  /// `TLSv1.3` or `TLSv1.2`.
  public let version: String
  /// The certificate that the client proved to hold; nil when it showed none.
  public let clientCertificateDER: [UInt8]?
  /// `tls-exporter` of RFC 9266: 32 bytes that only the two ends of this connection know. A statement that contains them
  /// was made for this connection and cannot be relayed into another.
  public let binding: [UInt8]

  /// Values by hand, as tests of handlers want.
  public init(version: String, clientCertificateDER: [UInt8]?, binding: [UInt8]) {
    self.version = version
    self.clientCertificateDER = clientCertificateDER
    self.binding = binding
  }
}
