import Attestation
import CanonicalJSON
import Cryptography

/// Recorded before a measurement register is extended, and so before the code is used for the first time since the machine
/// started: with it the register can be replayed, and a quote of it says which code could have run.
public struct CodeMeasured: EntryBody {
  /// Counts the starts of the machine, from 1: at each the register is back at its first value.
  public var boot: Int64
  /// The event's place since then, from 0.
  public var index: Int64
  public var event: RuntimeEvent

  public init(boot: Int64, index: Int64, event: RuntimeEvent) {
    self.boot = boot
    self.index = index
    self.event = event
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    boot = try reader.integer("boot", in: 1...JSON.maxSafeInteger)
    index = try reader.integer("index", in: 0...Int64(MeasuredCode.maxEvents))
    event = try RuntimeEvent(json: reader.json("event"), path: "event")
    try reader.finish()
  }

  public var kind: EntryKind { .codeMeasured }

  public var body: JSON { ["boot": .integer(boot), "index": .integer(index), "event": event.json] }
}

/// The code that was measured since the machine started.
public struct MeasuredCode: Sendable, Hashable {
  /// Events of one start of the machine.
  public static let maxEvents = RuntimeLog.maxEvents

  /// Which start; 0 where this box has never measured anything.
  public internal(set) var boot: Int64 = 0
  /// In the order of their measurement.
  public internal(set) var events: [RuntimeEvent] = []
  /// No more may be measured until the machine starts again.
  public internal(set) var isLocked = false
  /// The executed proposal by which the owners closed the set, until its marker is measured.
  public internal(set) var lockDue: SHA256Digest?
  var digests: Set<SHA256Digest> = []

  public init() {}

  /// Whether nothing more may be measured: by the marker, or by the decision that it follows.
  public var isClosed: Bool { isLocked || lockDue != nil }

  /// Whether this box measures what it runs. Once it did, it always must.
  public var isOn: Bool { boot > 0 }

  /// Whether this tool, policy, model or runner was measured since the machine started.
  public func contains(_ digest: SHA256Digest) -> Bool { digests.contains(digest) }
}

/// Why a measurement cannot stand in the log, or code must not be used.
public enum MeasurementFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Neither this start of the machine nor the next.
  case boot(expected: Int64, actual: Int64)
  case index(expected: Int64, actual: Int64)
  case locked
  /// Nothing is measured on this machine, so there is no set that could be closed.
  case off
  case tooMany(limit: Int)
  /// The same code twice, which would say nothing new.
  case repeated(SHA256Digest)
  /// It would be used without having been measured.
  case unmeasured(kind: RuntimeEvent.Kind, SHA256Digest)

  public var code: String {
    switch self {
    case .boot: "measurement.boot"
    case .index: "measurement.index"
    case .locked: "measurement.locked"
    case .off: "measurement.off"
    case .tooMany: "measurement.too-many"
    case .repeated: "measurement.repeated"
    case .unmeasured: "measurement.unmeasured"
    }
  }

  public var description: String {
    switch self {
    case .boot(let expected, let actual): "is of start \(actual) of the machine, this is start \(expected)"
    case .index(let expected, let actual): "is event \(actual), \(expected) come before it"
    case .locked: "the measurements are locked until the machine starts again"
    case .off: "the machine has no register of measured code, so there is no set to close"
    case .tooMany(let limit): "\(limit) events were measured since the machine started, and no more fit"
    case .repeated(let digest): "\(digest) was measured before"
    case .unmeasured(let kind, let digest):
      "the \(kind.name) \(digest) was not measured since the machine started, so no quote could show it"
    }
  }
}

extension BoxState {
  func checkMeasured(_ body: CodeMeasured) throws(MeasurementFault) -> Transition {
    if body.boot == measured.boot + 1 {
      // A fresh register: nothing of the start before counts any more.
      guard body.index == 0 else { throw .index(expected: 0, actual: body.index) }
      return .measured(body)
    }
    guard measured.isOn, body.boot == measured.boot else { throw .boot(expected: measured.boot, actual: body.boot) }
    guard !measured.isLocked else { throw .locked }
    let expected = Int64(measured.events.count)
    guard body.index == expected else { throw .index(expected: expected, actual: body.index) }
    guard expected < MeasuredCode.maxEvents else { throw .tooMany(limit: MeasuredCode.maxEvents) }
    guard !measured.digests.contains(body.event.digest) else { throw .repeated(body.event.digest) }
    if let due = measured.lockDue {
      // The set is closed from the decision on; all that is still missing is the marker.
      guard body.event.kind == .lock, body.event.digest == due else { throw .locked }
    }
    return .measured(body)
  }

  mutating func perform(_ body: CodeMeasured) {
    if body.boot != measured.boot { measured = MeasuredCode() }
    measured.boot = body.boot
    measured.events.append(body.event)
    measured.digests.insert(body.event.digest)
    if body.event.kind == .lock {
      measured.isLocked = true
      measured.lockDue = nil
    }
  }

  /// Whether code may be used: always where the box measures nothing, else only what was measured.
  func requireMeasured(_ kind: RuntimeEvent.Kind, _ digest: SHA256Digest) throws(MeasurementFault) {
    guard !measured.isOn || measured.contains(digest) else { throw .unmeasured(kind: kind, digest) }
  }

  /// What an execution rests on: the rules by which it was decided, and for a runner its model and root file system.
  func requireMeasured(for proposal: Proposal) throws(MeasurementFault) {
    guard measured.isOn else { return }
    if let constitution { try requireMeasured(.policy, constitution.digest) }
    if let new = proposal.procedure.effect.constitution {
      // It would be in force and could not be measured: nothing would execute until the machine starts again.
      guard !measured.isClosed || measured.contains(new.digest) else { throw .locked }
    }
    if case .system(.startRunner(let record)) = proposal.procedure.effect {
      try requireMeasured(.model, record.model)
      if let model = system.models[record.model] { try requireMeasured(.runner, model.record.runner) }
    }
  }
}
