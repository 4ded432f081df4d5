import Governance
import TransparencyLog

/// The page of an archive that people read first. A function of what the archive holds: a verifier writes it again and
/// compares.
struct Summary {
  var origin: String
  var range: Range<UInt64>
  var population: Population
  var constitution: Constitution?
  var first: Checkpoint?
  var last: Checkpoint?

  var text: String {
    var page = """
      # Audit export of \(Self.shown(origin))

      Entries \(range.lowerBound) to \(range.upperBound - 1): \(population.entries) in all.
      From \(Self.time(population.firstAt)) to \(Self.time(population.lastAt)).
      Counted from the entries as they were recorded. Whether they were rightly recorded is what `safebox audit verify` finds out.

      """
    let kinds = EntryKind.allCases.map { ($0.rawValue, population.kind($0)) }
    page += Self.table(
      "Entries by kind", kinds + (population.unreadable > 0 ? [("unreadable", population.unreadable)] : []))
    page += Self.table("Proposals by status", population.statuses.map { ($0.name, $0.count) })
    page += Self.table("Proposals by policy", Self.sorted(population.proposalsByPolicy))
    page += Self.table(
      "Executions by outcome", Self.sorted(population.outcomes) + [("by break-glass", population.breakGlass)])
    page += Self.table("Approvals by signer", Self.sorted(population.approvalsBySigner))
    page += "\n## Epochs\n\nOpened in this range: \(population.epochsOpened)."
    if let constitution {
      page += " At its end: epoch \(constitution.epoch), constitution \(constitution.digest), "
      page += "\(constitution.signers.count) signers, \(constitution.committees.count) committees, "
      page += "\(constitution.policies.count) policies."
    }
    page += "\n\n## Checkpoints\n\n"
    for (name, checkpoint) in [("First", first), ("Last", last)] {
      guard let checkpoint else { continue }
      page += "\(name): size \(checkpoint.size), root \(checkpoint.root)\n"
    }
    return page
  }

  private static func sorted(_ counts: [String: UInt64]) -> [(String, UInt64)] {
    counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func table(_ title: String, _ rows: [(String, UInt64)]) -> String {
    var text = "\n## \(title)\n\n"
    if rows.isEmpty { return text + "none\n" }
    text += "| | |\n|---|---:|\n"
    for (name, count) in rows { text += "| \(shown(name)) | \(count) |\n" }
    return text
  }

  /// Names come from entries, which a lying box may fill with anything.
  private static func shown(_ name: String) -> String {
    String(
      String.UnicodeScalarView(
        name.unicodeScalars.prefix(80).map { (0x20...0x7E).contains($0.value) && $0 != "|" ? $0 : "?" }))
  }

  private static func time(_ at: Int64?) -> String { at.map { UTCTime.text($0) } ?? "no entry" }
}
