import Attestation
import CanonicalJSON
import Cryptography
import Governance

/// Measures code before it is used for the first time since the machine started.
///
/// The entry comes first and the register second: a crash in between leaves an event that the log has and the register
/// lacks, which the next start extends. The other way round, the register would hold what nobody can explain.
///
/// On a machine without such a register nothing is measured and nothing is recorded: an entry that no evidence can bear out
/// would only look like one.
struct RuntimeMeasurer: Sendable {
  private let machine: Machine
  private let sequencer: Sequencer
  /// Told when the register and the log have parted: nothing more may be used.
  private let onFault: @Sendable (String) -> Void
  /// One measurement at a time.
  private let turns = Turns()
  private static let turn = SHA256.hash(Array("measurement".utf8))

  init(machine: Machine, sequencer: Sequencer, onFault: @escaping @Sendable (String) -> Void) {
    self.machine = machine
    self.sequencer = sequencer
    self.onFault = onFault
  }

  /// Finds out which start of the machine this is, makes good an interrupted measurement, and measures everything that is in
  /// force and was not measured yet.
  func start() async throws {
    let measured = try await sequencer.inspect { state, _ in state.measured }
    let register: any CodeRegister
    switch machine.register {
    case .present(let present): register = present
    case .absent(let reason):
      // Whoever read this log learned to expect measured code; going on without would be a silent step down.
      if measured.isOn { throw MachineFault.unmeasurable(reason: reason) }
      return
    }
    switch try await state(of: register, measured) {
    case .fresh: try await begin()
    case .interrupted(let last): try await register.extend(last)
    case .complete: break
    }
    try await measure(try await codeInForce())
    if let due = try await sequencer.inspect({ state, _ in state.measured.lockDue }) { try await lock(due) }
  }

  private enum RegisterState {
    /// The machine has started since.
    case fresh
    /// The last event was recorded and not measured.
    case interrupted(RuntimeEvent)
    case complete
  }

  private func state(of register: any CodeRegister, _ measured: MeasuredCode) async throws -> RegisterState {
    let value = try await register.value()
    let events = measured.events
    let explained = try await register.replay(events)
    if measured.isOn, value == explained { return .complete }
    // With one event this is also how a machine looks that was interrupted; measuring again from the beginning is right for both.
    if try await register.replay([]) == value { return .fresh }
    if let last = events.last, try await register.replay(events.dropLast()) == value { return .interrupted(last) }
    throw MachineFault.register(expected: explained, actual: value)
  }

  /// The rules come first: nothing is decided by rules that no quote shows.
  private func begin() async throws {
    guard let policy = try await codeInForce().first else { return }
    try await append(policy, isFirst: true)
  }

  private func codeInForce() async throws -> [RuntimeEvent] {
    try await sequencer.inspect { state, _ in Result { () throws(FieldError) in try state.codeInForce() } }.get()
  }

  /// Measures what of these was not measured since the machine started. Returns when the register shows it, at once where
  /// there is none.
  func measure(_ events: [RuntimeEvent]) async throws {
    guard machine.register.component != nil else { return }
    for event in events {
      try await turns.run(Self.turn) {
        let isDone = try await sequencer.inspect { state, _ in state.measured.contains(event.digest) }
        if !isDone { try await append(event, isFirst: false) }
      }
    }
  }

  /// Makes evidence while nothing is measured: its events and the register that it quotes are of one moment.
  func evidence(binding: [UInt8]) async throws -> Evidence {
    try await turns.run(Self.turn) {
      let events = try await sequencer.inspect { state, _ in state.measured.events }
      return try await machine.evidence(binding: binding, runtime: events)
    }
  }

  /// Closes the set: the marker of the decision that closed it.
  func lock(_ proposal: SHA256Digest) async throws {
    try await measure([try RuntimeEvent(kind: .lock, name: "lock", digest: proposal)])
  }

  private func append(_ event: RuntimeEvent, isFirst: Bool) async throws {
    try await sequencer.submit(.measure(event, isFirst: isFirst))
    do {
      try await machine.register.component?.extend(event)
    } catch {
      onFault("\(event.kind.name) \(event.name) was recorded and could not be measured: \(error)")
      throw error
    }
  }
}

extension BoxState {
  /// Everything that decides or runs here now, as events: the rules first.
  func codeInForce() throws(FieldError) -> [RuntimeEvent] {
    var events: [RuntimeEvent] = []
    if let constitution { events.append(try .constitution(constitution)) }
    for tool in tools where !tool.isRetired { events.append(try .tool(tool.manifest, digest: tool.digest)) }
    for model in models { events.append(try .model(model.record)) }
    for runner in runners {
      if let model = model(digest: runner.record.model) { events.append(try .runner(model.record)) }
    }
    return events
  }

  /// What the execution of a proposal brings into use.
  func codeBroughtIn(by id: SHA256Digest) throws(FieldError) -> [RuntimeEvent] {
    guard let effect = proposal(id)?.procedure.effect else { return [] }
    if let new = effect.constitution { return [try .constitution(new)] }
    switch effect {
    case .register(let manifest): return [try .tool(manifest, digest: manifest.digest)]
    case .system(.installModel(let record)): return [try .model(record)]
    case .system(.startRunner(let record)):
      guard let model = model(digest: record.model)?.record else { return [] }
      return [try .model(model), try .runner(model)]
    default: return []
    }
  }
}

extension RuntimeEvent {
  fileprivate static func constitution(_ constitution: Constitution) throws(FieldError) -> RuntimeEvent {
    try RuntimeEvent(kind: .policy, name: "constitution \(constitution.epoch)", digest: constitution.digest)
  }

  fileprivate static func tool(_ manifest: ToolManifest, digest: SHA256Digest) throws(FieldError) -> RuntimeEvent {
    try RuntimeEvent(kind: .tool, name: "\(manifest.name) \(manifest.version)", digest: digest)
  }

  fileprivate static func model(_ record: ModelRecord) throws(FieldError) -> RuntimeEvent {
    try RuntimeEvent(kind: .model, name: "\(record.name) \(record.version)", digest: record.manifest)
  }

  fileprivate static func runner(_ record: ModelRecord) throws(FieldError) -> RuntimeEvent {
    try RuntimeEvent(kind: .runner, name: "runner of \(record.name) \(record.version)", digest: record.runner)
  }
}
