import CanonicalJSON
import Cryptography

/// An action put to its policy.
public struct ProposalOpened: EntryBody {
  /// The action digest; the fold recomputes it from `statement`.
  public var proposal: SHA256Digest
  public var statement: Statement
  public var proposer: Proposer
  /// 16-32 random bytes that make the nonce (docs/formats.md section 5).
  public var salt: [UInt8]
  /// The name of the run's tool; present exactly where the proposer is a run. The fold knows it, others read it here.
  public var tool: String?
  /// The proposer's claim with decision `propose`; present exactly where the proposer is a signer.
  public var claim: JSON?

  public init(statement: Statement, proposer: Proposer, salt: [UInt8], claim: JSON?, tool: String? = nil) {
    proposal = statement.digest
    self.statement = statement
    self.proposer = proposer
    self.salt = salt
    self.claim = claim
    self.tool = tool
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    proposal = try reader.digest("proposal")
    statement = try Statement(json: reader.json("statement"), path: "statement")
    proposer = try Proposer(parsing: reader.string("proposer", maxBytes: 128), path: "proposer")
    let hex = try reader.string("salt", maxBytes: 128)
    guard let salt = Hex.decode(hex), Statement.saltBytes.contains(salt.count) else {
      throw FieldError(field: "salt", expected: "16-32 bytes in hexadecimal", actual: JSON.string(hex).summary)
    }
    self.salt = salt
    claim = reader.optionalJSON("claim")
    tool = try proposer.run.map { _ throws(FieldError) in try reader.name("tool") }
    try reader.finish()
  }

  public var kind: EntryKind { .proposalOpened }

  public var body: JSON {
    var object: JSONObject = [
      "proposal": .string(proposal.hex), "statement": statement.json, "proposer": .string(proposer.text),
      "salt": .string(Hex.encode(salt)),
    ]
    object["claim"] = claim
    object["tool"] = tool.map(JSON.string)
    return .object(object)
  }
}
