import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Sandbox

/// Drives one run from where its journal ends to its end.
///
/// The order is the point of it: an answer is put into the blob store and into the log before the tool learns of it, so
/// that a tool never knows what a restarted box does not. A change is proposed under a name made from run and call, so
/// that proposing it again after a crash is the same proposal. Whatever dies, the next driver replays the journal and
/// goes on.
actor RunDriver {
  private let identity: RunIdentity
  private let services: RunServices
  private let events: RunEvents
  private var journal: [JournalLine]
  /// Lines that are delivered, whether or not they are in memory now.
  private var delivered: Int
  private var session: (any SandboxSession)?
  /// Calls that wait for an answer, by number; at most ``MachineLimits/maxPendingCalls``.
  private var open: [Int: OpenCall] = [:]
  /// Answers in the order in which they came.
  private var ready: [(call: Int, answer: CallAnswer)] = []
  private var waker: CheckedContinuation<Void, Never>?
  private var patience: Task<Void, Never>?
  private var fuel: Int64 = 0
  private var isCancelled = false
  /// The box stops: leave everything as it is for the next start.
  private var isAbandoned = false
  private var hasBegun: Bool

  /// A call under way.
  private struct OpenCall {
    var method: String
    var arguments: JSON
    var digest: SHA256Digest
    var task: Task<Void, Never>
    /// What it waits for when that may take days.
    var waiting: CallWait?
  }

  /// - Parameter journal: what was delivered before, oldest first; empty for a new run.
  init(_ identity: RunIdentity, journal: [JournalLine], isNew: Bool, services: RunServices, events: RunEvents) {
    self.identity = identity
    self.journal = journal
    self.services = services
    self.events = events
    delivered = journal.count
    hasBegun = !isNew
  }

  /// Drives until the run is over. Returns nil when it was abandoned: the box stops.
  func drive() async -> RunEnding? {
    do {
      return try await end(try await live())
    } catch is CancellationError {
      await close()
      return nil
    } catch {
      // Nothing can be recorded: the log is closed or the disk fails. The next start takes the run up again.
      await close()
      if !isAbandoned { services.report("run \(identity.id): \(error)") }
      return nil
    }
  }

  /// Ends the run as cancelled, wherever it is.
  func cancel() {
    isCancelled = true
    wake()
  }

  /// Lets go of everything without an end in the log.
  func abandon() {
    isAbandoned = true
    session?.end()
    wake()
  }

  /// What it waits for now, in the order of the calls.
  var waits: [CallWait] { open.sorted { $0.key < $1.key }.compactMap(\.value.waiting) }

  var isParked: Bool { session == nil && !open.isEmpty }

  // MARK: The way through

  private func live() async throws -> RunEnding.Outcome {
    while true {
      do {
        var turn = try await rebuilt()
        while true {
          fuel = turn.fuel
          switch turn.state {
          case .finished(let text):
            return .result(try Rebuild.json(text))
          case .failed(let failure):
            return .failure(kind: RunFailureKind(failure.kind), message: failure.message)
          case .waiting: break
          }
          try await next()
          if isCancelled { return .failure(kind: .cancelled, message: "the run was cancelled") }
          guard let (call, answer) = ready.first else { continue }
          ready.removeFirst()
          let line = try await persist(call, answer)
          // It was evicted, or was just now: the journal has the answer, and rebuilding delivers it.
          guard let session else { break }
          turn = try await session.answer(line.answer)
          note(turn, at: line.at)
        }
      } catch let divergence as RunDivergence {
        return .failure(kind: .divergence, message: "\(divergence)")
      } catch let failure as SandboxFailure {
        if isAbandoned { throw CancellationError() }
        switch failure {
        case .overloaded, .unavailable:
          // Nothing is wrong with the run: it waits for room, or for the backend to come back.
          events.say("waiting", ["reason": .string("\(failure)")])
          try await Task.sleep(for: .seconds(1))
          if isCancelled { return .failure(kind: .cancelled, message: "the run was cancelled") }
        case .timedOut: return .failure(kind: .timeout, message: "\(failure)")
        case .ended where isCancelled: return .failure(kind: .cancelled, message: "the run was cancelled")
        case .died, .protocolViolation, .ended: return .failure(kind: .worker, message: "\(failure)")
        }
      }
    }
  }

  /// A tool at the end of its journal.
  private func rebuilt() async throws -> MachineTurn {
    if isCancelled { throw SandboxFailure.ended }
    let session = try await services.sessions.open(
      identity.program, demand: identity.manifest.isolation, seconds: Int(identity.manifest.limits.seconds))
    self.session = session
    if hasBegun || RunIsolation(session.isolation) != identity.started.isolation { try await announce(session) }
    hasBegun = true
    if journal.count < delivered { journal = try await services.journal(of: identity) }
    let rebuilt = try await Rebuild.run(session, identity: identity, journal: journal)
    // Evicted runs have their calls under way already.
    for (number, call) in rebuilt.open.sorted(by: { $0.key < $1.key }) where open[number] == nil {
      guard !ready.contains(where: { $0.call == number }) else { continue }
      try start(call.call, at: call.at)
    }
    if journal.isEmpty { for line in rebuilt.logs { events.log(line) } }
    return rebuilt.turn
  }

  /// Says in the log that another worker has taken the run up, and what stands around that one.
  private func announce(_ session: any SandboxSession) async throws {
    try await services.host.record(
      RunResumed(
        run: identity.id, calls: Int64(delivered), isolation: RunIsolation(session.isolation), engine: Machine.engine))
    events.say("resumed", ["calls": .integer(Int64(delivered))])
  }

  private func note(_ turn: MachineTurn, at: Int64) {
    for line in turn.logs { events.log(line) }
    for call in turn.calls {
      do {
        try start(call, at: at)
      } catch {
        // An argument that is no value cannot come from our engine; the tool is told so, and the log as well.
        complete(
          call.number, CallAnswer(.failure(HostCallError("bad_argument", "the argument is no JSON value: \(error)"))))
      }
    }
  }

  // MARK: Calls

  private func start(_ call: MachineCall, at: Int64) throws {
    let arguments = try Rebuild.json(call.arguments)
    let digest = identity.digest(arguments)
    let number = call.number
    let work = CallWork(
      identity: identity, call: number, method: call.method, arguments: arguments, calledAt: at,
      services: services, events: events)
    // Holds the driver until the call is over; `close` cancels it.
    let task = Task {
      let answer = await work.perform { wait in await self.waits(number, for: wait) }
      self.complete(number, answer)
    }
    open[number] = OpenCall(method: call.method, arguments: arguments, digest: digest, task: task)
  }

  private func waits(_ call: Int, for wait: CallWait?) {
    guard open[call] != nil else { return }
    open[call]?.waiting = wait
    if let wait { events.say("waiting", wait.json.object ?? [:]) }
    considerEviction()
  }

  private func complete(_ call: Int, _ answer: CallAnswer) {
    guard !isAbandoned, !isCancelled else {
      if let reservation = answer.reservation { services.usage.settle(reservation, as: nil) }
      return
    }
    ready.append((call, answer))
    wake()
  }

  private func wake() {
    patience?.cancel()
    patience = nil
    waker?.resume()
    waker = nil
  }

  /// Returns when there is something to do.
  private func next() async throws {
    if ready.isEmpty, !isCancelled, !isAbandoned {
      considerEviction()
      await withCheckedContinuation { waker = $0 }
    }
    if isAbandoned { throw CancellationError() }
  }

  /// A tool whose calls all wait for people, timers or other runs gives its worker back after a while.
  private func considerEviction() {
    guard session != nil, waker != nil || ready.isEmpty, !open.isEmpty,
      open.values.allSatisfy({ $0.waiting != nil })
    else {
      patience?.cancel()
      patience = nil
      return
    }
    guard patience == nil else { return }
    patience = Task {
      guard (try? await Task.sleep(for: services.patience)) != nil else { return }
      self.evict()
    }
  }

  private func evict() {
    patience = nil
    guard session != nil, ready.isEmpty, !open.isEmpty, open.values.allSatisfy({ $0.waiting != nil }) else { return }
    session?.end()
    session = nil
    // It comes back from the log and the blob store.
    journal = []
    events.say("parked", ["calls": .integer(Int64(delivered))])
  }

  private func persist(_ call: Int, _ answer: CallAnswer) async throws -> JournalLine {
    guard let entry = open.removeValue(forKey: call) else {
      throw RunDivergence(index: delivered, expected: "an open call", actual: "\(call)")
    }
    var result: JSON
    var isOK: Bool
    switch answer.result {
    case .success(let value):
      (result, isOK) = (value, true)
      if value.canonicalBytes().count > MachineLimits.maxValueBytes {
        let error = HostCallError("too_large", "the answer is over \(MachineLimits.maxValueBytes) bytes")
        (result, isOK) = (error.json, false)
      }
    case .failure(let error): (result, isOK) = (error.json, false)
    }
    let called = RunCalled(
      run: identity.id, index: Int64(delivered), call: Int64(call), method: entry.method, arguments: entry.digest,
      result: identity.digest(result), isOK: isOK, proposal: answer.proposal, child: answer.child,
      usage: answer.entryUsage, secrets: answer.secrets)
    // The words first: an entry whose payload is missing could not be replayed.
    try await services.store.keep(
      RunPayloads.Call(call: call, method: entry.method, arguments: entry.arguments, result: result),
      of: identity.id, community: identity.started.community)
    let at = try await services.host.record(called)
    if let reservation = answer.reservation {
      services.usage.settle(
        reservation,
        as: UsageLedger.Fact(
          community: identity.started.community, tool: identity.manifest.name, method: entry.method, at: at,
          usage: answer.usage))
    }
    let line = JournalLine(called: called, at: at, arguments: entry.arguments, result: result)
    delivered += 1
    if session != nil { journal.append(line) }
    events.say(
      "called",
      [
        "index": .integer(called.index), "call": .integer(called.call), "method": .string(called.method),
        "ok": .bool(isOK),
      ])
    return line
  }

  // MARK: The end

  private func end(_ ending: RunEnding.Outcome) async throws -> RunEnding {
    await close()
    let outcome: RunOutcome
    switch ending {
    case .result(let value):
      try await services.store.keep(ending: value, of: identity.id, community: identity.started.community)
      outcome = .result(identity.digest(value))
    case .failure(let kind, let message):
      try await services.store.keep(
        ending: .string(message), of: identity.id, community: identity.started.community)
      outcome = .failure(kind, message: identity.digest(.string(message)))
    }
    let at = try await services.host.finish(run: identity.id, fuel: fuel, outcome: outcome)
    return RunEnding(at: at, outcome: ending)
  }

  private func close() async {
    session?.end()
    session = nil
    patience?.cancel()
    for call in open.values { call.task.cancel() }
    if isCancelled {
      for case .proposal(let id) in open.values.compactMap(\.waiting?.reason) {
        await services.host.withdraw(id, run: identity.id)
      }
    }
    for (_, answer) in ready {
      if let reservation = answer.reservation { services.usage.settle(reservation, as: nil) }
    }
    open = [:]
    ready = []
  }
}
