import CanonicalJSON
import Cryptography
import Governance
import JavaScript
import Sandbox

/// All that somebody needs to do a run again: what the log does not say. The owners of the box hand it out, or do not.
///
/// `{"version":1,"salt":HEX,"source":TEXT,"manifest":{...},"input":JSON,"calls":[{"call","arguments","result"}],"ending":JSON}`, at most
/// 64 MiB.
public struct ReplayBundle: Sendable, Hashable {
  public static let maxBytes = 64 << 20

  public var salt: RunSalt
  public var source: [UInt8]
  public var manifest: ToolManifest
  public var input: JSON
  /// In the order of delivery.
  public var calls: [Call]
  /// The result, or the text of the failure.
  public var ending: JSON

  public struct Call: Sendable, Hashable {
    public var call: Int64
    public var arguments: JSON
    public var result: JSON

    public init(call: Int64, arguments: JSON, result: JSON) {
      self.call = call
      self.arguments = arguments
      self.result = result
    }
  }

  public init(
    salt: RunSalt, source: [UInt8], manifest: ToolManifest, input: JSON, calls: [Call], ending: JSON
  ) {
    self.salt = salt
    self.source = source
    self.manifest = manifest
    self.input = input
    self.calls = calls
    self.ending = ending
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json, path: "bundle")
    _ = try reader.integer("version", in: 1...1)
    let hex = try reader.string("salt", maxBytes: 128)
    salt = try RunSalt(Hex.decode(hex) ?? [])
    source = Array(try reader.string("source", maxBytes: MachineLimits.maxValueBytes).utf8)
    manifest = try ToolManifest(json: try reader.json("manifest"), path: "bundle.manifest")
    input = try reader.json("input")
    var calls: [Call] = []
    for (index, value) in try reader.array("calls", maxCount: 10_000).enumerated() {
      var call = try ObjectReader(value, path: "bundle.calls[\(index)]")
      calls.append(
        Call(
          call: try call.integer("call", in: 0...10_000), arguments: try call.json("arguments"),
          result: try call.json("result")))
      try call.finish()
    }
    self.calls = calls
    ending = try reader.json("ending")
    try reader.finish()
  }

  public var json: JSON {
    [
      "version": 1, "salt": .string(Hex.encode(salt.bytes)), "source": .string(String(decoding: source, as: UTF8.self)),
      "manifest": manifest.json, "input": input, "ending": ending,
      "calls": .array(
        calls.map { ["call": .integer($0.call), "arguments": $0.arguments, "result": $0.result] }),
    ]
  }
}

/// What the log says of a run that is over.
public struct RecordedRun: Sendable, Hashable {
  public var started: RunStarted
  public var startedAt: Int64
  public var calls: [(called: RunCalled, at: Int64)]
  public var finished: RunFinished
  /// That of the last session, which computed everything from the beginning.
  public var engine: String

  /// - Parameter engine: of the last `run.resumed`; nil where the run was never taken up again.
  public init(
    started: RunStarted, startedAt: Int64, calls: [(called: RunCalled, at: Int64)], finished: RunFinished,
    engine: String? = nil
  ) {
    self.started = started
    self.startedAt = startedAt
    self.calls = calls
    self.finished = finished
    self.engine = engine ?? started.engine
  }

  public static func == (left: RecordedRun, right: RecordedRun) -> Bool {
    left.started == right.started && left.startedAt == right.startedAt && left.finished == right.finished
      && left.engine == right.engine
      && left.calls.elementsEqual(right.calls) { $0.called == $1.called && $0.at == $1.at }
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(finished) }
}

