import Cryptography

/// When to look at what again: a binary heap, earliest first, and at one time in the order of adding.
struct Moments {
  /// What to look at.
  enum Target {
    case proposal(SHA256Digest)
    /// All that wait for room in a budget or count.
    case waitingForRoom
    /// All that are undecided: a revocation has lapsed.
    case undecided
  }

  private struct Moment {
    var time: Int64
    var order: UInt64
    var target: Target

    func precedes(_ other: Moment) -> Bool { (time, order) < (other.time, other.order) }
  }

  private var heap: [Moment] = []
  private var added: UInt64 = 0

  mutating func add(_ target: Target, at time: Int64) {
    heap.append(Moment(time: time, order: added, target: target))
    added += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Removes and returns the earliest that has come.
  mutating func next(due now: Int64) -> (time: Int64, target: Target)? {
    guard let first = heap.first, first.time <= now else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var smallest = parent
        for child in [2 * parent + 1, 2 * parent + 2]
        where child < heap.count && heap[child].precedes(heap[smallest]) {
          smallest = child
        }
        guard smallest != parent else { break }
        heap.swapAt(parent, smallest)
        parent = smallest
      }
    }
    return (first.time, first.target)
  }
}
