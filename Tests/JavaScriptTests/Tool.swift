import JavaScript

/// Runs tools of a few lines to their end.
struct Tool {
  var source: String
  var input = "null"
  var context = #"{"community":"c","tool":"t","version":"1"}"#
  var seed = [UInt8](0..<32)
  var startedAt: Int64 = 1_700_000_000_000
  var limits = MachineLimits.standard

  init(_ source: String) { self.source = source }

  /// A tool whose function has this body.
  static func body(_ body: String) -> Tool { Tool("export default async function (input, context) {\n\(body)\n}") }

  func input(_ text: String) -> Tool { with { $0.input = text } }
  func fuel(_ fuel: Int64) -> Tool { with { $0.limits.fuel = fuel } }
  func memory(_ memory: Int) -> Tool { with { $0.limits.memory = memory } }
  func stack(_ stack: Int) -> Tool { with { $0.limits.stack = stack } }
  func calls(_ calls: Int) -> Tool { with { $0.limits.calls = calls } }
  func seed(_ seed: [UInt8]) -> Tool { with { $0.seed = seed } }

  private func with(_ change: (inout Tool) -> Void) -> Tool {
    var copy = self
    change(&copy)
    return copy
  }

  var program: MachineProgram {
    MachineProgram(
      source: Array(source.utf8), input: Array(input.utf8), context: Array(context.utf8), seed: seed,
      startedAt: startedAt, limits: limits)
  }

  /// What is told to the tool for a call.
  typealias Host = @Sendable (MachineCall) -> (isError: Bool, value: String)

  /// A host that tells a tool its own argument.
  static let echo: Host = { (false, String(decoding: $0.arguments, as: UTF8.self)) }

  /// Runs it; calls are answered in their order, one millisecond apart.
  func run(in prepared: Prepared = Prepared(), _ host: Host = echo) throws -> Run {
    let machine = try Machine(program, in: prepared)
    var run = Run()
    var open: [MachineCall] = []
    run.add(machine.start())
    while case .waiting = run.state {
      open += run.turns[run.turns.count - 1].calls
      let call = open.removeFirst()
      let (isError, value) = host(call)
      let at = startedAt + Int64(run.turns.count)
      run.add(machine.answer(MachineAnswer(call: call.number, isError: isError, value: Array(value.utf8), at: at)))
    }
    return run
  }
}

/// All turns of a run.
struct Run: Hashable {
  var turns: [MachineTurn] = []
  var state: MachineTurn.State { turns.last?.state ?? .waiting }
  var calls: [MachineCall] { turns.flatMap(\.calls) }
  var logs: [String] { turns.flatMap(\.logs) }
  var fuel: Int64 { turns.last?.fuel ?? 0 }

  mutating func add(_ turn: MachineTurn) { turns.append(turn) }

  /// JSON text.
  var result: String? {
    if case .finished(let bytes) = state { String(decoding: bytes, as: UTF8.self) } else { nil }
  }
  var failure: MachineFailure? { if case .failed(let failure) = state { failure } else { nil } }
  var kind: MachineFailure.Kind? { failure?.kind }
}

/// The JSON result of a function body, or its failure.
func evaluate(_ body: String, input: String = "null") throws -> String {
  let run = try Tool.body(body).input(input).run()
  return run.result ?? run.failure.map { "failed: \($0)" } ?? "waiting"
}
