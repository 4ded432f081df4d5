import CanonicalJSON
import Cryptography
import Governance

/// What the steps over a run's receipt have established so far.
struct RunVerification: Verifying {
  private let json: JSON
  /// Bytes of the file.
  private let size: Int
  var base: LogVerification

  // format, entries
  private var receipt: RunReceipt?
  private(set) var log: LoggedRun?
  // tool, chain
  private(set) var manifest: ToolManifest?
  private var chain: RunChain?

  init(json: JSON, size: Int, expected: ExpectedBox, appraisal: EvidenceExpectation?) {
    self.json = json
    self.size = size
    base = LogVerification(expected: expected, appraisal: appraisal)
  }

  mutating func run(_ id: StepID) throws(CheckFailure) -> StepOutcome {
    switch id {
    case .format: try checkFormat()
    case .entries: try checkEntries()
    case .checkpoint, .logSignature, .boxKey, .witnesses, .inclusion, .genesis, .identity, .evidence, .release:
      try base.run(id)
    case .run: try checkRun()
    case .tool: try checkTool()
    case .registration: try sayRegistration()
    case .asker: try sayAsker()
    case .calls: try checkCalls()
    case .grants: try checkGrants()
    case .chain: try checkChain()
    case .executionHash: try checkExecutionHash()
    case .isolation: try checkIsolation()
    case .seed:
      .notProved(
        "The execution hash fixes both; that the box drew the seed by chance and its clock was right is its word.")
    case .standing:
      .notProved(
        "That the tool had not been retired, and that no stop or seal kept runs from starting, only the whole log can show: an audit does."
      )
    case .answers: try sayAnswers()
    case .linked: try sayLinked()
    case .ending: try sayEnding()
    case .measured: try checkMeasured()
    default: throw Self.incomplete(id)
    }
  }

  private mutating func checkFormat() throws(CheckFailure) -> StepOutcome {
    let receipt = try RunReceipt(json: json)
    self.receipt = receipt
    base.proof = receipt.proof
    base.attested = receipt.attested
    return .passed("\(receipt.entries.count) entries, \(size) bytes.")
  }

  private mutating func checkEntries() throws(CheckFailure) -> StepOutcome {
    let log = try LoggedRun(try need(receipt, .format))
    self.log = log
    base.genesis = log.genesis
    base.ended = log.finished.at
    return .passed("Each is canonical, and their times never run backwards.")
  }

