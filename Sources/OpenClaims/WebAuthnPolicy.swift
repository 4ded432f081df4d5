/// What an assertion of a passkey must say about where and how it was made.
public struct WebAuthnPolicy: Sendable, Hashable {
  /// The relying party, a domain name such as `box.example`; its SHA-256 stands in the authenticator data.
  public var rpID: String
  /// The origins, complete as in `https://box.example:8443`, from which people sign. Compared exactly.
  public var origins: [String]
  /// Whether the device must have verified the person (PIN, finger) and not only seen a touch.
  public var requireUserVerification: Bool

  public init(rpID: String, origins: [String], requireUserVerification: Bool) {
    self.rpID = rpID
    self.origins = origins
    self.requireUserVerification = requireUserVerification
  }
}
