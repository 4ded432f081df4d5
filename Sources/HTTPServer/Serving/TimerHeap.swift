/// Deadlines of descriptors in order of time: a binary heap. Entries are never removed early; the reactor compares what
/// comes out with what the descriptor wants by then, which makes moving a deadline later free.
struct TimerHeap {
  struct Entry {
    let at: UInt64
    let key: UInt64
  }

  private var entries: [Entry] = []

  var earliest: UInt64? { entries.first?.at }

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var index = entries.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard entries[index].at < entries[parent].at else { return }
      entries.swapAt(index, parent)
      index = parent
    }
  }

  /// Takes out the earliest entry if it is due.
  mutating func removeDue(at now: UInt64) -> Entry? {
    guard let top = entries.first, top.at <= now else { return nil }
    let moved = entries.removeLast()
    guard !entries.isEmpty else { return top }
    entries[0] = moved
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
        if entries[child].at < entries[least].at { least = child }
      }
      guard least != index else { return top }
      entries.swapAt(index, least)
      index = least
    }
  }
}
