/// A stack on which the parser collects the elements of the containers that are still open, so that each finished
/// container is one allocation of the exact size and its elements move instead of being copied.
struct ScratchStack<Element>: ~Copyable {
  private var base: UnsafeMutablePointer<Element>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 32) {
    self.capacity = capacity
    base = .allocate(capacity: capacity)
  }

  // Also runs when parsing stops at a fault: what is still on the stack is released here.
  deinit {
    base.deinitialize(count: count)
    base.deallocate()
  }

  mutating func push(_ element: consuming Element) {
    if count == capacity { grow() }
    (base + count).initialize(to: element)
    count += 1
  }

  /// The element on top; the stack must not be empty.
  var top: Element {
    precondition(count > 0)
    return base[count - 1]
  }

  /// Moves everything above `mark` into an array.
  mutating func pop(downTo mark: Int) -> [Element] {
    precondition(mark >= 0 && mark <= count)
    let taken = count - mark
    count = mark
    let source = base + mark
    return Array(unsafeUninitializedCapacity: taken) { buffer, initialized in
      if let target = buffer.baseAddress { target.moveInitialize(from: source, count: taken) }
      initialized = taken
    }
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }
}
