import CanonicalJSON
import Cryptography

/// What a claim says about a proposal.
public enum Verdict: String, Sendable, Hashable, CaseIterable {
  case approve, object, withdraw, propose

  /// The kind of entry that records it.
  public var kind: EntryKind {
    switch self {
    case .approve: .proposalApproved
    case .object: .proposalObjected
    case .withdraw: .proposalWithdrawn
    case .propose: .proposalOpened
    }
  }
}

/// An approval, objection or withdrawal.
public struct ProposalVote: EntryBody {
  /// Who speaks: a signer with the claim that proves it, or (withdrawals only) an API client or a run on the box's word.
  public enum Voice: Sendable, Hashable {
    case signer(String, claim: JSON)
    case client(String)
    case run(RunID)
  }

  /// `approve`, `object` or `withdraw`.
  public var verdict: Verdict
  public var proposal: SHA256Digest
  public var voice: Voice

  public init(verdict: Verdict, proposal: SHA256Digest, voice: Voice) {
    self.verdict = verdict
    self.proposal = proposal
    self.voice = voice
  }

  public init(verdict: Verdict, body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    self.verdict = verdict
    proposal = try reader.digest("proposal")
    if verdict == .withdraw, body["client"] != nil {
      voice = .client(try reader.name("client"))
    } else if verdict == .withdraw, body["run"] != nil {
      voice = .run(try reader.run("run"))
    } else {
      voice = .signer(try reader.name("signer"), claim: try reader.json("claim"))
    }
    try reader.finish()
  }

  public var kind: EntryKind { verdict.kind }

  public var body: JSON {
    switch voice {
    case .signer(let name, let claim):
      ["proposal": .string(proposal.hex), "signer": .string(name), "claim": claim]
    case .client(let name): ["proposal": .string(proposal.hex), "client": .string(name)]
    case .run(let id): ["proposal": .string(proposal.hex), "run": .string(id.hex)]
    }
  }
}
