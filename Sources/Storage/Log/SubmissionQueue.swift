import Glibc

/// Where callers leave work for the writer thread: a bounded list behind one lock and one condition.
///
/// Not an actor: an actor hop for each entry costs more than the entry, and the writer must block without taking a thread
/// of the cooperative pool.
final class SubmissionQueue<Item: Sendable>: @unchecked Sendable {
  /// What became of an item.
  enum Outcome: Sendable {
    case accepted
    case full
    case closed
  }

  // All guarded by `mutex`. The C objects live on the heap because their address must not change.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var items: [Item] = []
  private var isClosed = false
  private var isWaiting = false
  /// With how many items the waiting writer wants to be woken.
  private var wanted = 1
  private let limit: Int

  init(limit: Int) {
    self.limit = limit
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // A wall clock that is set back would hold the writer up.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(arrived, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(arrived)
    pthread_mutex_destroy(mutex)
    arrived.deallocate()
    mutex.deallocate()
  }

  /// Leaves one item. Never waits for the writer.
  func push(_ item: Item) -> Outcome {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isClosed else { return .closed }
    guard items.count < limit else { return .full }
    items.append(item)
    // One waiter at most, and none to wake while it works: saves a system call for most items.
    if isWaiting, items.count >= wanted {
      isWaiting = false
      pthread_cond_signal(arrived)
    }
    return .accepted
  }

  /// Takes up to `count` of the oldest items; waits while there are none. Empty means closed and drained.
  ///
  /// Once there is one, waits at most `patience` longer for `hoped` of them.
  func take(upTo count: Int, hopingFor hoped: Int = 1, patience: Duration = .zero) -> [Item] {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    wanted = 1
    while items.isEmpty && !isClosed {
      isWaiting = true
      pthread_cond_wait(arrived, mutex)
    }
    wanted = min(hoped, count, limit)
    if patience > .zero, items.count < wanted {
      var deadline = Self.fromNow(patience)
      while items.count < wanted && !isClosed {
        isWaiting = true
        // Late, or a clock that does not work: what is there must do.
        guard pthread_cond_timedwait(arrived, mutex, &deadline) == 0 else { break }
      }
    }
    isWaiting = false
    return takeLocked(count)
  }

  /// Takes up to `count` of the oldest items without waiting.
  func takeNow(upTo count: Int) -> [Item] {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return takeLocked(count)
  }

  /// Accepts nothing from now on. What is there already can still be taken.
  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    isWaiting = false
    pthread_cond_broadcast(arrived)
    pthread_mutex_unlock(mutex)
  }

  private static func fromNow(_ duration: Duration) -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let (seconds, attoseconds) = duration.components
    let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
    return timespec(
      tv_sec: time.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
  }

  private func takeLocked(_ count: Int) -> [Item] {
    if items.count <= count {
      var taken: [Item] = []
      taken.reserveCapacity(min(limit, items.count * 2))
      swap(&taken, &items)
      return taken
    }
    let taken = Array(items.prefix(count))
    items.removeFirst(count)
    return taken
  }
}
