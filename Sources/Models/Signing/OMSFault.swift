import CanonicalJSON
import Cryptography

/// Why a bundle of OpenSSF Model Signing is no evidence for a manifest.
public enum OMSFault: Error, Sendable, Hashable {
  case malformed(FieldError)
  /// The signature is not the key's over the statement.
  case signature
  /// The bundle speaks of a file that the manifest does not have.
  case missing(path: String)
  /// The manifest has a file of which the bundle says nothing.
  case uncovered(path: String)
  case digest(path: String, manifest: SHA256Digest, bundle: SHA256Digest)
}

extension OMSFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformed(let error): error.description
    case .signature: "the signature is not the given key's over the statement"
    case .missing(let path): "\(JSON.string(path).summary) is signed, but no file of the model"
    case .uncovered(let path): "\(path) is a file of the model, but not signed"
    case .digest(let path, let manifest, let bundle): "\(path) has SHA-256 \(manifest), but \(bundle) is signed"
    }
  }
}
