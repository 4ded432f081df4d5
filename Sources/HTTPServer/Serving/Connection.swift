import CLinux
import Cryptography
import Glibc

/// One connection: receives requests one after the other, has each answered by a task on this reactor, sends the answers.
///
/// All state belongs to the reactor's thread. The descriptor is watched edge-triggered for both directions from the
/// beginning: `isReadable` remembers an edge while back-pressure forbids to read, and no system call changes interest.
final class Connection: ReactorTarget, @unchecked Sendable {
  enum Phase {
    /// Between requests or within a head.
    case head
    /// A request is being answered, or refused.
    case handling
    /// The last answer is out; what the client still sends is dropped, so that the kernel does not answer it with a reset
    /// that takes our answer back.
    case lingering
    case closed
  }

  /// What is missing of the current request's body.
  enum Incoming: Equatable {
    case complete
    case length(Int)
    case chunked
  }

  let reactor: Reactor
  let context: ServerContext
  let peer: Peer
  private let account: ConnectionLedger.Account
  var limits: HTTPServerConfiguration.Limits { context.configuration.limits }
  var deadlines: HTTPServerConfiguration.Deadlines { context.configuration.deadlines }

  var transport = Transport.plain
  var channel: SecureChannel?

  var phase = Phase.head
  // Receiving.
  var input: [UInt8] = []
  var inputStart = 0
  var scanner: HeadScanner
  var isReadable = false
  var hungUp = false
  var sawEnd = false
  var isIdle = false
  var requests = 0
  // The current request.
  var keepsAlive = true
  var isCurrentVersion = true
  var isHeadRequest = false
  var incoming = Incoming.complete
  var decoder = ChunkedDecoder()
  var body: RequestBodyStream?
  var bodyFailure: HTTPBodyError?
  var owesContinue = false
  var discarded = 0
  var task: Task<Void, Never>?
  // The current response.
  var isAnswered = false
  var stream: ResponseStream?
  var streamEndsOnShutdown = false
  // Sending.
  var output = OutputBuffer()
  var isFlushScheduled = false
  var closesAfterFlush = false
  // Deadlines.
  var reading = Allowance()
  var writing = Allowance()

  init(
    descriptor: Int32, peer: Peer, account: ConnectionLedger.Account, reactor: Reactor, context: ServerContext
  ) {
    self.peer = peer
    self.account = account
    self.reactor = reactor
    self.context = context
    scanner = HeadScanner(limits: context.configuration.limits)
    super.init(descriptor: descriptor)
  }

  /// Begins to watch the socket.
  func open(tls: TLSServerContext?) {
    if let tls {
      guard let session = try? TLSConnection(context: tls, fileDescriptor: descriptor) else { return close() }
      transport = .handshake(session)
    }
    let events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
    guard reactor.add(self, events: events) else { return close() }
    reading.start(reactor.now, deadlines.header)
    settle()
  }

  override func ready(_ events: UInt32) {
    if events & EPOLLERR.rawValue != 0 { return close() }
    if events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue) != 0 { hungUp = true }
    if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue) != 0 { isReadable = true }
    if events & EPOLLOUT.rawValue != 0, output.count > 0 { flush() }
    receive()
  }

  override func expired() {
    let now = reactor.now
    if writing.until <= now {
      context.counters.timedOut.add(1, ordering: .relaxed)
      return close()
    }
    guard reading.until <= now else { return settle() }
    reading.stop()
    switch phase {
    case .head:
      guard !isIdle, !input.isEmpty else { return close() }
      context.counters.timedOut.add(1, ordering: .relaxed)
      refuse(RequestRefusal(408, "head_timed_out", "The request head arrived too slowly."))
    case .handling:
      context.counters.timedOut.add(1, ordering: .relaxed)
      failBody(.timedOut)
    case .lingering: close()
    case .closed: break
    }
    settle()
  }

  /// Brings the deadline in line with what is being waited for.
  func settle() {
    guard phase != .closed else { return }
    if phase == .handling, incoming != .complete {
      // While the handler takes its time, or the client waits for 100 Continue, the client owes us nothing.
      if owesContinue || !wantsBytes {
        reading.stop()
      } else if reading.until == .never {
        reading.start(reactor.now, deadlines.body)
      }
    }
    deadline = min(reading.until, writing.until)
    reactor.schedule(self)
  }

  /// Ends the connection once everything is sent.
  func closeAfterFlush() {
    closesAfterFlush = true
    flushLater()
  }

  /// Closes our direction and drops what arrives until the client closes its own, or for a short while.
  func linger() {
    guard phase != .closed, phase != .lingering else { return }
    guard !sawEnd else { return close() }
    phase = .lingering
    input = []
    inputStart = 0
    transport.finish()
    transport = .plain
    shutdown(descriptor, Int32(SHUT_WR))
    reading.start(reactor.now, deadlines.linger)
    receive()
    settle()
  }

  /// Ends the connection now. The handler's task is cancelled, and whoever waits for the connection is told.
  func close() {
    guard phase != .closed else { return }
    phase = .closed
    reactor.remove(self)
    transport = .plain
    Glibc.close(descriptor)
    context.ledger.release(account)
    input = []
    output = OutputBuffer()
    task?.cancel()
    task = nil
    body?.fail(.disconnected)
    body = nil
    stream?.fail(.disconnected)
    stream = nil
  }

  /// The server shuts down: idle connections end, endless streams are cancelled, the rest ends with its answer.
  func drain() {
    switch phase {
    case .head where input.isEmpty: output.count == 0 ? close() : closeAfterFlush()
    case .handling where stream != nil && streamEndsOnShutdown: task?.cancel()
    default: break
    }
  }
}
