import CanonicalJSON
import Cryptography

/// Recorded before a tool runs: with the source and the answers, this fixes everything that it does.
public struct RunStarted: EntryBody {
  public var run: RunID
  /// Digest of the manifest.
  public var tool: SHA256Digest
  /// On whose behalf it runs: whose settings and secrets its calls use.
  public var community: String
  /// Who asked for it.
  public var client: Proposer
  /// Salted digest of the input.
  public var input: SHA256Digest
  /// 32 random bytes.
  public var seed: [UInt8]
  public var isolation: RunIsolation
  /// Name and version of the engine, 1-64 visible ASCII characters and spaces.
  public var engine: String
  /// The run that started it as a task; nil where it is none.
  public var parent: Task?

  /// The place of a task in the run that started it.
  public struct Task: Sendable, Hashable {
    public var run: RunID
    /// The number of the call by which it was started.
    public var number: Int64

    public init(run: RunID, number: Int64) {
      self.run = run
      self.number = number
    }
  }

  public static let seedBytes = 32

  public init(
    run: RunID, tool: SHA256Digest, community: String, client: Proposer, input: SHA256Digest, seed: [UInt8],
    isolation: RunIsolation, engine: String, parent: Task? = nil
  ) {
    self.run = run
    self.tool = tool
    self.community = community
    self.client = client
    self.input = input
    self.seed = seed
    self.isolation = isolation
    self.engine = engine
    self.parent = parent
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    run = try reader.run("run")
    tool = try reader.digest("tool")
    community = try reader.name("community")
    client = try Proposer(parsing: reader.string("client", maxBytes: 128), path: "client")
    input = try reader.digest("input")
    let hex = try reader.string("seed", maxBytes: 128)
    guard let seed = Hex.decode(hex), seed.count == Self.seedBytes else {
      throw FieldError(
        field: "seed", expected: "\(Self.seedBytes) bytes in hexadecimal", actual: JSON.string(hex).summary)
    }
    self.seed = seed
    isolation = try RunIsolation(json: reader.json("isolation"))
    engine = try reader.engine("engine")
    let number = try reader.optionalInteger("task", in: 0...ToolManifest.Limits.callsRange.upperBound)
    switch (try reader.optionalRun("parent"), number) {
    case (nil, nil): parent = nil
    case (let run?, let number?): parent = Task(run: run, number: number)
    default:
      throw FieldError(field: "task", expected: "parent and task, or neither", actual: "one of them")
    }
    try reader.finish()
  }

  public var kind: EntryKind { .runStarted }

  public var body: JSON {
    var object: JSONObject = [
      "run": .string(run.hex), "tool": .string(tool.hex), "community": .string(community),
      "client": .string(client.text), "input": .string(input.hex), "seed": .string(Hex.encode(seed)),
      "isolation": isolation.json, "engine": .string(engine),
    ]
    object["parent"] = parent.map { .string($0.run.hex) }
    object["task"] = parent.map { .integer($0.number) }
    return .object(object)
  }
}

/// Recorded when a new session takes up a run: after a crash, or because it was put away while it waited. Everything
/// before is computed again from the journal.
public struct RunResumed: EntryBody {
  public var run: RunID
  /// How many answers have been delivered so far.
  public var calls: Int64
  public var isolation: RunIsolation
  public var engine: String

  public init(run: RunID, calls: Int64, isolation: RunIsolation, engine: String) {
    self.run = run
    self.calls = calls
    self.isolation = isolation
    self.engine = engine
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    run = try reader.run("run")
    calls = try reader.integer("calls", in: 0...ToolManifest.Limits.callsRange.upperBound)
    isolation = try RunIsolation(json: reader.json("isolation"))
    engine = try reader.engine("engine")
    try reader.finish()
  }

  public var kind: EntryKind { .runResumed }

  public var body: JSON {
    [
      "run": .string(run.hex), "calls": .integer(calls), "isolation": isolation.json, "engine": .string(engine),
    ]
  }
}

extension ObjectReader {
  /// Name and version of a JavaScript engine.
  fileprivate mutating func engine(_ field: String) throws(FieldError) -> String {
    let text = try string(field, maxBytes: 64)
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw FieldError(
        field: pathOf(field), expected: "1-64 visible ASCII characters", actual: JSON.string(text).summary)
    }
    return text
  }
}
