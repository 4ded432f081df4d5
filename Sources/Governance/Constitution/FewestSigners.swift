/// How few distinct signers can satisfy a rule. A rule that can replace other rules must not take fewer than they do, so
/// this number is exact: an estimate would either refuse sound rules or let through a weak one.
struct FewestSigners {
  private let committees: [String: Set<String>]

  /// Bounds on the work; a rule that needs more is refused as entangled.
  enum Limits {
    /// Ways to choose one branch of every `any`.
    static let alternatives = 64
    /// States of the table of what overlapping quorums still lack.
    static let states = 1024
    /// States of all tables together. Whoever may propose can make the box count a constitution of their choice, so the
    /// whole must cost little, not only each part.
    static let allStates = 4096
  }

  private var statesLeft = Limits.allStates

  init(committees: [String: [String]]) { self.committees = committees.mapValues(Set.init) }

  /// The number for a rule; nil for one that is never satisfied. Throws where the limits do not suffice, which they share
  /// with all rules that were counted before.
  mutating func callAsFunction(_ rule: Rule) throws(TooEntangled) -> Int? {
    var fewest: Int?
    for alternative in try alternatives(rule) {
      let number = try signers(for: alternative)
      fewest = min(fewest ?? number, number)
    }
    return fewest
  }

  struct TooEntangled: Error {}

  /// Quorums that must be seated without anybody sitting twice. Different blocks may share people.
  private typealias Block = [Quorum]

  /// The rule with every `any` multiplied out: each alternative is a list of blocks that must all be filled.
  private func alternatives(_ rule: Rule) throws(TooEntangled) -> [[Block]] {
    switch rule {
    case .deny: return []
    case .code(let code): return try alternatives(.any(code.everyBranch))
    case .automatic: return [[]]
    case .single(let committee): return [[[Quorum(1, of: committee)]]]
    case .quorum(let quorum): return [[[quorum]]]
    case .groups(let quorums): return [[quorums]]
    case .timelock(let lock): return try alternatives(lock.after)
    case .any(let rules):
      var result: [[Block]] = []
      for rule in rules { result += try alternatives(rule) }
      guard result.count <= Limits.alternatives else { throw TooEntangled() }
      return result
    case .all(let rules):
      var result: [[Block]] = [[]]
      for rule in rules {
        let more = try alternatives(rule)
        guard result.count * more.count <= Limits.alternatives else { throw TooEntangled() }
        result = result.flatMap { blocks in more.map { blocks + $0 } }
      }
      return result
    }
  }

  private mutating func signers(for blocks: [Block]) throws(TooEntangled) -> Int {
    let blocks = blocks.reduce(into: [Block]()) { if !$0.contains($1) { $0.append($1) } }
    let people = blocks.map { block in
      block.reduce(into: Set<String>()) { $0.formUnion(committees[$1.committee] ?? []) }
    }
    // Nobody sits in two blocks: the numbers add up.
    let overlap = people.indices.contains { index in people[..<index].contains { !$0.isDisjoint(with: people[index]) } }
    guard overlap else { return blocks.joined().reduce(0) { $0 + $1.threshold } }
    return try table(blocks)
  }

  /// The fewest signers by what is still lacking: each signer sits once in every block, and it never helps to leave a
  /// seat that they could take. Signers in the same committees are interchangeable, but are few enough to go one by one.
  private mutating func table(_ blocks: [Block]) throws(TooEntangled) -> Int {
    let quorums = blocks.flatMap(\.self)
    var start = 0
    var seats: [Seat] = []
    var states = 1
    for quorum in quorums {
      seats.append(Seat(weight: states, base: quorum.threshold + 1))
      start += quorum.threshold * states
      states *= quorum.threshold + 1
      guard states <= Limits.states else { throw TooEntangled() }
    }
    guard states <= statesLeft else { throw TooEntangled() }
    statesLeft -= states
    let everybody = Set(quorums.flatMap { committees[$0.committee] ?? [] }).sorted()
    var fewest = [Int?](repeating: nil, count: states)
    fewest[start] = 0
    for signer in everybody {
      var places = zip(quorums, seats).map { committees[$0.committee]?.contains(signer) ?? false ? $1 : nil }[...]
      let choices = blocks.map { block in
        defer { places = places.dropFirst(block.count) }
        return places.prefix(block.count).compactMap(\.self)
      }
      var next = fewest
      for state in fewest.indices {
        guard let number = fewest[state] else { continue }
        for reached in Self.states(after: state, choices) where number + 1 < next[reached] ?? .max {
          next[reached] = number + 1
        }
      }
      fewest = next
    }
    // The caller has checked that every quorum can be filled; a state that is not reached is a rule nobody satisfies.
    guard let number = fewest[0] else { throw TooEntangled() }
    return number
  }

  /// What a quorum still lacks, as a digit of a state.
  private struct Seat {
    var weight: Int
    var base: Int

    func isFree(in state: Int) -> Bool { state / weight % base > 0 }
  }

  /// The states that a signer leads to who takes one of their seats in every block that has a free one.
  private static func states(after state: Int, _ blocks: [[Seat]]) -> [Int] {
    var reached = [state]
    for seats in blocks {
      let free = seats.filter { $0.isFree(in: state) }
      guard let first = free.first else { continue }
      if free.count == 1 {
        for place in reached.indices { reached[place] -= first.weight }
      } else {
        reached = reached.flatMap { state in free.map { state - $0.weight } }
      }
    }
    return reached
  }
}
