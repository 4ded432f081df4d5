import Synchronization

/// What the reactors of one server share.
final class ServerContext: Sendable {
  let configuration: HTTPServerConfiguration
  let handler: any HTTPHandler
  let ledger: ConnectionLedger
  let counters = ServerCounters()
  private let draining = Atomic(false)

  init(configuration: HTTPServerConfiguration, handler: any HTTPHandler) {
    self.configuration = configuration
    self.handler = handler
    ledger = ConnectionLedger(limits: configuration.limits)
  }

  /// Whether `shutdown` has begun: answers then end their connections.
  var isDraining: Bool { draining.load(ordering: .relaxed) }

  func drain() { draining.store(true, ordering: .relaxed) }
}

/// Counts for operators. They only grow.
final class ServerCounters: Sendable {
  let accepted = Atomic(0)
  let refused = Atomic(0)
  let requests = Atomic(0)
  let malformed = Atomic(0)
  let timedOut = Atomic(0)
}

extension HTTPServer {
  /// Counts since the start, and the connections open now.
  public struct Statistics: Sendable, Hashable {
    /// Connections accepted.
    public var accepted: Int
    /// Connections refused because of a limit.
    public var refused: Int
    /// Requests given to the handler.
    public var requests: Int
    /// Requests refused by the parser.
    public var malformed: Int
    /// Connections ended by a deadline, idle ones not counted.
    public var timedOut: Int
    /// Connections open.
    public var open: Int
  }
}
