import Cryptography
import HTTPClient
import ObjectStorage

/// A source as it is asked from this box.
enum FetchTarget: Sendable {
  /// `Authorization` for this origin, nil for none.
  case http(HTTPURL, bearer: SecretBytes?)
  /// Signed anew for each request.
  case signed(HTTPURL, by: SigV4)
  /// Absolute path.
  case local(String)
  /// The operator's configuration, or the source itself, rules it out.
  case refused(SourceFault)

  var isLocal: Bool { if case .local = self { true } else { false } }
}
