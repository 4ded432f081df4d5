import Synchronization

/// Sends CEF lines to a syslog collector.
///
/// Syslog has no acknowledgement. Over TCP and TLS a batch counts when the collector's machine has confirmed every byte and
/// the connection still stands; when a connection turns out broken, the batch before is sent again with the next. A
/// collector that dies with messages unread can still lose them, and UDP can lose anything.
public final class SyslogSink: ExportSink {
  /// How messages travel.
  public enum Transport: Sendable, Hashable {
    /// Octet-counted (RFC 6587).
    case tcp(host: String, port: UInt16)
    /// Octet-counted in TLS 1.3 (RFC 5425); the PEM file at `authorities` says who may issue the collector's certificate.
    case tls(host: String, port: UInt16, authorities: String)
    /// One message a datagram (RFC 5426).
    case udp(host: String, port: UInt16)
    /// One message a datagram to a local socket such as /dev/log.
    case unix(path: String)

    var text: String {
      switch self {
      case .tcp(let host, let port): "syslog+tcp://\(host):\(port)"
      case .tls(let host, let port, _): "syslog+tls://\(host):\(port)"
      case .udp(let host, let port): "syslog+udp://\(host):\(port)"
      case .unix(let path): "syslog+unix:\(path)"
      }
    }

    var isStream: Bool {
      switch self {
      case .tcp, .tls: true
      case .udp, .unix: false
      }
    }
  }

  private struct State {
    var connection: SyslogConnection?
    /// What was sent last on a connection, as long as nothing shows that the collector has read it.
    var unconfirmed: [UInt8] = []
  }

  public var destination: String { transport.text }
  private let transport: Transport
  private let facility: SyslogMessage.Facility
  private let deadline: Duration
  private let work: SerialWork
  // Touched on the queue of `work` only, one call at a time.
  private let state = Mutex(State())

  /// - Parameter deadline: for connecting and for each batch.
  public init(_ transport: Transport, facility: SyslogMessage.Facility = .audit, deadline: Duration = .seconds(30)) {
    self.transport = transport
    self.facility = facility
    self.deadline = deadline
    work = SerialWork("syslog")
  }

  public func deliver(_ batch: ExportBatch) async throws(ExportFault) {
    try await work.run { [self] in
      let messages = batch.events.map { SyslogMessage($0, facility: facility) }
      return state.withLock { state in
        Result { () throws(ExportFault) in
          do throws(ExportFault) {
            try send(messages, &state)
          } catch {
            state.connection = nil
            throw error
          }
        }
      }
    }
  }

  private func send(_ messages: [SyslogMessage], _ state: inout State) throws(ExportFault) {
    let end = ContinuousClock.now.advanced(by: deadline)
    var again: [UInt8] = []
    if state.connection?.isBroken() ?? true {
      state.connection = nil
      state.connection = try SyslogConnection(transport, until: end)
      again = state.unconfirmed
    }
    guard let connection = state.connection else { return }
    guard transport.isStream else {
      for message in messages { try connection.send(message.bytes, until: end) }
      return
    }
    let frames = messages.flatMap(\.framed)
    try connection.send(again + frames, until: end)
    try connection.drain(until: end)
    state.unconfirmed = frames
  }

  public func close() async {
    try? await work.run { [self] in
      state.withLock { $0.connection = nil }
      return .success(())
    }
  }
}
