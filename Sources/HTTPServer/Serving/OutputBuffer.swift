/// Bytes on their way to a client, in order.
///
/// Small writes are joined, large ones are kept as they are and never copied. What was sent is given up at once: a
/// reader that is fast but never quite catches up must not make the buffer grow with all that was ever sent.
struct OutputBuffer {
  /// What writing did.
  enum Flush {
    case empty
    case blocked
    case failed
  }

  private static let joined = 16 << 10

  private var queue: [[UInt8]] = []
  private var first = 0
  private var last: [UInt8] = []
  private var sent = 0

  /// The bytes not yet sent.
  private(set) var count = 0

  /// The memory in use, for the test that it is bounded.
  var footprint: Int { queue.reduce(last.capacity) { $0 + $1.capacity } }

  /// Appends a whole array.
  mutating func append(_ bytes: [UInt8]) {
    guard bytes.count >= Self.joined else { return append(joining: bytes) }
    seal()
    queue.append(bytes)
    count += bytes.count
  }

  /// Appends by copying.
  mutating func append(joining bytes: some Collection<UInt8>) {
    join { $0.append(contentsOf: bytes) }
  }

  /// Appends what `write` adds to the joined bytes.
  mutating func join(_ write: (inout [UInt8]) -> Void) {
    if last.count >= Self.joined { seal() }
    let before = last.count
    write(&last)
    count += last.count - before
  }

  /// Appends a literal by copying.
  mutating func append(_ text: StaticString) {
    join { $0.append(text) }
  }

  /// Gives bytes to `write` until nothing is left or it takes less than it was given. `write` returns how many bytes it
  /// took, nil when it would block, or a negative number on failure; its second argument says whether more will follow.
  mutating func flush(_ write: (UnsafeRawBufferPointer, Bool) -> Int?) -> Flush {
    while count > 0 {
      let fromQueue = first < queue.count
      let size = fromQueue ? queue[first].count : last.count
      let follows = fromQueue && (first + 1 < queue.count || !last.isEmpty)
      let taken =
        fromQueue
        ? queue[first].withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...]), follows) }
        : last.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...]), follows) }
      guard let taken else {
        compact()
        return .blocked
      }
      guard taken >= 0 else { return .failed }
      count -= taken
      sent += taken
      if sent == size { release(fromQueue) }
    }
    return .empty
  }

  /// Moves the joined bytes to the queue. Only whole buffers are queued, so `sent` keeps its meaning for the first one.
  private mutating func seal() {
    guard !last.isEmpty else { return }
    if first == queue.count, sent > 0 {
      last.removeSubrange(..<sent)
      sent = 0
    }
    queue.append(last)
    last = []
  }

  private mutating func release(_ fromQueue: Bool) {
    sent = 0
    if fromQueue {
      queue[first] = []
      first += 1
      if first == queue.count {
        queue.removeAll(keepingCapacity: true)
        first = 0
      } else if first >= 16 {
        queue.removeSubrange(..<first)
        first = 0
      }
    } else if last.capacity > 2 * Self.joined {
      last = []
    } else {
      last.removeAll(keepingCapacity: true)
    }
  }

  private mutating func compact() {
    guard first == queue.count, sent >= Self.joined / 2 else { return }
    last.removeSubrange(..<sent)
    sent = 0
  }
}
