/// What a worker says to the host.
public enum WorkerMessage: Sendable, Hashable {
  case ready(WorkerReady)
  case turn(MachineTurn)

  public var frame: Frame {
    var fields = FieldWriter()
    switch self {
    case .ready(let ready):
      fields.text(ready.engine)
      fields.count(ready.layers.count)
      for layer in ready.layers {
        fields.text(layer.name)
        fields.count(layer.error)
      }
      return Frame(.ready, fields.bytes)
    case .turn(let turn):
      switch turn.state {
      case .waiting: fields.byte(0)
      case .finished(let result):
        fields.byte(1)
        fields.data(result)
      case .failed(let failure):
        fields.byte(2)
        fields.byte(failure.kind.wireValue)
        fields.text(failure.message)
      }
      fields.integer(turn.fuel)
      fields.count(turn.calls.count)
      for call in turn.calls {
        fields.count(call.number)
        fields.text(call.method)
        fields.data(call.arguments)
      }
      fields.count(turn.logs.count)
      for line in turn.logs { fields.text(line) }
      return Frame(.turn, fields.bytes)
    }
  }

  /// Refuses whatever ``frame`` would not have written. That texts are JSON is left to who uses them.
  public init(_ frame: Frame) throws(FrameFault) {
    var fields = FieldReader(frame.payload)
    switch frame.kind {
    case .ready:
      let engine = try fields.text("engine", max: 64)
      var layers: [WorkerReady.Layer] = []
      for _ in 0..<(try fields.count("layers", max: 64)) {
        let name = try fields.text("layer", max: 64)
        layers.append(WorkerReady.Layer(name: name, error: try fields.count("error", max: 4095)))
      }
      self = .ready(WorkerReady(engine: engine, layers: layers))
    case .turn: self = .turn(try Self.turn(&fields))
    case .program, .answer: throw .unexpected(frame.kind)
    }
    try fields.finish()
  }

  private static func turn(_ fields: inout FieldReader) throws(FrameFault) -> MachineTurn {
    let state: MachineTurn.State
    switch try fields.byte() {
    case 0: state = .waiting
    case 1: state = .finished(try fields.data("result", max: MachineLimits.maxValueBytes))
    case 2:
      guard let kind = MachineFailure.Kind(wireValue: try fields.byte()) else { throw .badField("kind") }
      state = .failed(MachineFailure(kind, try fields.text("message", max: MachineFailure.maxMessageBytes)))
    default: throw .badField("state")
    }
    let fuel = try fields.integer("fuel", in: 0...MachineLimits.fuelRange.upperBound)
    var calls: [MachineCall] = []
    var bytes = 0
    for _ in 0..<(try fields.count("calls", max: MachineLimits.maxPendingCalls)) {
      let number = try fields.count("number", max: MachineLimits.callsRange.upperBound - 1)
      if let last = calls.last, number != last.number + 1 { throw .badField("number") }
      let method = try fields.text("method", max: 64)
      guard ProtocolMethod.names.contains(method) else { throw .badField("method") }
      let arguments = try fields.data("arguments", max: MachineLimits.maxValueBytes)
      bytes += arguments.count
      calls.append(MachineCall(number: number, method: method, arguments: arguments))
    }
    guard bytes <= MachineLimits.maxTurnBytes else { throw .badField("arguments") }
    var logs: [String] = []
    bytes = 0
    for _ in 0..<(try fields.count("logs", max: MachineLimits.maxLogBytes / MachineLimits.logLineBytes)) {
      logs.append(try fields.text("log", max: MachineLimits.maxLogBytes))
      bytes += (logs.last?.utf8.count ?? 0) + MachineLimits.logLineBytes
    }
    guard bytes <= MachineLimits.maxLogBytes else { throw .badField("logs") }
    return MachineTurn(state: state, calls: calls, logs: logs, fuel: fuel)
  }
}

/// A worker's first word: it has locked itself in and waits for a program.
public struct WorkerReady: Sendable, Hashable {
  public struct Layer: Sendable, Hashable {
    /// As the jail names it.
    public var name: String
    /// 0 when it holds, else the `errno` for which it does not.
    public var error: Int

    public init(name: String, error: Int) {
      self.name = name
      self.error = error
    }
  }

  /// ``Machine/engine`` of the worker.
  public var engine: String
  /// What it put around itself, each layer once.
  public var layers: [Layer]

  public init(engine: String, layers: [Layer]) {
    self.engine = engine
    self.layers = layers
  }
}

extension MachineFailure.Kind {
  /// Its place in the declaration; new kinds go to the end.
  fileprivate var wireValue: UInt8 { UInt8(Self.allCases.firstIndex(of: self) ?? 0) }

  fileprivate init?(wireValue: UInt8) {
    guard Int(wireValue) < Self.allCases.count else { return nil }
    self = Self.allCases[Int(wireValue)]
  }
}
