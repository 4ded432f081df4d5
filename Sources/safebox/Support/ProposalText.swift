import CanonicalJSON
import Cryptography
import Governance
import Terminal

/// A proposal for the eyes of the one who is to sign it. Everything shown is recomputed here from the statement, nothing is
/// taken over from the box's own description, and text of others cannot move the cursor or reverse direction.
struct ProposalText {
  let statement: Statement
  let openings: [SHA256Digest: Opening]

  /// Reads a statement and the openings that came with it.
  ///
  /// - Parameter expected: the digest that the user named; another one is refused.
  init(proposal json: JSON, openings: JSON?, expected: SHA256Digest?) throws {
    guard let statementJSON = json["statement"] else { throw CommandError("the proposal has no statement") }
    statement = try Statement(json: statementJSON)
    if let expected, expected != statement.digest {
      throw CommandError(
        "this is another proposal: its statement has the digest \(statement.digest)",
        hints: ["the box showed something else than what was asked for; do not sign"], exitCode: .verificationFailed)
    }
    var table: [SHA256Digest: Opening] = [:]
    for member in openings?.object ?? [:] {
      let opening = try Opening(json: member.value, path: "openings.\(member.key)")
      guard opening.commitment.digest.hex == member.key else {
        throw CommandError(
          "the value shown for \(member.key) is not the committed one", hints: ["do not sign"],
          exitCode: .verificationFailed)
      }
      table[opening.commitment.digest] = opening
    }
    self.openings = table
  }

  /// Commitments whose values are not known here: signing them is signing something unseen.
  var unseen: [String] {
    statement.action.commitments.filter { openings[$0.commitment.digest] == nil }.map(\.path)
  }

  /// Lines for the terminal.
  func lines(policyName: String?) -> [String] {
    var lines = [
      "action    \(statement.action.type)", "box       \(statement.box)  (epoch \(statement.epoch))",
      "policy    \(policyName ?? "?")  (\(statement.policy.hex.prefix(16)))",
      "expires   \(WallClock.text(statement.expires))",
    ]
    for digest in statement.action.follows { lines.append("follows   \(digest)") }
    for member in statement.action.params { lines += Self.lines(member.key, member.value, openings, indent: 2) }
    lines.append("digest    \(statement.digest)")
    return lines.map { TerminalText.escapedLines($0) }
  }

  private static func lines(
    _ name: String, _ value: JSON, _ openings: [SHA256Digest: Opening], indent: Int
  ) -> [String] {
    let blank = String(repeating: " ", count: indent)
    if let commitment = Commitment(json: value) {
      guard let opening = openings[commitment.digest] else {
        return ["\(blank)\(name): (private, not shown to you)"]
      }
      return Self.lines("\(name) (private)", opening.value, openings, indent: indent)
    }
    switch value {
    case .object(let members) where !members.isEmpty:
      return ["\(blank)\(name):"] + members.flatMap { lines($0.key, $0.value, openings, indent: indent + 2) }
    case .string(let text): return ["\(blank)\(name): \(text)"]
    default: return ["\(blank)\(name): \(value.canonicalString())"]
    }
  }
}
