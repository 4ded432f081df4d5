/// The body of one request between the connection that receives it and the handler that reads it. Confined to the
/// reactor's thread, except `next`, which goes there.
final class RequestBodyStream: BodySource, @unchecked Sendable {
  private enum State {
    case open
    case ended
    case failed(HTTPBodyError)
  }

  private static let joined = 16 << 10

  private let reactor: Reactor
  private let connection: Connection
  private var pieces: [[UInt8]] = []
  private var first = 0
  private var state = State.open
  private var waiter: UnsafeContinuation<Result<[UInt8]?, HTTPBodyError>, Never>?

  /// The bytes that wait for the handler.
  private(set) var buffered = 0
  /// Whether the handler has asked for more than there is.
  var isAwaited: Bool { waiter != nil }

  init(reactor: Reactor, connection: Connection) {
    self.reactor = reactor
    self.connection = connection
  }

  func next() async throws(HTTPBodyError) -> [UInt8]? {
    if reactor.isCurrent, let ready = take() { return try ready.get() }
    let result = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        reactor.perform { self.wait(continuation) }
      }
    } onCancel: {
      reactor.perform { self.fail(.cancelled) }
    }
    return try result.get()
  }

  // MARK: on the reactor

  func append(_ piece: [UInt8]) {
    guard case .open = state, !piece.isEmpty else { return }
    if let waiter {
      self.waiter = nil
      return waiter.resume(returning: .success(piece))
    }
    buffered += piece.count
    // Small pieces are joined: a body of one-byte chunks must not cost an array each.
    if let last = pieces.last, first < pieces.count, last.count + piece.count <= Self.joined {
      pieces[pieces.count - 1].append(contentsOf: piece)
    } else {
      pieces.append(piece)
    }
  }

  func end() {
    guard case .open = state else { return }
    state = .ended
    answer(.success(nil))
  }

  func fail(_ error: HTTPBodyError) {
    guard case .open = state else { return }
    state = .failed(error)
    answer(.failure(error))
  }

  private func answer(_ result: Result<[UInt8]?, HTTPBodyError>) {
    waiter?.resume(returning: result)
    waiter = nil
  }

  private func wait(_ continuation: UnsafeContinuation<Result<[UInt8]?, HTTPBodyError>, Never>) {
    if let ready = take() { return continuation.resume(returning: ready) }
    // Two readers at once would take turns at pieces; the later one is told so rather than both be confused.
    guard waiter == nil else { return continuation.resume(returning: .failure(.cancelled)) }
    waiter = continuation
    connection.bodyWanted()
  }

  private func take() -> Result<[UInt8]?, HTTPBodyError>? {
    if first < pieces.count {
      let piece = pieces[first]
      pieces[first] = []
      first += 1
      if first == pieces.count {
        pieces.removeAll(keepingCapacity: true)
        first = 0
      }
      buffered -= piece.count
      connection.bodyWanted()
      return .success(piece)
    }
    switch state {
    case .open: return nil
    case .ended: return .success(nil)
    case .failed(let error): return .failure(error)
    }
  }
}
