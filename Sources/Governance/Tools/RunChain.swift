import CanonicalJSON
import Cryptography

/// The digest chain of the answers that were delivered to a run, in their order (docs/formats.md section 13). Whoever
/// changes, drops, adds or reorders one of them gets another digest.
public struct RunChain: Sendable, Hashable {
  /// The digest after ``count`` answers.
  public private(set) var digest = RunChain.start
  public private(set) var count: Int64 = 0

  /// The digest before the first answer: SHA-256 of JCS `{"run":"safebox/run/v1"}`.
  public static let start = SHA256Digest.of(["run": "safebox/run/v1"])

  /// No answer yet.
  public init() {}

  /// Adds the answer that a `run.called` entry records at `at` (Unix milliseconds).
  public mutating func add(_ answer: RunCalled, at: Int64) {
    digest = .of([
      "arguments": .string(answer.arguments.hex), "at": .integer(at), "call": .integer(answer.call),
      "method": .string(answer.method), "ok": .bool(answer.isOK), "previous": .string(digest.hex),
      "result": .string(answer.result.hex),
    ])
    count += 1
  }

  /// The chain after one more answer.
  public func adding(_ answer: RunCalled, at: Int64) -> RunChain {
    var chain = self
    chain.add(answer, at: at)
    return chain
  }
}
