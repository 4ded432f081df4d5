/// What the host says to a worker.
public enum HostMessage: Sendable, Hashable {
  case program(MachineProgram)
  case answer(MachineAnswer)

  public var frame: Frame {
    var fields = FieldWriter()
    switch self {
    case .program(let program):
      fields.data(program.source)
      fields.data(program.input)
      fields.data(program.context)
      fields.data(program.seed)
      fields.integer(program.startedAt)
      fields.integer(program.limits.fuel)
      fields.integer(Int64(program.limits.memory))
      fields.integer(Int64(program.limits.stack))
      fields.integer(Int64(program.limits.calls))
      return Frame(.program, fields.bytes)
    case .answer(let answer):
      fields.count(answer.call)
      fields.byte(answer.isError ? 1 : 0)
      fields.data(answer.value)
      fields.integer(answer.at)
      return Frame(.answer, fields.bytes)
    }
  }

  /// Refuses whatever ``frame`` would not have written.
  public init(_ frame: Frame) throws(FrameFault) {
    var fields = FieldReader(frame.payload)
    switch frame.kind {
    case .program:
      let max = MachineLimits.maxValueBytes
      let source = try fields.data("source", max: max)
      let input = try fields.data("input", max: max)
      let context = try fields.data("context", max: max)
      let seed = try fields.data("seed", max: 32)
      guard seed.count == 32 else { throw .badField("seed") }
      let startedAt = try fields.integer("startedAt", in: MachineLimits.timeRange)
      let limits = MachineLimits(
        fuel: try fields.integer("fuel", in: MachineLimits.fuelRange),
        memory: try fields.integer("memory", in: MachineLimits.memoryRange),
        stack: try fields.integer("stack", in: MachineLimits.stackRange),
        calls: try fields.integer("calls", in: MachineLimits.callsRange))
      self = .program(
        MachineProgram(
          source: source, input: input, context: context, seed: seed, startedAt: startedAt, limits: limits))
    case .answer:
      self = .answer(
        MachineAnswer(
          call: try fields.count("call", max: MachineLimits.callsRange.upperBound - 1),
          isError: try fields.flag("isError"),
          value: try fields.data("value", max: MachineLimits.maxValueBytes),
          at: try fields.integer("at", in: MachineLimits.timeRange)))
    case .ready, .turn: throw .unexpected(frame.kind)
    }
    try fields.finish()
  }
}

extension FieldReader {
  fileprivate mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(FrameFault) -> Int {
    Int(try integer(name, in: Int64(range.lowerBound)...Int64(range.upperBound)))
  }
}
