import CanonicalJSON
import Cryptography

/// Why an entry cannot stand in the log. Every fault has a stable code, which the audit lists and the API returns.
public enum Fault: Error, Sendable, Hashable {
  case order(OrderFault)
  /// The body is not what its kind says.
  case body(EntryKind, FieldError)
  case constitution(ConstitutionRefusal)
  case statement(StatementFault)
  case claim(ClaimFault)
  case vote(VoteFault)
  case execution(ExecutionFault)
  case run(RunFault)
  case identity(IdentityFault)
  case measurement(MeasurementFault)

  /// A stable name, for example `statement.expired`.
  public var code: String {
    switch self {
    case .order(let fault): fault.code
    case .body: "entry.body"
    case .constitution(let refusal): refusal.code
    case .statement(let fault): fault.code
    case .claim(let fault): fault.code
    case .vote(let fault): fault.code
    case .execution(let fault): fault.code
    case .run(let fault): fault.code
    case .identity(let fault): fault.code
    case .measurement(let fault): fault.code
    }
  }
}

extension Fault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .order(let fault): "\(fault)"
    case .body(let kind, let error): "\(kind.rawValue): \(error)"
    case .constitution(let refusal): "\(refusal)"
    case .statement(let fault): "\(fault)"
    case .claim(let fault): "\(fault)"
    case .vote(let fault): "\(fault)"
    case .execution(let fault): "\(fault)"
    case .run(let fault): "\(fault)"
    case .identity(let fault): "\(fault)"
    case .measurement(let fault): "\(fault)"
    }
  }
}

/// An entry that cannot come here.
public enum OrderFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The first entry is not `box.created`.
  case notCreated(first: EntryKind)
  case createdTwice
  /// Earlier than the entry before it (Unix milliseconds).
  case timeReversed(last: Int64, actual: Int64)

  public var code: String {
    switch self {
    case .notCreated: "order.not-created"
    case .createdTwice: "order.created-twice"
    case .timeReversed: "order.time-reversed"
    }
  }

  public var description: String {
    switch self {
    case .notCreated(let first): "the log begins with \(first.rawValue), not with box.created"
    case .createdTwice: "box.created stands only at the beginning"
    case .timeReversed(let last, let actual):
      "recorded at \(UTCTime.text(actual)), before the entry ahead of it at \(UTCTime.text(last))"
    }
  }
}

/// Why a proposal cannot be opened.
public enum StatementFault: Error, Sendable, Hashable {
  case digest(expected: SHA256Digest, actual: SHA256Digest)
  case box(expected: String, actual: String)
  case epoch(expected: Int64, actual: Int64)
  case policy(expected: SHA256Digest, actual: SHA256Digest)
  case nonce(expected: SHA256Digest, actual: SHA256Digest)
  case expired(expires: Int64, at: Int64)
  case expiresTooLate(limit: Int64, actual: Int64)
  case undecidable(Undecidable)
  /// The same proposal was opened before.
  case repeated(SHA256Digest)
  /// Follows a proposal that the fold does not remember.
  case unknownPredecessor(SHA256Digest)
  /// While the box is sealed.
  case sealed(type: String)
  case unknownProposer(String)
  case revokedProposer(String)
  /// The entry names another tool than the run's.
  case tool(expected: String, actual: String?)
  case quotaOpen(proposer: String, limit: Int64)
  case quotaCount(proposer: String, limit: Int64, period: Int64)
  case tooManyOpen(limit: Int)
  case effect(EffectFault)
}

extension StatementFault: CustomStringConvertible {
  public var code: String {
    switch self {
    case .digest: "statement.digest"
    case .box: "statement.box"
    case .epoch: "statement.epoch"
    case .policy: "statement.policy"
    case .nonce: "statement.nonce"
    case .expired: "statement.expired"
    case .expiresTooLate: "statement.expires-too-late"
    case .undecidable(let why): why.code
    case .repeated: "statement.repeated"
    case .unknownPredecessor: "statement.unknown-predecessor"
    case .sealed: "statement.sealed"
    case .unknownProposer: "statement.unknown-proposer"
    case .revokedProposer: "statement.revoked-proposer"
    case .tool: "statement.tool"
    case .quotaOpen: "statement.quota-open"
    case .quotaCount: "statement.quota-count"
    case .tooManyOpen: "statement.too-many-open"
    case .effect(let fault): fault.code
    }
  }

