import JavaScript
import Testing

@Suite struct WorkerTests {
  private let program = HostMessage.program(Tool.body("return await Protocol.HTTP.get(1)").program)
  private func answer(_ call: Int, at: Int64 = 1_700_000_000_000, _ value: String = "1") -> HostMessage {
    .answer(MachineAnswer(call: call, isError: false, value: Array(value.utf8), at: at))
  }

  @Test func saysThatItIsReadyAndRuns() throws {
    let outcome = try WorkerProcess.run([program, answer(0)].flatMap(\.frame.encoded))
    #expect(outcome.status == 0)
    guard case .ready(let ready) = outcome.messages.first else { throw FrameFault.truncated }
    #expect(ready.engine == Machine.engine)
    #expect(ready.layers.contains { $0.name == "seccomp" })
    #expect(outcome.turns.last?.state == .finished([0x31]))
  }

  @Test func endsWithItsProgram() throws {
    let extra = [program, answer(0), answer(0)].flatMap(\.frame.encoded) + [9, 9, 9]
    #expect(try WorkerProcess.run(extra).status == 0)
    #expect(try WorkerProcess.run([]).status == 0)
    #expect(try WorkerProcess.run(program.frame.encoded).turns.map(\.state) == [.waiting])
  }

  @Test func refusesWhatNoHostSays() throws {
    let bad: [[UInt8]] = [
      answer(0).frame.encoded, [program, program].flatMap(\.frame.encoded),
      [program, answer(1)].flatMap(\.frame.encoded),
      [program, answer(0, at: 1)].flatMap(\.frame.encoded), Array(program.frame.encoded.dropLast()), [1, 2, 3],
      [0, 0, 0, 0, 1], [255, 255, 255, 255, 1], [0, 0, 0, 0, 77], WireTests.workerMessages[1].frame.encoded,
    ]
    for bytes in bad { #expect(try WorkerProcess.run(bytes).status == 2) }
  }

  @Test func reportsAProgramThatCannotBeLoaded() throws {
    var program = Tool.body("").program
    program.source = [0xFF]
    let outcome = try WorkerProcess.run(HostMessage.program(program).frame.encoded)
    #expect(outcome.turns.map(\.state) == [.failed(MachineFailure(.source, "the source is not UTF-8"))])
  }

  @Test func takesTheGreatestFrames() throws {
    let most = MachineLimits.maxValueBytes
    var tool = Tool.body(
      "const x = input.slice(0, 1_040_000); await Promise.all([Protocol.HTTP.get(x), Protocol.HTTP.get(x)]); return x")
    tool.source += String(repeating: " ", count: most - tool.source.utf8.count)
    tool.input = "\"" + String(repeating: "i", count: most - 2) + "\""
    let large = "\"" + String(repeating: "a", count: most - 2) + "\""
    let time = tool.startedAt
    let outcome = try WorkerProcess.run(
      [HostMessage.program(tool.program), answer(0, at: time, large), answer(1, at: time, large)].flatMap(
        \.frame.encoded))
    #expect(outcome.status == 0)
    #expect(outcome.turns.count == 3)
    if case .finished(let result) = outcome.turns.last?.state {
      #expect(result.count == 1_040_002)
    } else {
      Issue.record()
    }
  }
}
