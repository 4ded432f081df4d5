/// The body of one response between the handler that writes it and the connection that sends it. Confined to the reactor's
/// thread, except `write`, which goes there.
final class ResponseStream: BodySink, @unchecked Sendable {
  private let reactor: Reactor
  private let connection: Connection
  private var waiters: [(number: Int, continuation: UnsafeContinuation<Result<Void, HTTPStreamError>, Never>)] = []
  private var numbers = 0
  private var failure: HTTPStreamError?
  /// What the handler's `Content-Length` leaves to be written; nil when the body is chunked or ends with the connection.
  private(set) var remaining: Int?
  private let declared: Int
  let isChunked: Bool

  init(reactor: Reactor, connection: Connection, declared: Int?, isChunked: Bool) {
    self.reactor = reactor
    self.connection = connection
    self.declared = declared ?? 0
    self.isChunked = isChunked
    remaining = declared
  }

  func write(_ bytes: [UInt8]) async throws(HTTPStreamError) {
    let number: Int
    if reactor.isCurrent {
      guard let ticket = try accept(bytes).get() else { return }
      number = ticket
    } else {
      let accepted = await withUnsafeContinuation { continuation in
        reactor.perform { continuation.resume(returning: self.accept(bytes)) }
      }
      guard let ticket = try accepted.get() else { return }
      number = ticket
    }
    let result = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        reactor.perform { self.wait(number, continuation) }
      }
    } onCancel: {
      reactor.perform { self.abandon(number) }
    }
    try result.get()
  }

  // MARK: on the reactor

  /// Takes the bytes. A number means that the writer should wait until the client has caught up.
  private func accept(_ bytes: [UInt8]) -> Result<Int?, HTTPStreamError> {
    if let failure { return .failure(failure) }
    if let left = remaining {
      guard bytes.count <= left else {
        fail(.overrun(declared: declared))
        return .failure(.overrun(declared: declared))
      }
      remaining = left - bytes.count
    }
    guard connection.send(bytes, chunked: isChunked) else { return .success(nil) }
    numbers += 1
    return .success(numbers)
  }

  private func wait(_ number: Int, _ continuation: UnsafeContinuation<Result<Void, HTTPStreamError>, Never>) {
    if let failure { return continuation.resume(returning: .failure(failure)) }
    guard connection.isCongested else { return continuation.resume(returning: .success(())) }
    guard !abandoned.contains(number) else { return continuation.resume(returning: .failure(.closed)) }
    waiters.append((number, continuation))
  }

  private var abandoned: Set<Int> = []

  /// The writing task was cancelled, perhaps before its wait arrived here.
  private func abandon(_ number: Int) {
    guard let index = waiters.firstIndex(where: { $0.number == number }) else {
      abandoned.insert(number)
      return
    }
    waiters.remove(at: index).continuation.resume(returning: .failure(.closed))
  }

  /// The client has caught up.
  func resume() {
    let resumed = waiters
    waiters = []
    for waiter in resumed { waiter.continuation.resume(returning: .success(())) }
  }

  /// No byte can be written any more.
  func fail(_ error: HTTPStreamError) {
    guard failure == nil else { return }
    failure = error
    let resumed = waiters
    waiters = []
    for waiter in resumed { waiter.continuation.resume(returning: .failure(error)) }
  }
}
