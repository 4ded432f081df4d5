import JavaScript

/// What a hostile worker, or a hostile host, sends over the stream between them.
enum WorkerTargets {
  private static let program = MachineProgram(
    source: Array("export default () => 1".utf8), input: Array("null".utf8), context: Array("{}".utf8),
    seed: [UInt8](0..<32), startedAt: 1, limits: .standard)
  private static let turn = MachineTurn(
    state: .failed(MachineFailure(.value, "x")),
    calls: [
      MachineCall(number: 1, method: "HTTP.get", arguments: Array("{}".utf8)),
      MachineCall(number: 2, method: "SMS.send", arguments: Array("null".utf8)),
    ], logs: ["a", "b"], fuel: 9)

  static let frames = FuzzTarget(
    name: "worker.frames", shape: .binary,
    seeds: [
      HostMessage.program(program).frame.encoded,
      HostMessage.answer(MachineAnswer(call: 1, isError: true, value: Array("{}".utf8), at: 2)).frame.encoded,
      WorkerMessage.ready(WorkerReady(engine: "e", layers: [.init(name: "l", error: 1)])).frame.encoded,
      WorkerMessage.turn(turn).frame.encoded,
      WorkerMessage.turn(MachineTurn(state: .finished([0x31]), calls: [], logs: [], fuel: 0)).frame.encoded,
    ],
    tokens: ProtocolMethod.names
  ) { input throws(FuzzTarget.Violation) in
    var reader = FrameReader()
    reader.append(input)
    var label = ""
    var second: Frame.Kind?
    while true {
      do throws(FrameFault) {
        guard let frame = try reader.next() else { return label + (reader.isEmpty ? "end" : "open") }
        second = try written(frame) == frame ? nil : frame.kind
        label += "\(frame.kind) "
      } catch {
        return label + kind(error)
      }
      if let second { throw FuzzTarget.Violation("a second form of a \(second)") }
    }
  }

  /// What a frame says, written again.
  private static func written(_ frame: Frame) throws(FrameFault) -> Frame {
    switch frame.kind {
    case .program, .answer: try HostMessage(frame).frame
    case .ready, .turn: try WorkerMessage(frame).frame
    }
  }

  /// The fault without its numbers.
  private static func kind(_ fault: FrameFault) -> String {
    switch fault {
    case .unknownKind: "unknown kind"
    case .tooLong: "too long"
    case .unexpected: "unexpected"
    case .truncated: "truncated"
    case .trailingBytes: "trailing bytes"
    case .badField(let name): name
    }
  }
}
