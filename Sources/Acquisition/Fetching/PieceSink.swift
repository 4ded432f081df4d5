import HTTPClient
import Models
import Synchronization

/// Takes one answer in: holds its head against what was asked for, and puts its bytes where they belong. It runs on the
/// client's thread. Nothing that an answer says makes it write before the piece's first byte or behind its last one.
final class PieceSink: Sendable {
  /// Why the transfer was stopped from here.
  enum Stop: Error {
    case source(SourceFault)
    case storage(SystemCallFault)
  }

  private struct State {
    var offset: Int
    var end: Int
    var stop: Stop?
    var isClosed = false
  }

  private let piece: TransferPlan.Piece
  private let file: PartialFile
  private let opened: @Sendable (_ asWhole: Bool) -> Void
  private let reached: @Sendable (AcquisitionStep) -> Void
  private let state: Mutex<State>

  /// - Parameter opened: Called once when a request for a range was answered, with or without that range.
  init(
    _ piece: TransferPlan.Piece, of file: PartialFile, opened: @escaping @Sendable (_ asWhole: Bool) -> Void,
    reached: @escaping @Sendable (AcquisitionStep) -> Void
  ) {
    self.piece = piece
    self.file = file
    self.opened = opened
    self.reached = reached
    state = Mutex(State(offset: piece.range.lowerBound, end: piece.range.upperBound))
  }

  var sink: HTTPClientSink {
    HTTPClientSink(head: { try self.head($0, $1) }, bytes: { try self.bytes($0) })
  }

  /// Bytes of the piece that are on the disk.
  var received: Int { state.withLock { $0.offset - piece.range.lowerBound } }

  /// Takes nothing more in, and says why it stopped, nil when it did not.
  func close() -> Stop? {
    state.withLock { state in
      state.isClosed = true
      return state.stop
    }
  }

  /// What is missing at the end of an answer that broke no rule.
  func shortfall() -> SourceFault? {
    state.withLock { state in
      state.offset < state.end
        ? .truncated(expected: state.end - piece.range.lowerBound, actual: state.offset - piece.range.lowerBound) : nil
    }
  }

  private func head(_ status: Int, _ headers: [HTTPClientHeader]) throws {
    let isWhole = status == 200
    do throws(SourceFault) {
      try AnswerHead(status: status, headers: headers).check(against: piece, size: file.size)
    } catch {
      state.withLock { $0.stop = $0.stop ?? .source(error) }
      throw Stop.source(error)
    }
    guard piece.isRanged else { return }
    if isWhole { state.withLock { $0.end = file.size } }
    opened(isWhole)
  }

  private func bytes(_ bytes: UnsafeRawBufferPointer) throws {
    // The lock is held while writing: after `close` nothing is written any more, whatever libcurl still has.
    try state.withLock { state in
      if let stop = state.stop { throw stop }
      guard !state.isClosed else { throw Stop.source(.transport(.cancelled)) }
      let fitting = UnsafeRawBufferPointer(rebasing: bytes.prefix(state.end - state.offset))
      do throws(SystemCallFault) {
        try file.write(fitting, at: state.offset)
        state.offset += fitting.count
        reached(.bytesArrived)
      } catch {
        state.stop = .storage(error)
        throw Stop.storage(error)
      }
      if fitting.count < bytes.count {
        let stop = Stop.source(.tooManyBytes(expected: state.end - piece.range.lowerBound))
        state.stop = stop
        throw stop
      }
    }
  }
}
