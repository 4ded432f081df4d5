import Attestation
import Cryptography
import TrustedPlatform

/// What stands under a box and vouches for it: evidence, and where the platform has them a register of measured code and a
/// counter. What it lacks is part of it, with the reason, because the box says so to everybody.
struct Machine: Sendable {
  /// A part that not every platform has.
  enum Part<Component: Sendable>: Sendable {
    case present(Component)
    case absent(reason: String)

    var component: Component? { if case .present(let component) = self { component } else { nil } }
  }

  let collector: any EvidenceCollector
  let register: Part<any CodeRegister>
  let counter: Part<any MonotonicCounter>
  /// Asks for the name of the software that plays the machine; nil where, as far as it says itself, hardware does.
  let software: @Sendable () async throws -> String?
  /// The kind of evidence that shows the measured code: of a combination, that of one member. nil where none does.
  var measuringKind: EvidenceKind?

  init(
    collector: any EvidenceCollector, register: Part<any CodeRegister>, counter: Part<any MonotonicCounter>,
    software: @escaping @Sendable () async throws -> String? = { nil }
  ) {
    self.collector = collector
    self.register = register
    self.counter = counter
    self.software = software
    measuringKind = register.component == nil ? nil : collector.kind
  }

  /// Evidence made for 1 to 50 bytes, with the measured code that the register shows; without any where there is none.
  func evidence(binding: [UInt8], runtime: [RuntimeEvent]) async throws -> Evidence {
    try await collector.evidence(
      binding: binding, runtime: register.component == nil ? nil : try RuntimeLog(runtime))
  }
}

/// A register into which code is measured before its first use.
protocol CodeRegister: Sendable {
  /// As it is, in every bank that is held against the log.
  func value() async throws -> RegisterValue

  /// Extends it. There is no way back before the machine starts again.
  func extend(_ event: RuntimeEvent) async throws

  /// What it shows of these events after a start of the machine.
  func replay(_ events: [RuntimeEvent]) async throws -> RegisterValue
}

/// What a register holds, in each of its banks.
struct RegisterValue: Sendable, Hashable, CustomStringConvertible {
  var banks: [BankAlgorithm: [UInt8]]

  var description: String {
    banks.sorted { $0.key.identifier < $1.key.identifier }.map { "\($0.key.rawValue) \(Hex.encode($0.value))" }
      .joined(separator: ", ")
  }
}

/// A number that never goes back, whatever is done to the disk.
protocol MonotonicCounter: Sendable {
  /// Its value; made at the first use.
  func count() async throws -> Int64

  /// Counts one up and returns the new value.
  func increment() async throws -> Int64
}

/// Why a box that ought to vouch for itself does not serve.
enum MachineFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The log says that the machine vouches, and the configuration names none.
  case absent
  /// The log says that code was measured, and this machine has nowhere to measure it.
  case unmeasurable(reason: String)
  /// The register holds something that the log does not explain.
  case register(expected: RegisterValue, actual: RegisterValue)
  /// The machine has counted further than this log: the directory is an older copy.
  case rolledBack(counter: Int64, log: Int64)
  /// The machine has counted less than this log: it is another machine, or its counter was made anew.
  case otherMachine(counter: Int64?, log: Int64)

  var description: String {
    switch self {
    case .absent:
      "this log was kept on a machine that vouched for it, and box.json names none: restore its \"attestation\""
    case .unmeasurable(let reason):
      "this log was kept on a machine into whose register its code was measured, and this machine has none: \(reason)"
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
