import Cryptography

/// Why there is no approved decision for a proposal.
public enum Refusal: Error, Sendable, Hashable {
  case unknownProposal(SHA256Digest)
  /// Not approved; the status says what it is instead.
  case notApproved(SHA256Digest, Status)
  /// The box is stopped by these proposals.
  case stopped(by: [SHA256Digest])
  case sealed(by: [SHA256Digest])
  /// Another change of the constitution is executing; two at a time would each rest on what the other replaces.
  case changeInProgress(SHA256Digest)
  case effect(EffectFault)

  /// A stable name.
  public var code: String {
    switch self {
    case .unknownProposal: "execution.unknown-proposal"
    case .notApproved: "execution.not-approved"
    case .stopped: "execution.stopped"
    case .sealed: "execution.sealed"
    case .changeInProgress: "execution.change-in-progress"
    case .effect(let fault): fault.code
    }
  }
}

extension Refusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownProposal(let digest): "there is no proposal \(digest)"
    case .notApproved(let digest, let status): "\(digest) is \(status.name), not approved"
    case .stopped(let digests): "the box is stopped by \(digests.map(\.hex).joined(separator: ", "))"
    case .sealed(let digests): "the box is sealed by \(digests.map(\.hex).joined(separator: ", "))"
    case .changeInProgress(let digest): "\(digest) is changing the constitution"
    case .effect(let fault): "\(fault)"
    }
  }
}
