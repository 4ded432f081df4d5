import CanonicalJSON
import Cryptography
import Governance
import Terminal

/// A proposal for the eyes of the one who is to sign it. Everything shown is recomputed here from the statement, nothing is
/// taken over from the box's own description, and text of others can neither move the cursor nor look like a line of ours:
/// texts stand in quotation marks, their further lines and what a terminal would wrap behind a bar.
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
  /// The value of a secret is none of them: nobody is shown it, and what is approved is who may get it.
  var unseen: [String] {
    statement.action.commitments.filter { openings[$0.commitment.digest] == nil }.map(\.path).filter { path in
      !(statement.action.type == "secret.put" && path == "params.value")
    }
  }

  /// Lines for a terminal of `width` columns; nil where it wraps nothing. `policyName` is the box's word, and shown as such.
  func lines(policyName: String?, width: Int?) -> [String] {
    let policy = policyName.map { ", which the box calls \(Self.quoted($0))" } ?? ""
    var lines = [
      "action    \(statement.action.type)", "box       \(statement.box)  (epoch \(statement.epoch))",
      "policy    \(statement.policy.hex.prefix(16))\(policy)", "expires   \(WallClock.text(statement.expires))",
    ]
    for digest in statement.action.follows { lines.append("follows   \(digest)") }
    for member in statement.action.params {
      lines += Self.lines(Self.shown(member.key), member.value, openings, blank: "  ")
    }
    lines.append("digest    \(statement.digest)")
    return lines.flatMap { Self.wrapped($0, width) }
  }

  private static let bar = "  | "

  /// A value below its name. Commitments within an opened value stand for nothing: who opens one gets what it says.
  private static func lines(
    _ name: String, _ value: JSON, _ openings: [SHA256Digest: Opening]?, blank: String
  ) -> [String] {
    if let openings, let commitment = Commitment(json: value) {
      guard let opening = openings[commitment.digest] else { return ["\(blank)\(name): (private, not shown to you)"] }
      return lines("\(name) (private)", opening.value, nil, blank: blank)
    }
    switch value {
    case .object(let members) where !members.isEmpty:
      return ["\(blank)\(name):"] + members.flatMap { lines(shown($0.key), $0.value, openings, blank: blank + "  ") }
    case .array(let elements) where !elements.isEmpty:
      return ["\(blank)\(name):"]
        + elements.enumerated().flatMap { lines("[\($0.offset)]", $0.element, openings, blank: blank + "  ") }
    case .string(let text) where text.utf8.contains(UInt8(ascii: "\n")):
      let parts = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      return ["\(blank)\(name): text of \(parts.count) lines"]
        + parts.map { blank + bar + TerminalText.escaped(String(String.UnicodeScalarView($0))) }
    case .string(let text): return ["\(blank)\(name): \(quoted(text))"]
    default: return ["\(blank)\(name): \(value.canonicalString())"]
    }
  }

  /// A member's name: as it is where it is plain, quoted otherwise.
  private static func shown(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    return isPlain && !name.isEmpty ? name : quoted(name)
  }

  private static func quoted(_ text: String) -> String {
    "\"" + TerminalText.escaped(text).unicodeScalars.map { $0 == "\"" ? "\\\"" : String($0) }.joined() + "\""
  }

  /// Breaks a line as the terminal would, but so that the rest stands behind a bar: padded with blanks, text would
  /// otherwise begin a line of its own that says what it likes.
  private static func wrapped(_ line: String, _ width: Int?) -> [String] {
    guard let width, TerminalText.columns(of: line) > width else { return [line] }
    let blank = String(line.prefix { $0 == " " }.prefix(max(0, width / 2)))
    var result = [""]
    var used = 0
    for character in line {
      let columns = TerminalText.columns(of: String(character))
      if used + columns > width, used > 0 {
        result.append(blank + bar)
        used = blank.count + bar.count
      }
      result[result.count - 1].append(character)
      used += columns
    }
    return result
  }
}
