import JavaScript
import Testing

@Suite struct WireTests {
  static let turn = MachineTurn(
    state: .waiting,
    calls: [
      MachineCall(number: 3, method: "HTTP.get", arguments: Array(#"{"a":1}"#.utf8)),
      MachineCall(number: 4, method: "Workflow.sleep", arguments: Array("null".utf8)),
    ], logs: ["a", "", "é"], fuel: 7)
  static let workerMessages: [WorkerMessage] = [
    .ready(
      WorkerReady(engine: Machine.engine, layers: [.init(name: "seccomp", error: 0), .init(name: "x", error: 38)])),
    .turn(turn),
    .turn(MachineTurn(state: .finished(Array("1".utf8)), calls: [], logs: [], fuel: 0)),
    .turn(MachineTurn(state: .failed(MachineFailure(.deadlock, "é")), calls: [], logs: [], fuel: 1_000_000)),
  ]
  static let hostMessages: [HostMessage] = [
    .program(Tool.body("return 1").program),
    .answer(MachineAnswer(call: 9999, isError: true, value: Array("{}".utf8), at: 8_640_000_000_000_000)),
  ]

  @Test(arguments: workerMessages)
  func workerMessagesComeBack(_ message: WorkerMessage) throws {
    #expect(try WorkerMessage(message.frame) == message)
    #expect(throws: FrameFault.self) { try HostMessage(message.frame) }
  }

  @Test(arguments: hostMessages)
  func hostMessagesComeBack(_ message: HostMessage) throws {
    #expect(try HostMessage(message.frame) == message)
    #expect(throws: FrameFault.self) { try WorkerMessage(message.frame) }
  }

  /// Every prefix and every longer text is refused; so is whatever decodes to a message that is written otherwise.
  @Test func nothingButTheWholeIsAccepted() throws {
    for frame in Self.workerMessages.map(\.frame) + Self.hostMessages.map(\.frame) {
      for length in 0..<frame.payload.count {
        #expect(throws: FrameFault.self) { try decode(Frame(frame.kind, Array(frame.payload[..<length]))) }
      }
      #expect(throws: FrameFault.trailingBytes(1)) { try decode(Frame(frame.kind, frame.payload + [0])) }
    }
  }

  private func decode(_ frame: Frame) throws -> Frame {
    switch frame.kind {
    case .ready, .turn: try WorkerMessage(frame).frame
    case .program, .answer: try HostMessage(frame).frame
    }
  }

  @Test func mutatedFramesAreRefusedOrTheSame() {
    var generator = SplitMix(state: 1)
    let frames = Self.workerMessages.map(\.frame) + Self.hostMessages.map(\.frame)
    var refused = 0
    for _ in 0..<50_000 {
      var frame = frames[Int(generator.next() % UInt64(frames.count))]
      for _ in 0...(generator.next() % 3) where !frame.payload.isEmpty {
        let place = Int(generator.next() % UInt64(frame.payload.count))
        switch generator.next() % 4 {
        case 0: frame.payload[place] = UInt8(truncatingIfNeeded: generator.next())
        case 1: frame.payload.remove(at: place)
        case 2: frame.payload.insert(UInt8(truncatingIfNeeded: generator.next() % 3), at: place)
        default: frame.payload[place] ^= 1 << (generator.next() % 8)
        }
      }
      if generator.next() % 50 == 0 { frame.kind = Frame.Kind.allCases[Int(generator.next() % 4)] }
      do {
        #expect(try decode(frame) == frame)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 10_000)
  }

  @Test func aStreamMayComeInPieces() throws {
    let frames = Self.workerMessages.map(\.frame)
    let bytes = frames.flatMap(\.encoded)
    for step in [1, 2, 3, 7, bytes.count] {
      var reader = FrameReader()
      var read: [Frame] = []
      for start in stride(from: 0, to: bytes.count, by: step) {
        reader.append(bytes[start..<min(start + step, bytes.count)])
        while let frame = try reader.next() { read.append(frame) }
      }
      #expect(read == frames)
      #expect(reader.isEmpty)
    }
  }

  @Test func aBadHeaderIsRefusedAtOnce() {
    for (header, fault) in [
      ([0, 0, 0, 0, 4] as [UInt8], FrameFault.unknownKind(4)),
      ([1, 0, 0x41, 0, 3], .tooLong(bytes: Frame.maxPayloadBytes + 1)),
      ([255, 255, 255, 255, 0], .tooLong(bytes: 0xFFFF_FFFF)),
    ] {
      var reader = FrameReader()
      reader.append(header)
      #expect(throws: fault) { try reader.next() }
    }
  }

  @Test func limitsOfATurnAreHeld() throws {
    var turn = Self.turn
    turn.calls[1].number = 5
    #expect(throws: FrameFault.badField("number")) { try decode(WorkerMessage.turn(turn).frame) }
    turn = Self.turn
    turn.calls[0].method = "HTTP.request"
    #expect(throws: FrameFault.badField("method")) { try decode(WorkerMessage.turn(turn).frame) }
    turn.calls = (0..<257).map { MachineCall(number: $0, method: "HTTP.get", arguments: []) }
    #expect(throws: FrameFault.badField("calls")) { try decode(WorkerMessage.turn(turn).frame) }
    let large = [UInt8](repeating: 0x20, count: 1 << 20)
    turn.calls = (0..<3).map { MachineCall(number: $0, method: "HTTP.get", arguments: large) }
    #expect(throws: FrameFault.badField("arguments")) { try decode(WorkerMessage.turn(turn).frame) }
    turn = Self.turn
    turn.logs = [String](repeating: "x", count: 4000)
    #expect(throws: FrameFault.badField("logs")) { try decode(WorkerMessage.turn(turn).frame) }
    turn = Self.turn
    turn.state = .failed(MachineFailure(.value, String(repeating: "x", count: 4097)))
    #expect(throws: FrameFault.badField("message")) { try decode(WorkerMessage.turn(turn).frame) }
    turn.state = .finished(large + [0])
    #expect(throws: FrameFault.badField("result")) { try decode(WorkerMessage.turn(turn).frame) }
  }

  @Test func limitsOfAProgramAreHeld() throws {
    for change in [
      { $0.limits.fuel = 0 }, { $0.limits.fuel = 1_000_001 }, { $0.limits.memory = 1 << 10 },
      { $0.limits.stack = 8 << 20 }, { $0.limits.calls = -1 }, { $0.seed = [] }, { $0.startedAt = -1 },
      { $0.source = [UInt8](repeating: 0, count: (1 << 20) + 1) },
    ] as [(inout MachineProgram) -> Void] {
      var program = Tool.body("").program
      change(&program)
      #expect(throws: FrameFault.self) { try decode(HostMessage.program(program).frame) }
    }
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