  public var description: String {
    switch self {
    case .digest(let expected, let actual): "the statement has the digest \(expected), the entry names \(actual)"
    case .box(let expected, let actual): "the statement is for the box \(actual), this is \(expected)"
    case .epoch(let expected, let actual): "the statement is of epoch \(actual), it is now epoch \(expected)"
    case .policy(let expected, let actual): "the statement names the policy \(actual), but \(expected) decides"
    case .nonce(let expected, let actual): "the nonce is \(actual), proposer and salt make \(expected)"
    case .expired(let expires, let at): "expired at \(UTCTime.text(expires)), and it is \(UTCTime.text(at))"
    case .expiresTooLate(let limit, let actual): "expires at \(UTCTime.text(actual)), later than \(UTCTime.text(limit))"
    case .undecidable(let why): "\(why)"
    case .repeated(let digest): "\(digest) was opened before"
    case .unknownPredecessor(let digest): "follows \(digest), which is not known"
    case .sealed(let type): "the box is sealed and accepts no \(type)"
    case .unknownProposer(let name): "\(name) is no signer in this epoch and no live run"
    case .revokedProposer(let name): "\(name) is revoked"
    case .tool(let expected, let actual): "names the tool \(actual ?? "none"), the run is of \(expected)"
    case .quotaOpen(let proposer, let limit): "\(proposer) has \(limit) proposals open, as many as the policy allows"
    case .quotaCount(let proposer, let limit, let period):
      "\(proposer) has opened \(limit) proposals within \(period) seconds, as many as the policy allows"
    case .tooManyOpen(let limit): "\(limit) proposals are open, as many as there is room for"
    case .effect(let fault): "\(fault)"
    }
  }
}

/// Why the fold cannot bring about what an action says, in the present state.
public enum EffectFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Nothing of that proposal waits to be ratified.
  case nothingToRatify(SHA256Digest)
  case notUnknown(SHA256Digest)
  case noSigner(String)
  /// After it, the root rule could not be satisfied, and there would be no way back.
  case lockout(committee: String, needs: Int, left: Int)
  /// That name and version is registered: nothing is ever overwritten.
  case toolExists(name: String, version: String)
  /// Not registered, or retired.
  case noTool(name: String, version: String)
  case toolsFull(limit: Int)
  case communitiesFull(limit: Int)
  /// That name and version is another manifest: nothing is ever overwritten.
  case modelExists(name: String, version: String)
  /// Not approved, or removed.
  case noModel(SHA256Digest)
  case modelInUse(SHA256Digest, runner: String)
  case modelsFull(limit: Int)
  case noRunner(String)
  case runnersFull(limit: Int)
  /// That name and version was approved before: nothing is ever overwritten.
  case releaseExists(name: String, version: String)
  /// Not approved, or revoked.
  case noRelease(name: String, version: String)
  case releasesFull(limit: Int)
  /// What measurement forbids.
  case measurement(MeasurementFault)
  /// A name is one key for ever.
  case keyExists(String)
  /// There is none of the name, or it is retired.
  case noKey(String)
  case keysFull(limit: Int)
  case noGrant(key: String, box: String)
  case grantsFull(limit: Int)
  case boxesFull(limit: Int)
  case holdersFull(limit: Int)
  /// One attestation key speaks for one box.
  case attestationKeyTaken(box: String)
  /// Appraised by another policy than the key's.
  case appraisal(expected: SHA256Digest, actual: SHA256Digest)

  public var code: String {
    switch self {
    case .nothingToRatify: "effect.nothing-to-ratify"
    case .notUnknown: "effect.not-unknown"
    case .noSigner: "effect.no-signer"
    case .lockout: "effect.lockout"
    case .toolExists: "effect.tool-exists"
    case .noTool: "effect.no-tool"
    case .toolsFull: "effect.tools-full"
    case .communitiesFull: "effect.communities-full"
    case .modelExists: "effect.model-exists"
    case .noModel: "effect.no-model"
    case .modelInUse: "effect.model-in-use"
    case .modelsFull: "effect.models-full"
    case .noRunner: "effect.no-runner"
    case .runnersFull: "effect.runners-full"
    case .releaseExists: "effect.release-exists"
    case .noRelease: "effect.no-release"
    case .releasesFull: "effect.releases-full"
    case .measurement(let fault): fault.code
    case .keyExists: "effect.key-exists"
    case .noKey: "effect.no-key"
    case .keysFull: "effect.keys-full"
    case .noGrant: "effect.no-grant"
    case .grantsFull: "effect.grants-full"
    case .boxesFull: "effect.boxes-full"
    case .holdersFull: "effect.holders-full"
    case .attestationKeyTaken: "effect.attestation-key-taken"
    case .appraisal: "effect.appraisal"
    }
  }

  public var description: String {
    switch self {
    case .nothingToRatify(let digest): "nothing that \(digest) did by break-glass is still in force"
    case .notUnknown(let digest): "the outcome of \(digest) is not unknown"
    case .noSigner(let name): "\(name) is no signer in this epoch"
    case .lockout(let committee, let needs, let left):
      "it would leave \(left) of \(committee), and the root rule needs \(needs)"
    case .toolExists(let name, let version): "\(name) \(version) is registered already: register another version"
    case .noTool(let name, let version): "\(name) \(version) is not registered, or is retired"
    case .toolsFull(let limit): "there is room for \(limit) versions of tools, or for their manifests, and no more"
    case .communitiesFull(let limit): "there is room for \(limit) communities and no more"
    case .modelExists(let name, let version): "\(name) \(version) is another manifest already: use another version"
    case .noModel(let digest): "no model with the manifest \(digest) is approved and installed"
    case .modelInUse(let digest, let runner): "the runner \(runner) serves the model \(digest): stop it first"
    case .modelsFull(let limit): "there is room for \(limit) models and no more"
    case .noRunner(let name): "there is no runner \(name)"
    case .runnersFull(let limit): "there is room for \(limit) runners and no more"
    case .releaseExists(let name, let version): "\(name) \(version) was approved already: approve another version"
    case .noRelease(let name, let version): "\(name) \(version) is not approved, or is revoked"
    case .releasesFull(let limit): "there is room for \(limit) releases and no more"
    case .measurement(let fault): "\(fault)"
    case .keyExists(let name): "there is, or was, a key \(name): use another name"
    case .noKey(let name): "there is no key \(name), or it is retired"
    case .keysFull(let limit): "there is room for \(limit) keys and no more"
    case .noGrant(let key, let box): "the key \(key) is not granted to \(box)"
    case .grantsFull(let limit): "there is room for \(limit) grants and no more"
    case .boxesFull(let limit): "there is room for \(limit) enrolled boxes and no more"
    case .holdersFull(let limit): "there is room for the keys of \(limit) communities and tenants and no more"
    case .attestationKeyTaken(let box): "the attestation key is enrolled for \(box)"
    case .appraisal(let expected, let actual):
      "the evidence was appraised by \(actual), the key asks for \(expected)"
    }
  }
}

