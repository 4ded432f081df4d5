import CLinux
import Glibc
import Synchronization

/// Something that owns a descriptor in a reactor. Touched only on the reactor's thread.
class ReactorTarget: @unchecked Sendable {
  let descriptor: Int32
  fileprivate var key: UInt64 = 0
  fileprivate var scheduled = MonotonicTime.never
  /// When `expired` wants to be called. After a change call `Reactor.schedule`.
  var deadline = MonotonicTime.never

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// The descriptor became ready; `events` are the EPOLL bits.
  func ready(_ events: UInt32) {}

  /// The deadline passed. It is `.never` now.
  func expired() {}
}

/// One thread, one epoll instance, and the executor of the tasks that answer requests: a handler runs where its connection
/// lives, and neither start nor end of it changes threads.
///
/// State is confined to the thread; other threads reach it through `perform` and `enqueue`. That is why the class may
/// call itself Sendable.
final class Reactor: TaskExecutor, @unchecked Sendable {
  private struct Inbox: ~Copyable {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable () -> Void] = []
    var isSignalled = false
    var isOver = false
  }

  private let epoll: Int32
  private let wake: Int32
  private let inbox = Mutex(Inbox())

  private var jobs: [UnownedJob] = []
  private var running: [UnownedJob] = []
  private var dirty: [Connection] = []
  private var targets: [ReactorTarget?] = []
  private var generation: UInt64 = 0
  private var timers = TimerHeap()
  private var paused: [(until: MonotonicTime, listener: ListenerTarget)] = []
  private var stops = false

  /// Handler tasks that have not ended; the thread outlives them, or nobody could run them.
  var tasks = 0
  /// The time at which the current batch of events began.
  private(set) var now = MonotonicTime.now()
  /// The cached `Date` field line.
  private(set) var date = DateField()
  /// Where received bytes land before they are copied to their connection.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

  /// Makes the descriptors; `run` starts the thread.
  init() throws(HTTPServerError) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw .system(call: "epoll_create1", at: "", errno: errno) }
    wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wake >= 0 else {
      let error = errno
      close(epoll)
      throw .system(call: "eventfd", at: "", errno: error)
    }
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    event.data.u64 = Self.wakeKey
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) == 0 else {
      let error = errno
      close(wake)
      close(epoll)
      throw .system(call: "epoll_ctl", at: "", errno: error)
    }
  }

  deinit {
    close(wake)
    close(epoll)
    scratch.deallocate()
  }

  /// Starts the thread. It keeps the reactor alive until `stop`.
  func run() throws(HTTPServerError) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self)
    let result = pthread_create(&thread, nil, Self.main, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw .system(call: "pthread_create", at: "", errno: result)
    }
    pthread_detach(thread)
  }

  /// Ends the thread once the tasks it runs have ended.
  func stop() { perform { self.stops = true } }

  /// Whether the caller runs on the reactor's thread.
  var isCurrent: Bool {
    pthread_getspecific(Self.current) == UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    guard !isCurrent else { return jobs.append(job) }
    send { $0.jobs.append(job) }
  }

  /// Runs an action on the thread: at once when called there, else soon. After the end of the thread it is dropped.
  func perform(_ action: @escaping @Sendable () -> Void) {
    guard !isCurrent else { return action() }
    send { $0.actions.append(action) }
  }

  private func send(_ put: (inout Inbox) -> Void) {
    let signals = inbox.withLock { inbox in
      guard !inbox.isOver else { return false }
      put(&inbox)
      defer { inbox.isSignalled = true }
      return !inbox.isSignalled
    }
    if signals { eventfd_write(wake, 1) }
  }

  // MARK: on the thread

  /// Watches a descriptor. Edge-triggered targets must read or write until they would block.
  func add(_ target: ReactorTarget, events: UInt32) -> Bool {
    let index = Int(target.descriptor)
    if index >= targets.count { targets += [ReactorTarget?](repeating: nil, count: index + 64 - targets.count) }
    generation += 1
    // The generation tells an event for a closed descriptor from one for its successor under the same number.
    target.key = (generation & 0xFFFF_FFFF) << 32 | UInt64(index)
    var event = epoll_event()
    event.events = events
    event.data.u64 = target.key
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, target.descriptor, &event) == 0 else { return false }
    targets[index] = target
    return true
  }

  /// Forgets a descriptor; the caller closes it.
  func remove(_ target: ReactorTarget) {
    let index = Int(target.descriptor)
    guard index < targets.count, targets[index] === target else { return }
    targets[index] = nil
    var event = epoll_event()
    epoll_ctl(epoll, EPOLL_CTL_DEL, target.descriptor, &event)
  }

  /// Takes note of a changed deadline.
  func schedule(_ target: ReactorTarget) {
    guard target.deadline < target.scheduled else { return }
    target.scheduled = target.deadline
    timers.insert(TimerHeap.Entry(at: target.deadline, key: target.key))
  }

  /// Takes a listener off for a moment, because descriptors or memory have run out.
  func pause(_ listener: ListenerTarget) {
    remove(listener)
    paused.append((now.advanced(by: .milliseconds(100)), listener))
  }

  private func resumePaused() {
    while let next = paused.first, next.until <= now {
      paused.removeFirst()
      if !add(next.listener, events: ListenerTarget.events) { pause(next.listener) }
    }
  }

  /// Stops watching a listener, paused or not.
  func dismiss(_ listener: ListenerTarget) {
    paused.removeAll { $0.listener === listener }
    remove(listener)
  }

  /// Has a connection flushed when the jobs at hand are done: answers to pipelined requests leave together.
  func flushLater(_ connection: Connection) { dirty.append(connection) }

  /// Every connection here.
  var connections: [Connection] { targets.compactMap { $0 as? Connection } }

  private static let wakeKey = UInt64.max

  private static let current: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    pthread_setspecific(current, context)
    Unmanaged<Reactor>.fromOpaque(context).takeRetainedValue().loop()
    return nil
  }

  private func loop() {
    let capacity = 256
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: capacity)
    defer { events.deallocate() }
    while !(stops && tasks == 0 && jobs.isEmpty) {
      let count = epoll_wait(epoll, events.baseAddress, Int32(capacity), timeout())
      now = .now()
      date.update()
      for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
      runJobs()
      resumePaused()
      while let due = timers.removeDue(at: now) { expire(due) }
      runJobs()
    }
    let rest = inbox.withLock { inbox in
      inbox.isOver = true
      return inbox.actions
    }
    for action in rest { action() }
  }

  private func timeout() -> Int32 {
    guard jobs.isEmpty, dirty.isEmpty else { return 0 }
    let earliest = min(timers.earliest ?? .never, paused.first?.until ?? .never)
    guard earliest != .never else { return -1 }
    let present = MonotonicTime.now()
    guard earliest > present else { return 0 }
    return Int32(min((earliest - present + 999_999) / 1_000_000, 60_000))
  }

  private func dispatch(_ event: epoll_event) {
    let key = event.data.u64
    guard key != Self.wakeKey else { return receive() }
    let index = Int(key & 0xFFFF_FFFF)
    guard index < targets.count, let target = targets[index], target.key == key else { return }
    target.ready(event.events)
  }

  private func receive() {
    var value: eventfd_t = 0
    eventfd_read(wake, &value)
    var actions: [@Sendable () -> Void] = []
    inbox.withLock { inbox in
      inbox.isSignalled = false
      jobs += inbox.jobs
      inbox.jobs.removeAll(keepingCapacity: true)
      swap(&actions, &inbox.actions)
    }
    for action in actions { action() }
  }

  /// Runs jobs, and those that they enqueue, a bounded number of rounds: tasks that yield for ever must not keep the
  /// network waiting. Then everything written meanwhile is sent.
  private func runJobs() {
    var rounds = 0
    while !jobs.isEmpty, rounds < 64 {
      swap(&jobs, &running)
      for job in running { job.runSynchronously(on: asUnownedTaskExecutor()) }
      running.removeAll(keepingCapacity: true)
      rounds += 1
    }
    var index = 0
    while index < dirty.count {
      dirty[index].flush()
      index += 1
    }
    dirty.removeAll(keepingCapacity: true)
  }

  private func expire(_ due: TimerHeap.Entry) {
    let index = Int(due.key & 0xFFFF_FFFF)
    guard index < targets.count, let target = targets[index], target.key == due.key, target.scheduled == due.at
    else { return }
    target.scheduled = .never
    if target.deadline <= now {
      target.deadline = .never
      target.expired()
    } else {
      schedule(target)
    }
  }
}
