/// The names of the files of an audit archive, in their order (docs/formats.md section 10).
enum ArchiveLayout {
  static let format = "safebox-audit/v1"
  static let keys = "keys.json"
  static let frontier = "frontier.json"
  static let constitutionBefore = "constitution-before.json"
  static let checkpoints = "checkpoints.txt"
  static let consistency = "consistency.json"
  static let constitution = "constitution.json"
  static let summary = "summary.md"
  /// Last, because it holds the digests of all others.
  static let manifest = "manifest.json"

  /// The line between the notes of `checkpoints.txt`. It separates only after a signature line, since a box may be
  /// named like it.
  static let separator = "====\n"

  static let entriesFolder = "entries/"
  static let leavesFolder = "leaves/"

  /// The bundle that begins with entry `first`.
  static func entries(_ first: UInt64) -> String { "\(entriesFolder)\(padded(first)).bin" }
  /// The leaf hashes of that bundle.
  static func leaves(_ first: UInt64) -> String { "\(leavesFolder)\(padded(first)).bin" }

  /// The bundles of a range: cut where tlog-tiles cuts them, at multiples of 256.
  static func bundles(of range: Range<UInt64>) -> some Sequence<Range<UInt64>> {
    sequence(state: range.lowerBound) { next -> Range<UInt64>? in
      guard next < range.upperBound else { return nil }
      let end = min((next / width + 1) * width, range.upperBound)
      defer { next = end }
      return next..<end
    }
  }

  /// Every path that an archive of this range holds, in order.
  static func paths(of range: Range<UInt64>) -> [String] {
    [keys] + (range.lowerBound > 0 ? [frontier, constitutionBefore] : [])
      + bundles(of: range).flatMap { [entries($0.lowerBound), leaves($0.lowerBound)] }
      + [checkpoints, consistency, constitution, summary, manifest]
  }

  private static let width: UInt64 = 256

  /// Twelve digits, so that a listing by name is in order.
  private static func padded(_ value: UInt64) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
  }
}
