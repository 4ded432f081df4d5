import Cryptography

/// When each proposal may be forgotten: a binary heap, earliest first.
struct Deadlines: Sendable {
  private var heap: [(time: Int64, proposal: SHA256Digest)] = []

  var count: Int { heap.count }

  mutating func add(_ proposal: SHA256Digest, at time: Int64) {
    heap.append((time, proposal))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].time < heap[parent].time else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Removes and returns one proposal whose time has come.
  mutating func next(due now: Int64) -> SHA256Digest? {
    guard let first = heap.first, first.time <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first.proposal }
    heap[0] = last
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].time < heap[smallest].time {
        smallest = child
      }
      guard smallest != parent else { return first.proposal }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
