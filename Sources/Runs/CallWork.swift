import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import Storage

/// One host call, from its arguments to its answer. Whatever it does may be done again after a crash: a look changes
/// nothing, and a proposal, a task and a timer are found again under the name of run and call.
struct CallWork: Sendable {
  let identity: RunIdentity
  let call: Int
  let method: String
  let arguments: JSON
  /// The tool's clock when it made the call (Unix milliseconds): timers count from it, also after a restart.
  let calledAt: Int64
  let services: RunServices
  let events: RunEvents

  /// The answer, or nil where there is none: the run is cancelled or the box stops, and the tool is told nothing. (After
  /// the next start the call is made again.)
  ///
  /// - Parameter waits: told when the call begins, and when it ends, to wait for what may take days.
  func perform(_ waits: @Sendable (CallWait?) async -> Void) async -> CallAnswer? {
    do {
      switch method {
      case WorkflowMethods.sleep.name: return try await sleep(waits)
      case WorkflowMethods.run.name: return try await task(waits)
      default: return try await hostCall(waits)
      }
    } catch is CancellationError {
      return nil
    } catch RunService.Failure.stopping {
      return nil
    } catch is SubmissionError {
      // The log takes nothing more, so that no answer could be recorded.
      return nil
    } catch let failure as RunService.Failure {
      return CallAnswer(.failure(HostCallError(failure)))
    } catch let fault as Fault {
      return CallAnswer(.failure(HostCallError("denied", "\(fault)", details: ["fault": .string(fault.code)])))
    } catch let error as HostCallError {
      return CallAnswer(.failure(error))
    } catch let error as FieldError {
      return CallAnswer(.failure(HostCallError(error)))
    } catch {
      guard !Task.isCancelled else { return nil }
      services.report("run \(identity.id), call \(call) of \(method): \(error)")
      return CallAnswer(.failure(HostCallError("failed", "the box could not carry out the call")))
    }
  }

  private func hostCall(_ waits: @Sendable (CallWait?) async -> Void) async throws -> CallAnswer {
    guard let entry = services.calls[method] else {
      throw HostCallError("not_granted", "there is no method \(JSON.string(method).summary)")
    }
    let settings = try await services.host.settings(of: identity.started.community)
    let events = events
    let number = call
    let context = HostCallContext(
      run: identity.id.hex, call: call, tool: identity.manifest, community: identity.started.community,
      settings: settings, now: services.host.now,
      progress: { events.say("progress", ["call": .integer(Int64(number)), "progress": $0]) })
    let plan = try services.calls.plan(method, arguments: arguments, in: context)
    let reservation = try services.usage.admit(plan, method: entry, in: context)
    var answer: CallAnswer
    do {
      answer = try await carryOut(plan, waits)
    } catch let error as HostCallError {
      answer = CallAnswer(.failure(error))
    } catch {
      services.usage.settle(reservation, as: nil)
      throw error
    }
    answer.reservation = reservation
    return answer
  }

  private func carryOut(
    _ plan: HostCallPlan, _ waits: @Sendable (CallWait?) async -> Void
  ) async throws -> CallAnswer {
    switch plan.step {
    case .observe(let look):
      say("observe", plan)
      return CallAnswer(await look())
    case .change(let type, let params, let disclose):
      say("change", plan)
      let proposal = try await services.host.propose(
        type, params, disclose: disclose, run: identity.id, call: call)
      await waits(CallWait(call: call, method: method, reason: .proposal(proposal)))
      guard let settlement = try await services.host.settlement(of: proposal) else { throw CancellationError() }
      await waits(nil)
      return CallAnswer(settlement.answer(proposal), proposal: proposal)
    }
  }

  private func say(_ effect: String, _ plan: HostCallPlan) {
    events.say(
      "call",
      [
        "call": .integer(Int64(call)), "method": .string(method), "effect": .string(effect),
        "facts": .array(
          plan.facts.prefix(8).map { facts in
            var object: JSONObject = [:]
            for (name, value) in facts { object[name] = .string(value) }
            return .object(object)
          }),
      ])
  }

  private func sleep(_ waits: @Sendable (CallWait?) async -> Void) async throws -> CallAnswer {
    let arguments = try SleepArguments(arguments)
    let reservation = try admit(WorkflowMethods.sleep, [:])
    let until = calledAt + arguments.milliseconds
    let left = until - services.host.now
    if left > 0 {
      await waits(CallWait(call: call, method: method, reason: .time(until)))
      do {
        try await Task.sleep(for: .milliseconds(left))
      } catch {
        services.usage.settle(reservation, as: nil)
        throw error
      }
      await waits(nil)
    }
    var answer = CallAnswer(.success(.null))
    answer.reservation = reservation
    return answer
  }

