/// Consecutive entries that go out together.
public struct ExportBatch: Sendable {
  /// In order, at least one, without gaps.
  public let events: [AuditEvent]
  /// The signed note of the first checkpoint that covers the last of them.
  public let checkpoint: [UInt8]
  /// Index of the first.
  public let first: UInt64
  /// Index of the last.
  public let last: UInt64
  /// The box's name.
  public let box: String

  /// Nil for no events.
  public init?(events: [AuditEvent], checkpoint: [UInt8]) {
    guard let head = events.first, let tail = events.last else { return nil }
    (self.events, self.checkpoint) = (events, checkpoint)
    (first, last, box) = (head.index, tail.index, head.box)
  }

  /// `box first-last`, for headers and messages.
  var range: String { "\(first)-\(last)" }
}

/// Somewhere that batches go.
public protocol ExportSink: Sendable {
  /// Where that is, for people: never with a credential.
  var destination: String { get }

  /// Returns when the receiver has the batch for good, as far as its protocol can say. A batch may come a second time after
  /// a fault or a crash. Must end by itself: within a time limit of its own for everything that is not a local disk.
  func deliver(_ batch: ExportBatch) async throws(ExportFault)

  /// Lets go of connections and files. `deliver` may be called again.
  func close() async
}
