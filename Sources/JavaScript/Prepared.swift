import CQuickJS

/// An engine with all its globals and no program: what can be done before a program comes. For one program.
public final class Prepared {
  let engine: OpaquePointer
  private let methods: [String]
  private var isLoaded = false

  /// An engine for a tool.
  public convenience init() { self.init(methods: ProtocolMethod.names) }

  /// - Parameter methods: what `Protocol` has; with none, there is no `Protocol` and no `console`.
  init(methods: [String]) {
    self.methods = methods
    let created = Text.with(Array(Prelude.source.utf8)) { prelude in
      CStrings.with(methods) { engine_create(prelude, $0, Int32(methods.count)) }
    }
    guard let created else { preconditionFailure("the prelude does not run") }
    engine = created
  }

  deinit { engine_destroy(engine) }

  var fuel: Int64 { engine_get_fuel(engine) }

  func load(_ limits: MachineLimits, seed: [UInt8]) {
    precondition(!isLoaded, "an engine is for one program")
    isLoaded = true
    var bounds = engine_limits(
      fuel: limits.fuel, memory: limits.memory, stack: limits.stack, calls: Int32(limits.calls),
      pending: Int32(MachineLimits.maxPendingCalls), value_bytes: MachineLimits.maxValueBytes,
      turn_bytes: MachineLimits.maxTurnBytes, log_bytes: MachineLimits.maxLogBytes)
    engine_load(engine, &bounds, seed)
  }

  func start(_ source: [UInt8], arguments: [[UInt8]], synchronous: Bool, at now: Int64) {
    Text.with(source) { source in
      Text.with(arguments[0]) { first in
        Text.with(arguments.count > 1 ? arguments[1] : []) { second in
          _ = engine_start(engine, source, [first, second], Int32(arguments.count), synchronous, now)
        }
      }
    }
  }

  /// The calls of the last turn.
  func calls() -> [MachineCall] {
    (0..<engine_get_call_count(engine)).map { index in
      let call = engine_get_call(engine, index)
      return MachineCall(
        number: Int(call.number), method: methods[Int(call.method)], arguments: Text.bytes(of: call.arguments))
    }
  }

  /// The output of the last turn.
  func logs() -> [String] {
    (0..<engine_get_log_count(engine)).map { index in
      String(decoding: Text.bytes(of: engine_get_log(engine, index)), as: UTF8.self)
    }
  }

  /// How the program ended; nil while it waits.
  func outcome() -> Result<[UInt8], MachineFailure>? {
    let text = Text.bytes(of: engine_get_outcome(engine))
    switch engine_get_state(engine) {
    case ENGINE_FINISHED: return .success(text)
    case ENGINE_FAILED:
      let kind = MachineFailure.Kind(engine_get_failure(engine))
      return .failure(MachineFailure(kind, text.isEmpty ? kind.sentence : Text.repaired(text)))
    default: return nil
    }
  }
}

extension MachineFailure.Kind {
  init(_ failure: engine_failure) {
    self =
      switch failure {
      case ENGINE_SOURCE: .source
      case ENGINE_FUEL: .fuel
      case ENGINE_MEMORY: .memory
      case ENGINE_STACK: .stack
      case ENGINE_CALLS: .calls
      case ENGINE_VALUE: .value
      case ENGINE_DEADLOCK: .deadlock
      default: .exception
      }
  }

  /// Said where the engine says nothing.
  var sentence: String {
    switch self {
    case .source: "the source is not a module that can be run"
    case .exception: "the program threw"
    case .fuel: "the program used up its fuel"
    case .memory: "the program needs more memory than its limit"
    case .stack: "the program calls itself too deep"
    case .calls: "more calls than the limit"
    case .value: "not a JSON value"
    case .deadlock: "the program awaits what can never come"
    }
  }
}
