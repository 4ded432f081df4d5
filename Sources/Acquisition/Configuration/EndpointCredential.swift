public import Cryptography
public import HTTPClient
public import ObjectStorage

/// What one endpoint is told about who asks. It goes to that origin - scheme, host and port - and nowhere else: not to another
/// host that it redirects to, and not into reports, whose text never shows it.
public struct EndpointCredential: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// How the endpoint is told.
  public enum Secret: Sendable {
    /// `Authorization: Bearer`, as Hugging Face and many mirrors take it.
    case bearer(SecretBytes)
    /// AWS Signature Version 4, for `s3:` sources.
    case s3(S3Credentials)
  }

  public let origin: HTTPURL
  public let secret: Secret

  public init(origin: HTTPURL, _ secret: Secret) {
    self.origin = origin
    self.secret = secret
  }

  public var description: String { "credential for \(origin.scheme)://\(origin.authority)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["origin": origin]) }
}
