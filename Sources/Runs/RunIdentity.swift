import CanonicalJSON
import Cryptography
import Governance
import JavaScript
import Sandbox

/// Everything that fixes a run but the answers of the host.
public struct RunIdentity: Sendable {
  public var started: RunStarted
  /// When `run.started` was recorded (Unix milliseconds): the beginning of the tool's time.
  public var startedAt: Int64
  public var manifest: ToolManifest
  public var source: [UInt8]
  public var beginning: RunPayloads.Beginning

  public init(
    started: RunStarted, startedAt: Int64, manifest: ToolManifest, source: [UInt8], beginning: RunPayloads.Beginning
  ) {
    self.started = started
    self.startedAt = startedAt
    self.manifest = manifest
    self.source = source
    self.beginning = beginning
  }

  public var id: RunID { started.run }

  /// What the engine is given.
  public var program: MachineProgram {
    MachineProgram(
      source: source, input: beginning.input.canonicalBytes(),
      context: JSON.object([
        "community": .string(started.community), "tool": .string(manifest.name), "version": .string(manifest.version),
      ]).canonicalBytes(),
      seed: started.seed, startedAt: startedAt, limits: MachineLimits(manifest.limits))
  }

  /// The digest under which a value of this run stands in the log.
  func digest(_ value: JSON) -> SHA256Digest { beginning.salt.digest(of: value) }
}

extension MachineLimits {
  public init(_ limits: ToolManifest.Limits) {
    self.init(fuel: limits.fuel, memory: Int(limits.memory), stack: Int(limits.stack), calls: Int(limits.calls))
  }
}

/// A call that was answered and delivered: one line of the journal.
public struct JournalLine: Sendable, Hashable {
  /// The entry's facts.
  public var called: RunCalled
  /// When it was recorded (Unix milliseconds).
  public var at: Int64
  public var arguments: JSON
  public var result: JSON

  public init(called: RunCalled, at: Int64, arguments: JSON, result: JSON) {
    self.called = called
    self.at = at
    self.arguments = arguments
    self.result = result
  }

  /// Entries and words together. Throws ``PayloadMissing`` for the first call whose words are gone.
  public static func join(
    _ called: [(called: RunCalled, at: Int64)], _ words: [RunPayloads.Call], salt: RunSalt
  ) throws(PayloadMissing) -> [JournalLine] {
    var byCall: [Int64: [RunPayloads.Call]] = [:]
    for call in words { byCall[Int64(call.call), default: []].append(call) }
    var lines: [JournalLine] = []
    for (called, at) in called {
      // Two where a crash came between store and log, and another answer was taken the second time.
      let match = byCall[called.call]?.first { call in
        salt.digest(of: call.arguments) == called.arguments && salt.digest(of: call.result) == called.result
      }
      guard let match else { throw PayloadMissing(run: called.run, call: called.call) }
      lines.append(JournalLine(called: called, at: at, arguments: match.arguments, result: match.result))
    }
    return lines
  }

  /// The line for people and programs that may read it.
  public var json: JSON {
    var object = called.body.object ?? [:]
    object["run"] = nil
    object["arguments"] = arguments
    object["result"] = result
    object["at"] = .integer(at)
    return .object(object)
  }

  /// What the engine is told.
  var answer: MachineAnswer {
    MachineAnswer(call: Int(called.call), isError: !called.isOK, value: result.canonicalBytes(), at: at)
  }
}

/// A run that does not do again what it did: where, and in what. Either its source, its engine or its journal is
/// another one.
public struct RunDivergence: Error, Sendable, Hashable, CustomStringConvertible {
  /// Index of the journal's line, or the number of lines when it is the end that differs.
  public var index: Int
  public var expected: String
  public var actual: String

  public init(index: Int, expected: String, actual: String) {
    self.index = index
    self.expected = expected
    self.actual = actual
  }

  public var description: String { "at call \(index): expected \(expected), found \(actual)" }
}

extension RunFailureKind {
  init(_ kind: MachineFailure.Kind) {
    self =
      switch kind {
      case .source: .source
      case .exception: .exception
      case .fuel: .fuel
      case .memory: .memory
      case .stack: .stack
      case .calls: .calls
      case .value: .value
      case .deadlock: .deadlock
      }
  }
}

extension RunIsolation {
  public init(_ isolation: Isolation) {
    self.init(backend: isolation.backend.rawValue, applied: isolation.applied, missing: isolation.missing.keys)
  }
}
