/// Bounds of one run. All of them are deterministic: the same program ends at the same place on every machine.
public struct MachineLimits: Sendable, Hashable {
  /// Interrupt polls of the engine, in units of 10,000.
  public var fuel: Int64
  /// Bytes that the engine may have allocated at one time.
  public var memory: Int
  /// Bytes of native stack.
  public var stack: Int
  /// Host calls in the whole run.
  public var calls: Int

  public static let standard = MachineLimits(fuel: 10_000, memory: 64 << 20, stack: 256 << 10, calls: 1000)
  /// For the code of policies.
  public static let policy = MachineLimits(fuel: 100, memory: 16 << 20, stack: 128 << 10, calls: 0)

  /// Bytes of one source, one input, one argument, one answer, one result.
  public static let maxValueBytes = 1 << 20
  /// Host calls that may wait for an answer at one time.
  public static let maxPendingCalls = 256
  /// Bytes of `console` output in the whole run; what goes beyond is dropped.
  public static let maxLogBytes = 64 << 10
  /// What a line of output counts beside its text, so that empty lines are not for nothing.
  public static let logLineBytes = 16
  /// Bytes of the arguments of all calls that are made in one turn.
  public static let maxTurnBytes = 2 << 20

  public static let fuelRange: ClosedRange<Int64> = 1...1_000_000
  public static let memoryRange = (1 << 20)...(256 << 20)
  public static let stackRange = (32 << 10)...(1 << 20)
  public static let callsRange = 0...10_000
  /// Unix milliseconds that the virtual clock can show: what `Date` can hold, from 1970.
  public static let timeRange: ClosedRange<Int64> = 0...8_640_000_000_000_000
  public var isWithinBounds: Bool {
    Self.fuelRange.contains(fuel) && Self.memoryRange.contains(memory) && Self.stackRange.contains(stack)
      && Self.callsRange.contains(calls)
  }

  public init(fuel: Int64, memory: Int, stack: Int, calls: Int) {
    self.fuel = fuel
    self.memory = memory
    self.stack = stack
    self.calls = calls
  }
}

/// Everything that fixes a run but the answers of the host.
public struct MachineProgram: Sendable, Hashable {
  /// An ES module with `export default async function (input, context)`, UTF-8.
  public var source: [UInt8]
  /// JSON text.
  public var input: [UInt8]
  /// JSON text of an object; the tool gets it frozen.
  public var context: [UInt8]
  /// 32 bytes, for `Math.random` and nothing else.
  public var seed: [UInt8]
  /// Unix milliseconds: what the virtual clock shows until the first answer.
  public var startedAt: Int64
  public var limits: MachineLimits

  public init(
    source: [UInt8], input: [UInt8], context: [UInt8], seed: [UInt8], startedAt: Int64, limits: MachineLimits
  ) {
    self.source = source
    self.input = input
    self.context = context
    self.seed = seed
    self.startedAt = startedAt
    self.limits = limits
  }
}

/// A call of the tool on `Protocol.*`.
public struct MachineCall: Sendable, Hashable {
  /// 0 for the run's first call, then one more each: the order in which the tool made them.
  public var number: Int
  /// As in `HTTP.get`.
  public var method: String
  /// JSON text of the one argument; `null` where the tool gave none.
  public var arguments: [UInt8]

  public init(number: Int, method: String, arguments: [UInt8]) {
    self.number = number
    self.method = method
    self.arguments = arguments
  }
}

/// The host's answer to a call. Answers are delivered one at a time, each when the tool can do nothing more without one.
public struct MachineAnswer: Sendable, Hashable {
  /// The number of the call.
  public var call: Int
  /// Whether the promise is rejected. Then `value` is `{"code":TEXT,"message":TEXT,...}`.
  public var isError: Bool
  /// JSON text.
  public var value: [UInt8]
  /// Unix milliseconds: what the virtual clock shows from now on. Never less than before.
  public var at: Int64

  public init(call: Int, isError: Bool, value: [UInt8], at: Int64) {
    self.call = call
    self.isError = isError
    self.value = value
    self.at = at
  }
}

/// What a tool did since it was started or was last answered.
public struct MachineTurn: Sendable, Hashable {
  public enum State: Sendable, Hashable {
    /// It awaits an answer to one of its calls.
    case waiting
    /// The function's promise is fulfilled; JSON text (`null` for undefined).
    case finished([UInt8])
    case failed(MachineFailure)
  }

  public var state: State
  /// Calls made in this turn, in order.
  public var calls: [MachineCall]
  /// Lines that the tool wrote with `console`. No part of the outcome.
  public var logs: [String]
  /// Fuel used since the start of the run.
  public var fuel: Int64

  public init(state: State, calls: [MachineCall], logs: [String], fuel: Int64) {
    self.state = state
    self.calls = calls
    self.logs = logs
    self.fuel = fuel
  }
}

/// Why a tool came to no result. Deterministic, as everything in this room.
public struct MachineFailure: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// The source is not a module that can be run.
    case source
    /// The tool threw, or its promise was rejected.
    case exception
    case fuel
    case memory
    case stack
    /// More calls than the limit.
    case calls
    /// A result or an argument that is no JSON value, or too large.
    case value
    /// It awaits something that can never come.
    case deadlock
  }

  public static let maxMessageBytes = 4 << 10

  public var kind: Kind
  /// At most 4 KiB; holds what the tool put there.
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { "\(kind.rawValue): \(message)" }
}
