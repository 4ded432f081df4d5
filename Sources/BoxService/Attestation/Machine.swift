import Attestation

/// What stands under a box and vouches for it: makes evidence, holds the register of measured code, and counts.
protocol Machine: Sendable {
  /// The name of the software that plays the machine; nil where, as far as it says itself, hardware does.
  func software() async throws -> String?

  /// Evidence made for 1 to 64 bytes, with the measured code that its register shows.
  func evidence(binding: [UInt8], runtime: [RuntimeEvent]) async throws -> Evidence

  /// The register of measured code, as it is.
  func register() async throws -> [UInt8]

  /// Extends the register. There is no way back before the machine starts again.
  func extend(_ event: RuntimeEvent) async throws

  /// What the register shows of these events after a start of the machine.
  func replay(_ events: [RuntimeEvent]) throws -> [UInt8]

  /// A counter that never goes back, made at the first use; nil where the machine has none.
  func counter() async throws -> Int64?

  /// Counts one up and returns the new value.
  func incrementCounter() async throws -> Int64
}

/// Why a box that ought to vouch for itself does not serve.
enum MachineFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The log says that the machine vouches, and the configuration names none.
  case absent
  /// The register holds something that the log does not explain.
  case register(expected: String, actual: String)
  /// The machine has counted further than this log: the directory is an older copy.
  case rolledBack(counter: Int64, log: Int64)
  /// The machine has counted less than this log: it is another machine, or its counter was made anew.
  case otherMachine(counter: Int64?, log: Int64)

  var description: String {
    switch self {
    case .absent:
      "this log was kept on a machine that vouched for it, and box.json names none: restore its \"attestation\""
    case .register(let expected, let actual):
      "the machine's register of measured code holds \(actual), and the log explains \(expected): "
        + "something else was measured since the machine started"
    case .rolledBack(let counter, let log):
      "the machine's counter stands at \(counter) and this log ends at \(log): the data directory is an older copy"
    case .otherMachine(let counter, let log):
      "this log was kept up to count \(log), and this machine's counter stands at \(counter.map { "\($0)" } ?? "nothing"): "
        + "it is another machine, or its counter was deleted"
    }
  }
}
