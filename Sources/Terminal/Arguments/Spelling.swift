/// Did you mean.
enum Spelling {
  /// The candidate that is closest to the word, if close enough to be what was meant.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    guard (2...64).contains(word.utf8.count) else { return nil }
    let allowed = max(1, word.count / 3)
    let best = candidates.map { ($0, distance(word.lowercased(), $0)) }.min { $0.1 < $1.1 }
    if let best, best.1 <= allowed { return best.0 }
    let extended = candidates.filter { $0.hasPrefix(word.lowercased()) }
    return extended.count == 1 ? extended[0] : nil
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  static func distance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left.unicodeScalars), Array(right.unicodeScalars))
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
      var current = [i + 1]
      for j in b.indices {
        var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
        current.append(cost)
      }
      (before, previous) = (previous, current)
    }
    return previous[b.count]
  }
}
