import CanonicalJSON

/// What policy code is told of a proposal: what its `proposal.opened` entry says, and when that was recorded. Nothing else,
/// so that whoever holds the entry can run the code again.
public struct PolicyFacts: Sendable, Hashable {
  public let json: JSON
  /// Unix milliseconds: also what the program's clock shows.
  public let openedAt: Int64

  public init(_ opened: ProposalOpened, at openedAt: Int64) {
    self.init(statement: opened.statement, proposer: opened.proposer, tool: opened.tool, openedAt: openedAt)
  }

  init(statement: Statement, proposer: Proposer, tool: String?, openedAt: Int64) {
    self.openedAt = openedAt
    let utc = UTCTime.parts(openedAt)
    var facts: JSONObject = [
      "action": ["type": .string(statement.action.type), "params": .object(statement.action.params)],
      "box": .string(statement.box), "epoch": .integer(statement.epoch), "proposer": .string(proposer.text),
      "opened": .integer(openedAt), "expires": .integer(statement.expires),
      "utc": [
        "year": .integer(utc.year), "month": .integer(utc.month), "day": .integer(utc.day),
        "weekday": .integer(utc.weekday), "hour": .integer(utc.hour), "minute": .integer(utc.minute),
      ],
    ]
    facts["tool"] = tool.map(JSON.string)
    json = .object(facts)
  }
}
