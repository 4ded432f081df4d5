/// Why there is no path from a certificate to an anchor. Names are those of subjects; times are Unix milliseconds.
public enum PathFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The caller gave no anchor: nothing can be trusted.
  case noAnchors
  case tooManyCertificates(limit: Int, actual: Int)
  /// No certificate, and no anchor, has the name of the issuer.
  case noIssuer(of: String, issuer: String)
  case invalidSignature(of: String, issuer: String)
  case notAnAuthority(String)
  case pathTooLong(below: String, limit: Int)
  case keyUsage(String, missing: KeyUsage)
  /// A critical extension that the caller has not named as understood.
  case criticalExtension(String, OID)
  case notYetValid(String, from: Int64, at: Int64)
  case expired(String, until: Int64, at: Int64)

  /// What should be.
  public var expected: String {
    switch self {
    case .noAnchors: "an anchor"
    case .tooManyCertificates(let limit, _): "at most \(limit) certificates"
    case .noIssuer(let subject, let issuer): "the issuer of \(subject): \(issuer)"
    case .invalidSignature(let subject, let issuer): "the signature of \(issuer) on \(subject)"
    case .notAnAuthority(let subject): "\(subject) to be an authority"
    case .pathTooLong(let subject, let limit): "at most \(limit) intermediate certificates below \(subject)"
    case .keyUsage(let subject, let missing): "\(subject) to be for \(missing)"
    case .criticalExtension(let subject, _): "\(subject) without critical extensions that are not understood"
    case .notYetValid(let subject, let from, _): "\(subject), valid from \(from)"
    case .expired(let subject, let until, _): "\(subject), valid until \(until)"
    }
  }

  /// What was found.
  public var actual: String {
    switch self {
    case .noAnchors: "none"
    case .tooManyCertificates(_, let actual): "\(actual) certificates"
    case .noIssuer: "no certificate of that name"
    case .invalidSignature: "no valid signature"
    case .notAnAuthority: "it is none"
    case .pathTooLong: "more"
    case .keyUsage: "other uses only"
    case .criticalExtension(_, let identifier): "\(identifier)"
    case .notYetValid(_, _, let at), .expired(_, _, let at): "judged at \(at)"
    }
  }

  public var description: String { "expected \(expected), found \(actual)" }
}
