import CanonicalJSON
import Governance
import JavaScript
import Sandbox

/// A tool brought to where its journal ends.
struct Rebuilt {
  var turn: MachineTurn
  /// Calls that the tool has made and nobody has answered, by number, with the tool's clock when it made them.
  var open: [Int: (call: MachineCall, at: Int64)]
  /// What the tool wrote on the way; watchers have seen it before.
  var logs: [String] = []
}

/// Runs a program against a journal: every call is held against the recorded one, and gets the recorded answer. The
/// same steps serve a run that was evicted or cut off, and whoever doubts a receipt.
enum Rebuild {
  static func run(
    _ session: any SandboxSession, identity: RunIdentity, journal: [JournalLine]
  ) async throws -> Rebuilt {
    var turn = try await session.begin()
    var rebuilt = Rebuilt(turn: turn, open: [:])
    note(turn, at: identity.startedAt, in: &rebuilt)
    for (index, line) in journal.enumerated() {
      guard case .waiting = turn.state else {
        throw RunDivergence(index: index, expected: "\(line.called.method)", actual: Self.text(turn.state))
      }
      guard let call = rebuilt.open.removeValue(forKey: Int(line.called.call))?.call else {
        throw RunDivergence(
          index: index, expected: "call \(line.called.call) of \(line.called.method)", actual: "no such call yet")
      }
      guard call.method == line.called.method else {
        throw RunDivergence(index: index, expected: line.called.method, actual: call.method)
      }
      let arguments = try Self.json(call.arguments)
      let digest = identity.digest(arguments)
      guard digest == line.called.arguments else {
        throw RunDivergence(
          index: index, expected: "\(call.method) with arguments \(line.called.arguments)", actual: "\(digest)")
      }
      turn = try await session.answer(line.answer)
      note(turn, at: line.at, in: &rebuilt)
    }
    rebuilt.turn = turn
    return rebuilt
  }

  private static func note(_ turn: MachineTurn, at: Int64, in rebuilt: inout Rebuilt) {
    for call in turn.calls { rebuilt.open[call.number] = (call, at) }
    rebuilt.logs += turn.logs
  }

  /// What the engine wrote, as a value. The engine bounds its size.
  static func json(_ text: [UInt8]) throws -> JSON {
    try JSON(parsing: text, limits: limits)
  }

  static let limits = JSONLimits(maxBytes: MachineLimits.maxValueBytes, allowsNoncharacters: true)

  static func text(_ state: MachineTurn.State) -> String {
    switch state {
    case .waiting: "the tool waits"
    case .finished: "the end of the run"
    case .failed(let failure): "the end of the run with \(failure.kind.rawValue)"
    }
  }
}