/// Why an approval, objection or withdrawal cannot stand.
public enum VoteFault: Error, Sendable, Hashable, CustomStringConvertible {
  case unknownProposal(SHA256Digest)
  case notOpen(SHA256Digest, Status)
  /// In no committee that the rule asks.
  case notMember(signer: String, committees: [String])
  case selfApproval(signer: String)
  case duplicate(signer: String)
  case afterObjection(signer: String)
  case revoked(signer: String)
  /// Against the change that removes the one who speaks.
  case ownRemoval(signer: String)
  case notProposer(expected: String, actual: String)

  public var code: String {
    switch self {
    case .unknownProposal: "vote.unknown-proposal"
    case .notOpen: "vote.not-open"
    case .notMember: "vote.not-member"
    case .selfApproval: "vote.self-approval"
    case .duplicate: "vote.duplicate"
    case .afterObjection: "vote.after-objection"
    case .revoked: "vote.revoked"
    case .ownRemoval: "vote.own-removal"
    case .notProposer: "vote.not-proposer"
    }
  }

  public var description: String {
    switch self {
    case .unknownProposal(let digest): "there is no proposal \(digest)"
    case .notOpen(let digest, let status): "\(digest) is \(status.name)"
    case .notMember(let signer, let committees):
      "\(signer) is not in \(committees.isEmpty ? "any committee that is asked" : committees.joined(separator: ", "))"
    case .selfApproval(let signer): "\(signer) proposed it, and the policy does not count the proposer's approval"
    case .duplicate(let signer): "\(signer) has said so already"
    case .afterObjection(let signer): "\(signer) has objected"
    case .revoked(let signer): "\(signer) is revoked"
    case .ownRemoval(let signer): "it removes \(signer), who cannot stop it alone"
    case .notProposer(let expected, let actual): "only \(expected) may withdraw it, not \(actual)"
    }
  }
}

/// Why an execution cannot be recorded as started or finished.
public enum ExecutionFault: Error, Sendable, Hashable {
  /// No approved decision.
  case refused(Refusal)
  /// The entry names other approvals than the decision counts.
  case approvals(expected: [String], actual: [String])
  case mode(expected: Mode, actual: Mode)
  /// Finished without having been started, or twice.
  case notExecuting(SHA256Digest, Status?)
  /// What only the fold does is never unknown to it.
  case outcome(type: String, Outcome)
  /// The entry names another epoch, or one although none is opened.
  case epoch(expected: Int64?, actual: Int64?)
  case constitution(expected: SHA256Digest?, actual: SHA256Digest?)
  case effect(EffectFault)
}

extension ExecutionFault: CustomStringConvertible {
  public var code: String {
    switch self {
    case .refused(let refusal): refusal.code
    case .approvals: "execution.approvals"
    case .mode: "execution.mode"
    case .notExecuting: "execution.not-executing"
    case .outcome: "execution.outcome"
    case .epoch: "execution.epoch"
    case .constitution: "execution.constitution"
    case .effect(let fault): fault.code
    }
  }

  public var description: String {
    func shown(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "none" }
    return switch self {
    case .refused(let refusal): "\(refusal)"
    case .approvals(let expected, let actual):
      "names the approvals of \(actual.joined(separator: ", ")), the decision counts \(expected.joined(separator: ", "))"
    case .mode(let expected, let actual): "is \(actual.rawValue), the decision is \(expected.rawValue)"
    case .notExecuting(let digest, let status): "\(digest) is \(status?.name ?? "not known"), not executing"
    case .outcome(let type, let outcome): "\(type) cannot be \(outcome.rawValue)"
    case .epoch(let expected, let actual): "names the epoch \(shown(actual)), the change opens \(shown(expected))"
    case .constitution(let expected, let actual):
      "names the constitution \(shown(actual)), the change makes \(shown(expected))"
    case .effect(let fault): "\(fault)"
    }
  }
}