  private func task(_ waits: @Sendable (CallWait?) async -> Void) async throws -> CallAnswer {
    let arguments = try TaskArguments(arguments)
    let name = String(arguments.tool.prefix { $0 != "@" })
    // A digest would be held against patterns of names.
    guard SHA256Digest(hex: name) == nil else {
      throw HostCallError("bad_argument", "arguments.tool: expected NAME or NAME@VERSION, found a digest")
    }
    let reservation = try admit(WorkflowMethods.run, ["tools": name])
    var answer: CallAnswer
    do {
      answer = try await attempts(arguments, waits)
    } catch let error as HostCallError {
      answer = CallAnswer(.failure(error))
    } catch {
      services.usage.settle(reservation, as: nil)
      throw error
    }
    answer.reservation = reservation
    return answer
  }

  private func attempts(
    _ arguments: TaskArguments, _ waits: @Sendable (CallWait?) async -> Void
  ) async throws -> CallAnswer {
    events.say(
      "call",
      [
        "call": .integer(Int64(call)), "method": .string(method), "effect": "task",
        "facts": [["tools": .string(arguments.tool)]],
      ])
    let deadline = arguments.timeout.map { calledAt + $0 }
    var notBefore = calledAt
    var last: (child: RunID, kind: String, message: String, attempts: Int64)?
    attempts: for attempt in 0...arguments.retries {
      notBefore += arguments.delay(before: attempt)
      let id = try Self.child(of: identity.id, call: call, attempt: attempt)
      // What an earlier process started, and may have seen to its end, is taken up and not started again.
      if try await !services.host.isKnown(run: id) {
        try await pause(until: min(notBefore, deadline ?? .max), waits)
        if let deadline, services.host.now >= deadline { break }
        try await services.tasks.start(
          child: RunRequest(
            id: id, tool: try await tool(arguments.tool), input: arguments.input,
            community: identity.started.community, client: .run(identity.id),
            parent: RunStarted.Task(run: identity.id, number: Int64(call))))
      }
      await waits(CallWait(call: call, method: method, reason: .run(id)))
      guard let ending = try await ending(of: id, deadline: deadline) else {
        await services.tasks.cancel(id)
        return CallAnswer(
          .failure(HostCallError("timeout", "the task did not end in time", details: ["run": .string(id.hex)])),
          child: id)
      }
      await waits(nil)
      switch ending.outcome {
      case .result(let value): return CallAnswer(.success(value), child: id)
      case .failure(let kind, let message):
        last = (id, kind.rawValue, message, attempt + 1)
        notBefore = ending.at
        // Somebody wanted it to end.
        if kind == .cancelled { break attempts }
      }
    }
    guard let last else { throw HostCallError("timeout", "the time for the task ran out before it was started") }
    // The dead letter: it stays in the list of runs as failed, and the workflow decides what to do.
    let error = HostCallError(
      "task_failed", "the task failed \(last.attempts) times; the last time: \(last.kind): \(last.message)",
      details: [
        "run": .string(last.child.hex), "kind": .string(last.kind), "attempts": .integer(last.attempts),
      ])
    return CallAnswer(.failure(error), child: last.child)
  }

  private func pause(until time: Int64, _ waits: @Sendable (CallWait?) async -> Void) async throws {
    let left = time - services.host.now
    guard left > 0 else { return }
    await waits(CallWait(call: call, method: method, reason: .time(time)))
    try await Task.sleep(for: .milliseconds(left))
    await waits(nil)
  }

  private func ending(of child: RunID, deadline: Int64?) async throws -> RunEnding? {
    guard let deadline else { return try await services.tasks.ending(of: child) }
    let left = max(0, deadline - services.host.now)
    return try await withThrowingTaskGroup(of: RunEnding?.self) { group in
      group.addTask { try await services.tasks.ending(of: child) }
      group.addTask {
        try await Task.sleep(for: .milliseconds(left))
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  private func tool(_ text: String) async throws -> SHA256Digest {
    guard let digest = try await services.host.tool(named: text) else {
      throw HostCallError("not_found", "no tool \(JSON.string(text).summary) is registered")
    }
    return digest
  }

  /// Tasks and timers are held against grants and rates as every call is.
  private func admit(
    _ method: HostMethod, _ facts: [String: String]
  ) throws(HostCallError) -> UsageLedger.Reservation {
    let context = HostCallContext(
      run: identity.id.hex, call: call, tool: identity.manifest, community: identity.started.community,
      settings: CommunitySettings(), now: services.host.now)
    let plan = HostCallPlan(
      facts: [facts],
      step: .observe { HostCallOutcome(.failure(HostCallError("failed", "the run itself answers this"))) })
    return try services.usage.admit(plan, method: method, in: context)
  }

  /// The name of a task's attempt: made from what asked for it, so that asking again is the same run.
  static func child(of run: RunID, call: Int, attempt: Int64) throws -> RunID {
    let name = SHA256Digest.of([
      "parent": .string(run.hex), "call": .integer(Int64(call)), "attempt": .integer(attempt),
    ])
    guard let id = RunID(name.bytes) else { throw HostCallError("failed", "a run has no name") }
    return id
  }
}
