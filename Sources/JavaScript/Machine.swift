import CQuickJS
import CanonicalJSON

/// A program and the engine in which it runs, turn by turn.
///
/// It is a deterministic machine: the same program and the same answers in the same order give the same turns, on every
/// machine and in every build. One thread at a time. All that it holds is given back when it goes.
public final class Machine {
  /// The engine that decides what a program means, as in `quickjs-ng 0.17.0`.
  public static let engine = "quickjs-ng \(String(cString: engine_version()))"

  private let prepared: Prepared
  private let program: MachineProgram
  private var isOver = false
  private var logBytes = 0

  /// Takes an engine and puts the program in force.
  ///
  /// - Parameter prepared: an engine made before the program was known; the outcome is the same without one.
  /// - Throws: `source`, `value` for a program that is larger than may be or is not text.
  public init(_ program: MachineProgram, in prepared: Prepared = Prepared()) throws(MachineFailure) {
    try program.check()
    self.prepared = prepared
    self.program = program
    prepared.load(program.limits, seed: program.seed)
  }

  /// Runs until the program can do nothing more without an answer. Once.
  public func start() -> MachineTurn {
    precondition(engine_get_state(prepared.engine) == ENGINE_RUNNING && !isOver, "a machine starts once")
    let arguments = [program.input, program.context]
    prepared.start(program.source, arguments: arguments, synchronous: false, at: program.startedAt)
    return turn()
  }

  /// Delivers the answer to a call that has none yet, and runs on.
  public func answer(_ answer: MachineAnswer) -> MachineTurn {
    precondition(!isOver, "the program is over")
    precondition(isOpen(answer.call), "call \(answer.call) is not open")
    precondition(answer.value.count <= MachineLimits.maxValueBytes, "the answer is too large")
    let accepted = Text.with(answer.value) { value in
      engine_answer(prepared.engine, Int32(answer.call), answer.isError, value, answer.at)
    }
    precondition(accepted, "the answer is not JSON, or earlier than one before")
    return turn()
  }

  /// Whether the program made this call and has no answer to it.
  public func isOpen(_ call: Int) -> Bool {
    guard let number = Int32(exactly: call) else { return false }
    return engine_is_open(prepared.engine, number)
  }

  private func turn() -> MachineTurn {
    var turn = MachineTurn(state: .waiting, calls: [], logs: [], fuel: prepared.fuel)
    for line in prepared.logs() {
      logBytes += line.utf8.count + MachineLimits.logLineBytes
      if logBytes <= MachineLimits.maxLogBytes { turn.logs.append(line) }
    }
    for call in prepared.calls() {
      if let fault = call.arguments.valueFault {
        turn.state = .failed(MachineFailure(.value, "an argument of \(call.method) is no JSON value: \(fault)"))
        isOver = true
        return turn
      }
      turn.calls.append(call)
    }
    switch prepared.outcome() {
    case nil: break
    case .success(let result):
      isOver = true
      if let fault = result.valueFault {
        turn.state = .failed(MachineFailure(.value, "the result is no JSON value: \(fault)"))
      } else {
        turn.state = .finished(result)
      }
    case .failure(let failure):
      isOver = true
      turn.state = .failed(failure)
    }
    return turn
  }
}

extension [UInt8] {
  /// Why the text is nothing that a journal can hold: a lone surrogate, or nested too deep.
  fileprivate var valueFault: String? {
    do {
      _ = try JSON(parsing: self, limits: .document(maxBytes: MachineLimits.maxValueBytes))
      return nil
    } catch {
      return "\(error)"
    }
  }
}

extension MachineProgram {
  /// Throws what a machine would fail with before it starts: a text that is too large or is none.
  public func check() throws(MachineFailure) {
    precondition(seed.count == 32, "a seed is 32 bytes")
    precondition(limits.isWithinBounds, "the limits are not within bounds")
    for (name, text, kind) in [
      ("source", source, MachineFailure.Kind.source), ("input", input, .value), ("context", context, .value),
    ] {
      guard text.count <= MachineLimits.maxValueBytes else { throw MachineFailure(kind, "the \(name) is too large") }
      guard String(validating: text, as: UTF8.self) != nil else {
        throw MachineFailure(kind, "the \(name) is not UTF-8")
      }
    }
  }
}
