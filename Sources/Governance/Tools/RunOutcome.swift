import CanonicalJSON
import Cryptography

/// How a run ended. Payloads are named by their salted digests (``RunSalt``).
public enum RunOutcome: Sendable, Hashable {
  case result(SHA256Digest)
  case failure(RunFailureKind, message: SHA256Digest)

  /// As the execution hash has it: a failure counts by its kind, because what a message says may differ from machine to
  /// machine.
  var hashed: JSON {
    switch self {
    case .result(let digest): ["result": .string(digest.hex)]
    case .failure(let kind, _): ["failure": .string(kind.rawValue)]
    }
  }
}

/// Why a run came to no result.
public enum RunFailureKind: String, Sendable, Hashable, CaseIterable {
  // What the program does to itself: the same wherever it is run again.
  case source, exception, fuel, memory, stack, calls, value, deadlock
  // What happened to this run here.
  /// Computed for longer than the manifest allows, by the wall clock.
  case timeout
  /// The worker died or broke the protocol.
  case worker
  case cancelled
  /// Replaying its journal, it did something else than before.
  case divergence
  /// What the manifest demands of the isolation could not be had any more.
  case isolation
  /// The box would not go on with it.
  case refused

  /// Whether another machine that replays the run must come to the same failure.
  public var isReplayable: Bool {
    switch self {
    case .source, .exception, .fuel, .memory, .stack, .calls, .value, .deadlock: true
    case .timeout, .worker, .cancelled, .divergence, .isolation, .refused: false
    }
  }
}
