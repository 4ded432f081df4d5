import HTTPClient

extension HTTPURL {
  /// What a secret's hosts are held against (`SecretResolver.substitute(_:for:)`): a secret that is bound to a host goes
  /// there over TLS only, unless it is bound to `http://` and the host.
  public var secretHost: String { scheme == .http ? "http://\(authority)" : authority }
}
