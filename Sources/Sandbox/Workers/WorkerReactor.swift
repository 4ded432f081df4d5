import CLinux
import Glibc
import Synchronization

/// One thread and one epoll instance for all workers: it hears what they say when nobody is waiting in line for it,
/// sees them die, waits for them, and holds them to their deadlines.
final class WorkerReactor: Sendable {
  private struct State: ~Copyable {
    var connections: [UInt64: WorkerConnection] = [:]
    var last: UInt64 = 0
    /// When the thread next looks at every deadline. Not later than any of them.
    var nextLook = MonotonicTime.never
    var isStopping = false
  }

  private let epoll: Int32
  private let wake: Int32
  private let state = Mutex(State())

  /// The descriptors are made here; ``run()`` starts the thread.
  init() throws(SandboxFailure) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw Self.failure("epoll_create1") }
    wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wake >= 0 else {
      close(epoll)
      throw Self.failure("eventfd")
    }
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    event.data.u64 = 0
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) == 0 else {
      close(epoll)
      close(wake)
      throw Self.failure("epoll_ctl")
    }
  }

  deinit {
    close(epoll)
    close(wake)
  }

  private static func failure(_ call: String) -> SandboxFailure {
    .unavailable(.jail, reason: "\(call): \(SystemError.text(errno))")
  }

  /// Starts the thread. It keeps the reactor alive until ``stop()``.
  func run() throws(SandboxFailure) {
    try DetachedThread.start { self.loop() }
  }

  /// Ends the thread when the last connection is gone.
  func stop() {
    state.withLock { $0.isStopping = true }
    eventfd_write(wake, 1)
  }

  // MARK: what connections ask for, from any thread

  private static func socketKey(_ token: UInt64) -> UInt64 { token << 1 }
  private static func processKey(_ token: UInt64) -> UInt64 { token << 1 | 1 }

  /// Watches a worker's death from now on, and its socket when ``arm`` is called. Returns the token of the connection.
  func add(_ connection: WorkerConnection) throws(SandboxFailure) -> UInt64 {
    let token = state.withLock { state in
      state.last += 1
      state.connections[state.last] = connection
      return state.last
    }
    let isWatched =
      control(EPOLL_CTL_ADD, connection.worker.channel, events: 0, key: Self.socketKey(token))
      && control(EPOLL_CTL_ADD, connection.worker.pidfd, events: EPOLLIN.rawValue, key: Self.processKey(token))
    guard isWatched else {
      let error = Self.failure("epoll_ctl")
      _ = control(EPOLL_CTL_DEL, connection.worker.channel, events: 0, key: 0)
      state.withLock { $0.connections[token] = nil }
      throw error
    }
    return token
  }

  /// Has ``WorkerConnection/ready()`` called once when the socket can be read, or written where asked.
  func arm(_ connection: WorkerConnection, token: UInt64, writing: Bool) {
    let events = EPOLLIN.rawValue | EPOLLONESHOT.rawValue | (writing ? EPOLLOUT.rawValue : 0)
    _ = control(EPOLL_CTL_MOD, connection.worker.channel, events: events, key: Self.socketKey(token))
  }

  /// Nobody needs to be told of the socket for now.
  func disarm(_ connection: WorkerConnection, token: UInt64) {
    _ = control(EPOLL_CTL_MOD, connection.worker.channel, events: EPOLLONESHOT.rawValue, key: Self.socketKey(token))
  }

  /// Has ``WorkerConnection/expire(now:)`` called at a time that is not before the deadline, and soon after it.
  func schedule(_ deadline: MonotonicTime) {
    let isEarlier = state.withLock { state in
      guard deadline < state.nextLook else { return false }
      state.nextLook = deadline
      return true
    }
    if isEarlier { eventfd_write(wake, 1) }
  }

  private func control(_ operation: Int32, _ descriptor: Int32, events: UInt32, key: UInt64) -> Bool {
    var event = epoll_event()
    event.events = events
    event.data.u64 = key
    return epoll_ctl(epoll, operation, descriptor, &event) == 0
  }

  // MARK: on the thread

  private func loop() {
    let capacity = 64
    let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: capacity)
    defer { events.deallocate() }
    while true {
      let nextLook = state.withLock { state -> MonotonicTime? in
        state.isStopping && state.connections.isEmpty ? nil : state.nextLook
      }
      guard let nextLook else { return }
      let count = epoll_wait(epoll, events, Int32(capacity), Self.milliseconds(until: nextLook))
      for index in 0..<max(0, Int(count)) { handle(events[index].data.u64) }
      let now = MonotonicTime.now()
      if nextLook <= now { look(now) }
    }
  }

  private static func milliseconds(until time: MonotonicTime) -> Int32 {
    guard time != .never else { return -1 }
    let left = time.nanoseconds - MonotonicTime.now().nanoseconds
    return Int32(clamping: max(0, (left + 999_999) / 1_000_000))
  }

  private func handle(_ key: UInt64) {
    guard key != 0 else {
      var value: UInt64 = 0
      eventfd_read(wake, &value)
      return
    }
    guard let connection = state.withLock({ $0.connections[key >> 1] }) else { return }
    guard key & 1 == 1 else { return connection.ready() }
    // The end of a process is the end of its connection, but for what it said before.
    _ = control(EPOLL_CTL_DEL, connection.worker.pidfd, events: 0, key: 0)
    _ = control(EPOLL_CTL_DEL, connection.worker.channel, events: 0, key: 0)
    state.withLock { $0.connections[key >> 1] = nil }
    connection.exited()
  }

  private func look(_ now: MonotonicTime) {
    let connections = state.withLock { state in
      state.nextLook = .never
      return Array(state.connections.values)
    }
    for connection in connections { schedule(connection.expire(now: now)) }
  }
}

/// A thread of our own for work that may block.
enum DetachedThread {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
  }

  /// - Parameter stackBytes: nil for the system's default.
  static func start(stackBytes: Int? = nil, _ run: @escaping @Sendable () -> Void) throws(SandboxFailure) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    if let stackBytes { pthread_attr_setstacksize(&attributes, stackBytes) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Body(run))
    let result = pthread_create(&thread, &attributes, main, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw .unavailable(.jail, reason: "pthread_create: \(SystemError.text(result))")
    }
  }
}
