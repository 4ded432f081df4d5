import HTTPClient
import Synchronization

/// One request to a runner whose answer is read while it arrives. It ends when it is cancelled or forgotten: a client that
/// leaves must not keep a runner computing.
final class RunnerExchange: Sendable {
  /// What the runner began its answer with.
  struct Head: Sendable {
    var status: Int
    var contentType: String
  }

  fileprivate enum Piece: Sendable {
    case head(Head)
    case bytes([UInt8])
  }

  private struct TooSlow: Error {}

  private let pieces: AsyncThrowingStream<Piece, any Error>
  private let transfer: Task<Void, Never>
  /// Bytes that arrived and were not read yet.
  private let held: Held

  fileprivate final class Held: Sendable {
    let bytes = Mutex(0)
  }

  /// Begins the exchange.
  ///
  /// - Parameter bufferLimit: bytes held for a reader that is slower than the runner; beyond it the exchange fails.
  init(_ request: HTTPClientRequest, client: HTTPClient, policy: EgressPolicy, bufferLimit: Int) {
    let (pieces, continuation) = AsyncThrowingStream.makeStream(of: Piece.self)
    let held = Held()
    self.pieces = pieces
    self.held = held
    let sink = HTTPClientSink { status, headers in
      let type = headers.first { $0.name.lowercased() == "content-type" }?.value ?? ""
      continuation.yield(.head(Head(status: status, contentType: type)))
    } bytes: { bytes in
      let total = held.bytes.withLock { count in
        count += bytes.count
        return count
      }
      guard total <= bufferLimit else { throw TooSlow() }
      continuation.yield(.bytes([UInt8](bytes)))
    }
    transfer = Task {
      do throws(HTTPClientError) {
        _ = try await client.stream(request, policy: policy, into: sink)
        continuation.finish()
      } catch {
        continuation.finish(throwing: InferenceFault(transport: error))
      }
    }
  }

  deinit { transfer.cancel() }

  /// Ends the exchange; the runner sees its connection close.
  func cancel() { transfer.cancel() }

  /// The head, then the body piece by piece. To be read once.
  func begin() async throws(InferenceFault) -> (head: Head, body: Body) {
    var body = Body(iterator: pieces.makeAsyncIterator(), held: held, exchange: self)
    guard case .head(let head) = try await body.piece() else { throw .runnerFailed("it answered nothing") }
    return (head, body)
  }

  /// The rest of the answer.
  struct Body {
    fileprivate var iterator: AsyncThrowingStream<Piece, any Error>.Iterator
    fileprivate let held: Held
    /// Kept alive, and with it the transfer, for as long as somebody can read.
    fileprivate let exchange: RunnerExchange

    fileprivate mutating func piece() async throws(InferenceFault) -> Piece? {
      do {
        guard let piece = try await iterator.next() else {
          if Task.isCancelled { throw InferenceFault.cancelled }
          return nil
        }
        return piece
      } catch {
        throw InferenceFault(error)
      }
    }

    /// The next bytes, not empty; nil at the end.
    mutating func next() async throws(InferenceFault) -> [UInt8]? {
      while let piece = try await piece() {
        guard case .bytes(let bytes) = piece else { continue }
        held.bytes.withLock { $0 -= bytes.count }
        if !bytes.isEmpty { return bytes }
      }
      return nil
    }

    /// Everything, up to a limit in bytes.
    mutating func collect(limit: Int) async throws(InferenceFault) -> [UInt8] {
      var whole: [UInt8] = []
      while let bytes = try await next() {
        guard whole.count + bytes.count <= limit else { throw .runnerFailed("its answer is too long") }
        if whole.isEmpty { whole = bytes } else { whole += bytes }
      }
      return whole
    }
  }
}

extension InferenceFault {
  /// Why a runner could not be asked, in words that name no path of this machine.
  init(transport error: HTTPClientError) {
    switch error.kind {
    case .cancelled: self = .cancelled
    case .deadlineExceeded, .tooSlow: self = .timedOut
    case .connectFailed, .clientStopped: self = .overloaded(retryAfter: 2)
    case .truncated, .connectionLost: self = .runnerFailed("it broke off")
    case .responseTooLarge, .responseHeadersTooLarge: self = .runnerFailed("its answer is too long")
    case .malformedResponse: self = .runnerFailed("its answer is not HTTP")
    case .sink: self = .runnerFailed("its answer was read too slowly")
    default: self = .runnerFailed("it could not be asked")
    }
  }
}
