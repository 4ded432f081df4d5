public import Attestation
public import CanonicalJSON
public import Cryptography

/// Why an attestation key was not certified.
public enum EnrolmentFailure: Error, Sendable, Hashable {
  /// The authority's certificate is not of its key, or is no authority's.
  case notOurs
  case authorityExpired(until: Int64)
  case field(FieldError)
  /// The TPM stores no certificate of this kind of endorsement key, or the box does not show it.
  case noEndorsementCertificate
  case tooManyCertificates(limit: Int, actual: Int)
  /// The certificate is of another key than the one in the request.
  case otherEndorsementKey
  /// The certificate does not say that the key is an endorsement key (tcg-kp-EKCertificate).
  case notForEndorsement
  case endorsementPath(PathFault)
  /// The key can leave its TPM, was imported, or signs what it is given.
  case notAttestationKey(attributes: [String])
  case challenge(CredentialChallenge.Failure)
  /// The challenge was answered after its time, Unix milliseconds.
  case late(until: Int64, at: Int64)
  /// The answer is not what was encrypted: the keys are not in one TPM.
  case wrongAnswer
  case signing(CryptographyError)
}

extension EnrolmentFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notOurs: "the authority's certificate does not belong to its key"
    case .authorityExpired(let until): "the authority's certificate ended at \(until)"
    case .field(let error): "\(error)"
    case .noEndorsementCertificate: "there is no certificate of the endorsement key"
    case .tooManyCertificates(let limit, let actual): "at most \(limit) certificates are read, found \(actual)"
    case .otherEndorsementKey: "the certificate is of another endorsement key"
    case .notForEndorsement: "the certificate is not that of an endorsement key"
    case .endorsementPath(let fault): "the endorsement key's certificate: \(fault)"
    case .notAttestationKey(let attributes): "the key is no attestation key: \(attributes.joined(separator: ", "))"
    case .challenge(let failure): "no challenge can be made: \(failure)"
    case .late(let until, let at): "the challenge was to be answered until \(until), and was at \(at)"
    case .wrongAnswer: "the answer is wrong: the two keys are not in one TPM"
    case .signing(let error): "the certificate cannot be made: \(error)"
    }
  }
}
