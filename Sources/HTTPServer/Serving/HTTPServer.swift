import Synchronization

/// A strict HTTP/1.1 server (RFC 9110, RFC 9112) for TCP and unix sockets.
///
/// Started, it lives on its own threads until `shutdown`, whether or not anybody keeps a reference.
public final class HTTPServer: Sendable {
  private enum State {
    case new
    case running([Worker])
    case ended
  }

  private struct Worker {
    let reactor: Reactor
    let listeners: [ListenerTarget]
  }

  let context: ServerContext
  private let state = Mutex(State.new)
  private let listeners = Mutex([Listener]())

  /// A server that does nothing before `start`.
  public init(configuration: HTTPServerConfiguration, handler: some HTTPHandler) {
    context = ServerContext(configuration: configuration, handler: handler)
  }

  /// Binds every listener and begins to serve. The addresses are in the order of the listeners. On an error nothing is
  /// left behind.
  public func start() throws(HTTPServerError) -> [BoundAddress] {
    guard !context.configuration.listeners.isEmpty else { throw .noListener }
    let isNew = state.withLock { state in
      guard case .new = state else { return false }
      state = .ended
      return true
    }
    guard isNew else { throw .alreadyStarted }
    var bound: [Listener] = []
    do {
      for listener in context.configuration.listeners { bound.append(try Listener(listener)) }
      let workers = try makeWorkers(bound)
      let all = bound
      listeners.withLock { $0 = all }
      state.withLock { $0 = .running(workers) }
    } catch {
      for listener in bound { listener.close() }
      state.withLock { $0 = .new }
      throw error
    }
    return bound.map(\.address)
  }

  private func makeWorkers(_ bound: [Listener]) throws(HTTPServerError) -> [Worker] {
    var workers: [Worker] = []
    do {
      for _ in 0..<max(1, context.configuration.reactors) {
        let reactor = try Reactor()
        let targets = bound.map { ListenerTarget(reactor: reactor, listener: $0, context: context) }
        workers.append(Worker(reactor: reactor, listeners: targets))
        try reactor.run()
      }
    } catch {
      for worker in workers { worker.reactor.stop() }
      throw error
    }
    for worker in workers {
      worker.reactor.perform {
        for target in worker.listeners where !worker.reactor.add(target, events: ListenerTarget.events) {
          worker.reactor.pause(target)
        }
      }
    }
    return workers
  }

  /// Stops accepting, closes idle connections, lets requests in flight finish until the deadline, then cuts the rest.
  /// Returns when no connection is left. Later calls return at once.
  public func shutdown(deadline: Duration = .seconds(10)) async {
    let workers: [Worker]? = state.withLock { state in
      guard case .running(let workers) = state else { return nil }
      state = .ended
      return workers
    }
    guard let workers else { return }
    context.drain()
    await Self.onEach(workers) { worker in
      for target in worker.listeners { worker.reactor.dismiss(target) }
    }
    let closing = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in closing { listener.close() }
    // Only now: whoever sees its connection end can rely on nobody being accepted any more.
    await Self.onEach(workers) { worker in
      for connection in worker.reactor.connections { connection.drain() }
    }
    let cut = Task {
      try await Task.sleep(for: deadline)
      for worker in workers {
        worker.reactor.perform {
          for connection in worker.reactor.connections { connection.close() }
        }
      }
    }
    await context.ledger.untilEmpty()
    cut.cancel()
    for worker in workers { worker.reactor.stop() }
  }

  private static func onEach(_ workers: [Worker], _ action: @escaping @Sendable (Worker) -> Void) async {
    for worker in workers {
      await withCheckedContinuation { continuation in
        worker.reactor.perform {
          action(worker)
          continuation.resume()
        }
      }
    }
  }

  /// Counts for operators.
  public var statistics: Statistics {
    let counters = context.counters
    return Statistics(
      accepted: counters.accepted.load(ordering: .relaxed), refused: counters.refused.load(ordering: .relaxed),
      requests: counters.requests.load(ordering: .relaxed), malformed: counters.malformed.load(ordering: .relaxed),
      timedOut: counters.timedOut.load(ordering: .relaxed), open: context.ledger.open)
  }
}