  private func checkRun() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let id = log.started.body.run
    var names = log.resumed.map { ($0.index, $0.body.run) }
    names += log.called.map { ($0.index, $0.body.run) }
    names.append((log.finished.index, log.finished.body.run))
    for (index, run) in names.sorted(by: { $0.0 < $1.0 }) where run != id {
      throw CheckFailure("run.id", expected: "entries about \(id)", actual: "entry \(index) about \(run)")
    }
    let ends = [log.proposed.index, log.registered.index, log.started.index]
    for between in [log.called.map(\.index), log.resumed.map(\.index)] {
      let order = ends + between + [log.finished.index]
      for (one, next) in zip(order, order.dropFirst()) where next <= one {
        throw CheckFailure(
          "run.order", expected: "tool, start, answers and end in that order",
          actual: "entry \(next) after entry \(one)")
      }
    }
    return .passed("Run \(id).")
  }

  private mutating func checkTool() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let statement = log.proposed.body.statement
    guard statement.digest == log.proposed.body.proposal else {
      throw CheckFailure("tool.statement", expected: log.proposed.body.proposal.hex, actual: statement.digest.hex)
    }
    guard statement.box == log.genesis.body.box else {
      throw CheckFailure("tool.box", expected: log.genesis.body.box, actual: statement.box)
    }
    guard statement.action.type == Self.registering else {
      throw CheckFailure("tool.action", expected: Self.registering, actual: statement.action.type)
    }
    let manifest: ToolManifest
    do throws(FieldError) {
      var reader = try ObjectReader(.object(statement.action.params), path: "params")
      manifest = try ToolManifest(json: try reader.json("manifest"), path: "params.manifest")
      try reader.finish()
    } catch {
      throw CheckFailure("tool.manifest", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
    guard log.registered.body.proposal == statement.digest else {
      throw CheckFailure(
        "tool.proposal", expected: statement.digest.hex, actual: log.registered.body.proposal.hex)
    }
    guard log.registered.body.outcome == .executed else {
      throw CheckFailure(
        "tool.outcome", expected: Outcome.executed.rawValue, actual: log.registered.body.outcome.rawValue)
    }
    guard log.started.body.tool == manifest.digest else {
      throw CheckFailure("tool.digest", expected: manifest.digest.hex, actual: log.started.body.tool.hex)
    }
    self.manifest = manifest
    return .passed("\(manifest.name) \(manifest.version), manifest \(manifest.digest.hex).")
  }

  private static let registering = "tool.register"

  private func checkCalls() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let limit = try need(manifest, .tool).limits.calls
    var answered: Set<Int64> = []
    var known: Int64 = 0
    for (number, call) in log.called.enumerated() {
      let body = call.body
      guard body.index == Int64(number) else {
        throw CheckFailure("calls.index", expected: "answer \(number)", actual: "answer \(body.index)")
      }
      guard body.call < limit else {
        throw CheckFailure("calls.limit", expected: "calls below \(limit)", actual: "\(body.call)")
      }
      guard answered.insert(body.call).inserted else {
        throw CheckFailure("calls.repeated", expected: "each call answered once", actual: "call \(body.call) again")
      }
      known = max(known, body.call + 1)
      // This one was waiting too, until now.
      let waiting = known - Int64(answered.count) + 1
      guard waiting <= Self.maxPending else {
        throw CheckFailure("calls.pending", expected: "at most \(Self.maxPending) waiting", actual: "\(waiting)")
      }
    }
    for resumed in log.resumed {
      let before = Int64(log.called.count { $0.index < resumed.index })
      guard resumed.body.calls == before else {
        throw CheckFailure("calls.resumed", expected: "\(before)", actual: "\(resumed.body.calls)")
      }
    }
    guard log.finished.body.calls == Int64(log.called.count) else {
      throw CheckFailure("calls.count", expected: "\(log.finished.body.calls)", actual: "\(log.called.count)")
    }
    guard !log.called.isEmpty else { return .passed("It was given none.") }
    return .passed("\(PlainWords.count(Int64(log.called.count), "answer")), numbered from 0.")
  }

  /// Calls that may wait for their answers at one time (docs/formats.md section 13).
  private static let maxPending: Int64 = 256

  private func checkGrants() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let manifest = try need(manifest, .tool)
    let methods = Set(manifest.uses.map(\.method))
    for call in log.called {
      // What was refused may have been asked for.
      if call.body.isOK, !methods.contains(call.body.method) {
        throw CheckFailure(
          "grants.method", expected: methods.sorted().joined(separator: ", "), actual: call.body.method)
      }
      for secret in call.body.secrets where !manifest.secrets.contains(Self.name(of: secret)) {
        throw CheckFailure("grants.secret", expected: manifest.secrets.joined(separator: ", "), actual: secret)
      }
    }
    guard log.called.contains(where: \.body.isOK) else { return .notApplicable("No call was answered with a value.") }
    return .notProved(
      "Every method and secret is one that the manifest grants; to which hosts, paths or recipients the calls went stands in the run's bundle, not in the log."
    )
  }

  private static func name(of secret: String) -> String { String(secret.prefix { $0 != "@" }) }

  private mutating func checkChain() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    var chain = RunChain()
    for call in log.called { chain.add(call.body, at: call.at) }
    guard chain.digest == log.finished.body.chain else {
      throw CheckFailure("chain.digest", expected: chain.digest.hex, actual: log.finished.body.chain.hex)
    }
    self.chain = chain
    return .passed("Call chain \(chain.digest.hex).")
  }

  private func checkExecutionHash() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let started = log.started
    let hash = ExecutionHash(
      manifest: try need(manifest, .tool), community: started.body.community, engine: log.engine,
      input: started.body.input, seed: started.body.seed, start: started.at, chain: try need(chain, .chain),
      fuel: log.finished.body.fuel, outcome: log.finished.body.outcome
    ).digest
    guard hash == log.finished.body.execution else {
      throw CheckFailure("execution-hash.digest", expected: hash.hex, actual: log.finished.body.execution.hex)
    }
    return .passed("Execution hash \(hash.hex).")
  }

  private func checkIsolation() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let demand = try need(manifest, .tool).isolation
    for isolation in log.isolations {
      guard isolation.backend == demand.backend else {
        throw CheckFailure("isolation.backend", expected: demand.backend, actual: isolation.backend)
      }
      guard isolation.meets(demand) else {
        throw CheckFailure(
          "isolation.layers", expected: "every layer", actual: "without \(isolation.missing.joined(separator: ", "))")
      }
    }
    let words = Self.words(log.isolations)
    return .passed("\(words.prefix(1).uppercased())\(words.dropFirst()), as the box recorded it.")
  }

  /// What stood between tool and machine, of all sessions together.
  static func words(_ isolations: [RunIsolation]) -> String {
    let backend = isolations.first?.backend ?? ""
    if backend == "inprocess" { return "in the box's own process, with no boundary at all" }
    let missing = Set(isolations.flatMap(\.missing)).sorted()
    guard !missing.isEmpty else { return "in \(backend), with every layer that it has" }
    return "in \(backend), without \(missing.joined(separator: ", "))"
  }
}
