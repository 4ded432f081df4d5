import CanonicalJSON
import Cryptography

/// Checking the entries of runs. A stop or seal keeps runs from starting and nothing else: what was already done must be
/// recorded, or it would be lost.
extension BoxState {
  func checkRunStarted(_ body: RunStarted, at now: Int64) throws(RunFault) -> Transition {
    let stops = restraints(.stop, at: now)
    guard stops.isEmpty else { throw .stopped(by: stops.map(\.proposal)) }
    let seals = restraints(.seal, at: now)
    guard seals.isEmpty else { throw .sealed(by: seals.map(\.proposal)) }
    guard runs[body.run] == nil else { throw .repeated(body.run) }
    guard runs.count < maxRuns else { throw .tooMany(limit: maxRuns) }
    guard let tool = registry.byDigest[body.tool] else { throw .unknownTool(body.tool) }
    guard !tool.isRetired else {
      throw .retiredTool(name: tool.manifest.name, version: tool.manifest.version)
    }
    try Self.check(body.isolation, tool)
    do {
      try requireMeasured(.tool, body.tool)
    } catch {
      throw .measurement(error)
    }
    for case let id? in [body.parent?.run, body.client.run] where runs[id] == nil { throw .unknownRun(id) }
    return .ran(.started(LiveRun(body, at: now, index: size)))
  }

  func checkRunResumed(_ body: RunResumed) throws(RunFault) -> Transition {
    let (run, tool) = try live(body.run)
    guard body.calls == run.calls else { throw .calls(expected: run.calls, actual: body.calls) }
    try Self.check(body.isolation, tool)
    return .ran(.resumed(run.id, engine: body.engine))
  }

  func checkRunCalled(_ body: RunCalled) throws(RunFault) -> Transition {
    let (run, tool) = try live(body.run)
    guard body.index == run.calls else { throw .calls(expected: run.calls, actual: body.index) }
    let limit = tool.manifest.limits.calls
    guard body.call < limit, let number = UInt16(exactly: body.call) else {
      throw .callLimit(limit: limit, actual: body.call)
    }
    guard !run.isAnswered(body.call) else { throw .answered(call: body.call) }
    guard run.pending(with: number) <= LiveRun.maxPending else { throw .pending(limit: LiveRun.maxPending) }
    return .ran(.called(body))
  }

  func checkRunFinished(_ body: RunFinished) throws(RunFault) -> Transition {
    let (run, tool) = try live(body.run)
    guard body.calls == run.calls else { throw .calls(expected: run.calls, actual: body.calls) }
    guard body.chain == run.chain.digest else { throw .chain(expected: run.chain.digest, actual: body.chain) }
    let execution = run.execution(tool.manifest, fuel: body.fuel, outcome: body.outcome).digest
    guard body.execution == execution else { throw .execution(expected: execution, actual: body.execution) }
    return .ran(.finished(run.id))
  }

  private func live(_ id: RunID) throws(RunFault) -> (LiveRun, RegisteredTool) {
    guard let run = runs[id], let tool = registry.byDigest[run.tool] else { throw .unknownRun(id) }
    return (run, tool)
  }

  private static func check(_ isolation: RunIsolation, _ tool: RegisteredTool) throws(RunFault) {
    let demand = tool.manifest.isolation
    guard isolation.meets(demand) else { throw .isolation(expected: demand, actual: isolation) }
  }

  mutating func perform(_ step: RunTransition, at now: Int64) -> RunID {
    switch step {
    case .started(let run):
      runs[run.id] = run
      return run.id
    case .resumed(let id, let engine):
      runs[id]?.engine = engine
      return id
    case .called(let body):
      runs[body.run]?.deliver(body, at: now)
      return body.run
    case .finished(let id):
      runs[id] = nil
      return id
    }
  }
}

/// What an entry about a run does to the state.
enum RunTransition {
  case started(LiveRun)
  case resumed(RunID, engine: String)
  case called(RunCalled)
  case finished(RunID)
}

extension LiveRun {
  /// What its execution hash is over, if it ended now.
  func execution(_ manifest: ToolManifest, fuel: Int64, outcome: RunOutcome) -> ExecutionHash {
    ExecutionHash(
      manifest: manifest, community: community, engine: engine, input: input, seed: seed, start: startedAt,
      chain: chain, fuel: fuel, outcome: outcome)
  }
}