/// Does a run again from what was recorded of it.
public enum Replay {
  /// The execution hash that the repetition gives. Throws ``RunDivergence`` at the first difference, and
  /// ``NotReplayable`` for a run that no machine alone has ended.
  public static func run(
    _ recorded: RecordedRun, with bundle: ReplayBundle, in sessions: any SessionSource
  ) async throws -> SHA256Digest {
    if case .failure(let kind, _) = recorded.finished.outcome, !kind.isReplayable {
      throw NotReplayable(kind: kind)
    }
    let count = recorded.calls.count
    func hold(_ index: Int, _ what: String, _ expected: SHA256Digest, _ actual: SHA256Digest) throws {
      guard expected == actual else {
        throw RunDivergence(index: index, expected: "\(what) \(expected)", actual: "\(actual)")
      }
    }
    // Another engine may do everything the same and still is another engine: the hash names it.
    guard recorded.engine == Machine.engine else {
      throw RunDivergence(index: 0, expected: "the engine \(recorded.engine)", actual: Machine.engine)
    }
    try hold(0, "the manifest", recorded.started.tool, bundle.manifest.digest)
    try hold(0, "the source", bundle.manifest.source, SHA256.hash(bundle.source))
    try hold(0, "the input", recorded.started.input, bundle.salt.digest(of: bundle.input))
    guard bundle.calls.count == count else {
      throw RunDivergence(
        index: min(count, bundle.calls.count), expected: "\(count) calls", actual: "\(bundle.calls.count) in the bundle"
      )
    }
    var journal: [JournalLine] = []
    for (index, (line, words)) in zip(recorded.calls, bundle.calls).enumerated() {
      guard line.called.call == words.call else {
        throw RunDivergence(index: index, expected: "call \(line.called.call)", actual: "call \(words.call)")
      }
      try hold(
        index, "the arguments", line.called.arguments, bundle.salt.digest(of: words.arguments))
      try hold(index, "the result", line.called.result, bundle.salt.digest(of: words.result))
      journal.append(
        JournalLine(called: line.called, at: line.at, arguments: words.arguments, result: words.result))
    }
    let (what, ending) =
      switch recorded.finished.outcome {
      case .result(let digest): ("the result at the end", digest)
      case .failure(_, let digest): ("the text of the failure", digest)
      }
    try hold(count, what, ending, bundle.salt.digest(of: bundle.ending))
    let identity = RunIdentity(
      started: recorded.started, startedAt: recorded.startedAt, manifest: bundle.manifest, source: bundle.source,
      beginning: RunPayloads.Beginning(salt: bundle.salt, input: bundle.input))
    let session = try await sessions.open(
      identity.program, demand: bundle.manifest.isolation, seconds: Int(bundle.manifest.limits.seconds))
    defer { session.end() }
    let rebuilt = try await Rebuild.run(session, identity: identity, journal: journal)
    let outcome: RunOutcome
    switch rebuilt.turn.state {
    case .waiting:
      throw RunDivergence(index: count, expected: "the end of the run", actual: "the tool waits")
    case .finished(let text):
      outcome = .result(identity.digest(try Rebuild.json(text)))
    case .failed(let failure):
      outcome = .failure(RunFailureKind(failure.kind), message: identity.digest(.string(failure.message)))
    }
    guard outcome.isSame(as: recorded.finished.outcome) else {
      throw RunDivergence(index: count, expected: recorded.finished.outcome.text, actual: outcome.text)
    }
    guard rebuilt.turn.fuel == recorded.finished.fuel else {
      throw RunDivergence(
        index: count, expected: "\(recorded.finished.fuel) units of fuel", actual: "\(rebuilt.turn.fuel)")
    }
    var chain = RunChain()
    for (called, at) in recorded.calls { chain.add(called, at: at) }
    let hash = ExecutionHash(
      manifest: bundle.manifest, community: recorded.started.community, engine: Machine.engine,
      input: recorded.started.input, seed: recorded.started.seed, start: recorded.startedAt, chain: chain,
      fuel: rebuilt.turn.fuel, outcome: outcome
    ).digest
    try hold(count, "the execution hash", recorded.finished.execution, hash)
    return hash
  }
}

/// A run that was ended from outside: by its wall clock, a dead worker, or people.
public struct NotReplayable: Error, Sendable, Hashable, CustomStringConvertible {
  public var kind: RunFailureKind
  public var description: String {
    "the run ended by \(kind.rawValue), which no repetition of the tool can show; what came before it is in the log"
  }
}

extension RunOutcome {
  /// Failures are the same by their kind: what a message says may differ.
  func isSame(as other: RunOutcome) -> Bool {
    switch (self, other) {
    case (.result(let one), .result(let two)): one == two
    case (.failure(let one, _), .failure(let two, _)): one == two
    default: false
    }
  }

  var text: String {
    switch self {
    case .result(let digest): "the result \(digest)"
    case .failure(let kind, _): "a failure of kind \(kind.rawValue)"
    }
  }
}
