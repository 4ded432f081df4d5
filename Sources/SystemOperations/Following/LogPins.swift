import Cryptography
import TransparencyLog

/// What the privileged process knows of its box without being told by anybody over the socket.
public struct LogPins: Sendable {
  /// The box's name and the keys with which its checkpoints are signed: all of them must sign.
  public let log: LogKeys
  /// Leaf hash of entry 0, which holds the first constitution.
  public let genesis: SHA256Digest
  /// Whose cosignatures a checkpoint needs; nil: nobody's.
  public let witnesses: WitnessPolicy?
  /// How far in the future (milliseconds) an entry may lie by the local clock.
  public let tolerance: Int64
  /// How long after its `execution.started` (milliseconds) an operation may begin.
  public let recency: Int64
  /// The most bytes that the copy of the log may have.
  public let maxLogBytes: Int

  public init(
    log: LogKeys, genesis: SHA256Digest, witnesses: WitnessPolicy?, tolerance: Int64, recency: Int64, maxLogBytes: Int
  ) {
    self.log = log
    self.genesis = genesis
    self.witnesses = witnesses
    self.tolerance = tolerance
    self.recency = recency
    self.maxLogBytes = maxLogBytes
  }
}
