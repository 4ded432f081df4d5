import Cryptography
import OpenClaims

/// What was found out about a bundle that holds for a manifest, step by step, and what was not looked at.
public struct OMSAppraisal: Sendable, Hashable {
  /// What came of one step. There is no failure: a bundle that fails a step has no appraisal.
  public enum Outcome: Sendable, Hashable {
    case passed(String)
    case notApplicable(String)
    case notPerformed(String)
  }

  /// The bundle signs exactly the manifest's files, with their digests.
  public let files: Outcome
  /// The signature is that of the key that was given.
  public let signature: Outcome
  /// Whether the signer's certificate leads to an authority that one trusts.
  public let certificate: Outcome
  /// Whether the signature is in a transparency log.
  public let transparencyLog: Outcome
  /// What a manifest says about the bundle.
  public let evidence: ModelEvidence

  init(of bundle: OMSBundle, files count: Int, key: P256.PublicKey?) {
    files = .passed("\(count) files with the digests of the manifest")
    signature =
      key == nil
      ? .notPerformed("no key was given: anybody may have made this bundle")
      : .passed("valid under the key that was given, over the statement")
    switch bundle.signer {
    case .publicKey: certificate = .notApplicable("the bundle names a key and no certificate")
    case .certificate: certificate = .notPerformed("certificates are not verified here")
    }
    transparencyLog =
      bundle.hasLogEntries
      ? .notPerformed("the entries in the bundle are not verified here")
      : .notApplicable("the bundle has no entry of a transparency log")
    evidence = ModelEvidence(kind: .oms, sha256: bundle.digest, key: key.map { ClaimKey($0) })
  }
}
