import Cryptography
public import HTTPClient
import ObjectStorage

/// What the operator of the box allows and knows. A manifest is approved by others; it names sources, and this says which of
/// them may be reached from here.
public struct AcquisitionConfiguration: Sendable {
  /// Directories below which `file:` sources may lie, as absolute paths. None by default.
  public var localRoots: [String] = []
  /// Addresses beside the public ones that may be connected to, redirects included. None by default.
  public var allowances: Set<EgressPolicy.Allowance> = []
  /// Whether sources may be reached without TLS. The digests protect the bytes; what is fetched can then be seen on the way.
  public var permitsPlainHTTP = true
  /// Where `hf:` sources lead, without a slash at the end.
  public var huggingFaceEndpoint = "https://huggingface.co"
  /// At most one for each origin is used: the first of its kind.
  public var credentials: [EndpointCredential] = []
  public var limits = AcquisitionLimits()

  public init() {}

  var policy: EgressPolicy {
    EgressPolicy(publicPorts: .any, permitsPlainHTTP: permitsPlainHTTP, allowances: allowances)
  }

  /// What is sent to an origin in `Authorization`.
  func bearer(for url: HTTPURL) -> SecretBytes? {
    for credential in credentials where credential.origin.hasSameOrigin(as: url) {
      if case .bearer(let token) = credential.secret { return token }
    }
    return nil
  }

  /// Who signs requests to an endpoint of object storage.
  func signer(for endpoint: HTTPURL) -> S3Credentials? {
    for credential in credentials where credential.origin.hasSameOrigin(as: endpoint) {
      if case .s3(let credentials) = credential.secret { return credentials }
    }
    return nil
  }
}
