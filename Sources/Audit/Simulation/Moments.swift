import Cryptography

/// When to look at what again: a binary heap, earliest first, and at one time in the order of adding.
struct Moments {
  private struct Moment {
    var time: Int64
    var order: UInt64
    var proposal: SHA256Digest?

    func precedes(_ other: Moment) -> Bool { (time, order) < (other.time, other.order) }
  }

  private var heap: [Moment] = []
  private var added: UInt64 = 0

  /// - Parameter proposal: nil stands for all that wait for room.
  mutating func add(_ proposal: SHA256Digest?, at time: Int64) {
    heap.append(Moment(time: time, order: added, proposal: proposal))
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
  mutating func next(due now: Int64) -> (time: Int64, proposal: SHA256Digest?)? {
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
    return (first.time, first.proposal)
  }
}
