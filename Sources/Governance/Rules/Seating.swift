/// Seats signers in groups so that nobody sits twice: a bipartite matching, grown one signer at a time. A signer who
/// finds no seat when they arrive never finds one later, so the order of arrival decides only *when* all seats are full.
struct Seating {
  private let quorums: [Quorum]
  private let members: [Set<String>]
  private var seated: [[String]]

  /// `members[i]` are the members of `quorums[i]`'s committee.
  init(_ quorums: [Quorum], members: [Set<String>]) {
    self.quorums = quorums
    self.members = members
    seated = Array(repeating: [], count: quorums.count)
  }

  /// True when every group has its threshold.
  var isFull: Bool { quorums.indices.allSatisfy { seated[$0].count == quorums[$0].threshold } }

  /// How many each group still lacks.
  var lacking: [Int] { quorums.indices.map { quorums[$0].threshold - seated[$0].count } }

  /// Seats a signer, moving others where that makes room; false when there is no seat for them.
  @discardableResult
  mutating func seat(_ signer: String) -> Bool {
    var visited = Array(repeating: false, count: quorums.count)
    return seat(signer, &visited)
  }

  private mutating func seat(_ signer: String, _ visited: inout [Bool]) -> Bool {
    for group in quorums.indices where !visited[group] && members[group].contains(signer) {
      visited[group] = true
      if seated[group].count < quorums[group].threshold {
        seated[group].append(signer)
        return true
      }
      for place in seated[group].indices where seat(seated[group][place], &visited) {
        seated[group][place] = signer
        return true
      }
    }
    return false
  }
}
