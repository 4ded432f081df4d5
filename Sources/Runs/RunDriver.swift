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
  /// Lines of the journal. Log and blob store hold them; nothing here does.
  private var delivered = 0
  /// Bytes of arguments and results in the journal.
  private var journalBytes = 0
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
  /// Why it was let go of without an end, where that is not the box's stopping.
  private(set) var trouble: String?

  /// Bytes of arguments and results of one run; what goes beyond ends it. A bundle of it still is one document.
  static let maxJournalBytes = 48 << 20

  /// A call under way.
  private struct OpenCall {
    var method: String
    var arguments: JSON
    var digest: SHA256Digest
    var task: Task<Void, Never>
    /// What it waits for when that may take days.
    var waiting: CallWait?
  }

  /// - Parameter isNew: whether nothing was delivered before; otherwise the journal is read first.
  init(_ identity: RunIdentity, isNew: Bool, services: RunServices, events: RunEvents) {
    self.identity = identity
    self.services = services
    self.events = events
    hasBegun = !isNew
  }

  /// Drives until the run is over. Returns nil when it has no end: the box stops, or ``trouble`` says why.
  func drive() async -> RunEnding? {
    do {
      return try await end(try await live())
    } catch is CancellationError {
      await close()
      return nil
    } catch {
      // Nothing can be read or recorded: the log is closed or the disk fails. The next start takes the run up again.
      await close()
      if !isAbandoned { trouble = "\(error)" }
      return nil
    }
  }

  /// Ends the run as cancelled, wherever it is.
  func cancel() {
    isCancelled = true
    session?.end()
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
            guard let value = try? Rebuild.json(text) else {
              throw SandboxFailure.protocolViolation("the result is no JSON value")
            }
            return .result(value)
          case .failed(let failure):
            return .failure(kind: RunFailureKind(failure.kind), message: failure.message)
          case .waiting: break
          }
          try await next()
          if isCancelled { return .failure(kind: .cancelled, message: "the run was cancelled") }
          guard let (call, answer) = ready.first else { continue }
          ready.removeFirst()
          let line = try await persist(call, answer)
          guard journalBytes <= Self.maxJournalBytes else {
            return .failure(
              kind: .refused, message: "the journal of the run is over \(Self.maxJournalBytes) bytes")
          }
          // It was evicted, or was just now: the journal has the answer, and rebuilding delivers it.
          guard let session else { break }
          turn = try await session.answer(line.answer)
          try note(turn, at: line.at)
        }
      } catch let divergence as RunDivergence {
        return .failure(kind: .divergence, message: "\(divergence)")
      } catch let fault as Fault {
        return .failure(kind: .refused, message: "\(fault)")
      } catch let failure as SandboxFailure {
        if isAbandoned { throw CancellationError() }
        session?.end()
        session = nil
        switch failure {
        case .overloaded, .unavailable:
          // Nothing is wrong with the run: it waits for room, or for the backend to come back.
          events.say("waiting", ["reason": .string("\(failure)")])
          await rest()
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
    if isCancelled || isAbandoned { session.end() }
    let journal = hasBegun ? try await services.journal(of: identity) : []
    delivered = journal.count
    journalBytes = journal.reduce(0) { $0 + $1.arguments.canonicalBytes().count + $1.result.canonicalBytes().count }
    if hasBegun || RunIsolation(session.isolation) != identity.started.isolation { try await announce(session) }
    hasBegun = true
    let rebuilt = try await Rebuild.run(session, identity: identity, journal: journal)
    // Evicted runs have their calls under way already.
    for (number, call) in rebuilt.open.sorted(by: { $0.key < $1.key }) where open[number] == nil {
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

  private func note(_ turn: MachineTurn, at: Int64) throws {
    for line in turn.logs { events.log(line) }
    for call in turn.calls { try start(call, at: at) }
  }

  // MARK: Calls

  /// Begins a call. What no engine of ours would ask for ends the run: the worker is not what we started.
  private func start(_ call: MachineCall, at: Int64) throws(SandboxFailure) {
    let number = call.number
    guard let arguments = try? Rebuild.json(call.arguments), open[number] == nil,
      Grant.isMethod(call.method)
    else { throw .protocolViolation("call \(number) is none") }
    let digest = identity.digest(arguments)
    let work = CallWork(
      identity: identity, call: number, method: call.method, arguments: arguments, calledAt: at,
      services: services, events: events)
    // Holds the driver until the call is over; `close` cancels it.
    let task = Task {
      let answer = await work.perform { wait in await self.waits(number, for: wait) }
      if let answer { self.complete(number, answer) }
    }
    open[number] = OpenCall(method: call.method, arguments: arguments, digest: digest, task: task)
  }

  private func waits(_ call: Int, for wait: CallWait?) async {
    if isCancelled {
      // It came to be while the run was being cancelled, and must not outlive it.
      if let wait { await letGo(of: wait) }
      return
    }
    guard open[call] != nil else { return }
    open[call]?.waiting = wait
    if let wait { events.say("waiting", wait.json.object ?? [:]) }
    considerEviction()
  }

  private func complete(_ call: Int, _ answer: CallAnswer) {
    guard !isAbandoned, !isCancelled, open[call] != nil else {
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
      await withCheckedContinuation { continuation in
        waker = continuation
        considerEviction()
      }
    }
    if isAbandoned { throw CancellationError() }
  }

  /// A second, unless something happens before.
  private func rest() async {
    guard !isCancelled, !isAbandoned else { return }
    let alarm = Task {
      if (try? await Task.sleep(for: .seconds(1))) != nil { self.wake() }
    }
    await withCheckedContinuation { waker = $0 }
    alarm.cancel()
  }

  /// Only while nothing moves: a worker that computes, or is being told an answer, is not one that waits.
  private var isIdle: Bool {
    waker != nil && session != nil && ready.isEmpty && !open.isEmpty && open.values.allSatisfy { $0.waiting != nil }
  }

  /// A tool whose calls all wait for people, timers or other runs gives its worker back after a while.
  private func considerEviction() {
    guard isIdle else {
      patience?.cancel()
      patience = nil
      return
    }
    guard patience == nil else { return }
    patience = Task {
      guard (try? await Task.sleep(for: services.patience)) != nil, !Task.isCancelled else { return }
      self.evict()
    }
  }

  private func evict() {
    patience = nil
    guard isIdle else { return }
    session?.end()
    session = nil
    events.say("parked", ["calls": .integer(Int64(delivered))])
  }

  private func persist(_ call: Int, _ answer: CallAnswer) async throws -> JournalLine {
    guard let entry = open.removeValue(forKey: call) else {
      throw RunDivergence(index: delivered, expected: "an open call", actual: "\(call)")
    }
    let (result, isOK) = Self.deliverable(answer.result)
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
    journalBytes += entry.arguments.canonicalBytes().count + result.canonicalBytes().count
    events.say(
      "called",
      [
        "index": .integer(called.index), "call": .integer(called.call), "method": .string(called.method),
        "ok": .bool(isOK),
      ])
    return line
  }

  /// What the tool is told, within what an engine takes.
  private static func deliverable(_ result: Result<JSON, HostCallError>) -> (JSON, isOK: Bool) {
    let limit = MachineLimits.maxValueBytes
    switch result {
    case .success(let value):
      if value.canonicalBytes().count <= limit { return (value, true) }
      return (HostCallError("too_large", "the answer is over \(limit) bytes").json, false)
    case .failure(let error):
      if error.json.canonicalBytes().count <= limit { return (error.json, false) }
      return (HostCallError(error.code, String(error.message.prefix(4096))).json, false)
    }
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
    for (_, answer) in ready {
      if let reservation = answer.reservation { services.usage.settle(reservation, as: nil) }
    }
    open = [:]
    ready = []
    guard isCancelled else { return }
    // From the log, because after a crash it may know of calls that were never made again.
    do {
      for id in try await services.host.openProposals(of: identity.id) {
        await services.host.withdraw(id, run: identity.id)
      }
      for child in try await services.host.openTasks(of: identity.id) { await services.tasks.cancel(child) }
    } catch {
      services.report("run \(identity.id): what it asked for could not be withdrawn: \(error)")
    }
  }

  /// What a cancelled run has asked for is withdrawn, and its tasks are cancelled.
  private func letGo(of wait: CallWait) async {
    switch wait.reason {
    case .proposal(let id): await services.host.withdraw(id, run: identity.id)
    case .run(let child): await services.tasks.cancel(child)
    case .time: break
    }
  }
}
