import CanonicalJSON
import Cryptography

/// What a supervisor says of one runner.
public struct RunnerStatus: Sendable {
  /// Where a runner is in its life.
  public enum Phase: String, Sendable, Hashable {
    /// Being verified, made, or not yet ready.
    case starting
    case ready
    /// Takes no new requests.
    case draining
    /// Ended, and waits to be started again.
    case waiting
    /// Left alone: it failed too often, or its model was refused.
    case failed
  }

  public var name: String
  public var modelName: String
  /// The model's manifest.
  public var model: SHA256Digest
  public var runnerType: String
  public var root: SHA256Digest
  public var isolation: RunnerIsolation
  public var phase: Phase
  /// What to connect to.
  public var socket: String
  public var slots: Int
  /// Ends that nobody asked for, since the first start.
  public var restarts = 0
  /// From the beginning of the last start until it answered, verifying included.
  public var startMilliseconds: Int64?
  /// The first process of the container, in the host's numbers.
  public var pid: Int32?
  public var containment: Containment?
  /// Why it ended the last time, or is not ready.
  public var lastFault: String?

  /// As an API shows it.
  public var json: JSON {
    var object: JSONObject = [
      "name": .string(name), "model": .string(modelName), "manifest": .string(model.hex), "type": .string(runnerType),
      "root": .string(root.hex), "isolation": .string(isolation.rawValue), "phase": .string(phase.rawValue),
      "socket": .string(socket), "slots": .integer(Int64(slots)), "restarts": .integer(Int64(restarts)),
    ]
    object["startMilliseconds"] = startMilliseconds.map(JSON.integer)
    object["pid"] = pid.map { .integer(Int64($0)) }
    object["fault"] = lastFault.map(JSON.string)
    if let containment {
      object["applied"] = .array(containment.applied.map(JSON.string))
      object["missing"] = .object(
        JSONObject(containment.missing.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
      object["controlGroups"] = .string(containment.limits.hierarchy.rawValue)
    }
    return .object(object)
  }
}

/// What an operator ought to hear of.
public enum RunnerAlarm: Sendable, Hashable {
  /// It ended though nobody asked it to.
  case ended(name: String, why: String)
  /// It does not answer and is killed.
  case unresponsive(name: String)
  /// It failed so often that it is left alone.
  case gaveUp(name: String, failures: Int, why: String)
  /// The model's files are no longer what was approved: it is not started.
  case modelRefused(name: String, why: String)
  /// The runner's root file system is no longer what was approved.
  case rootRefused(name: String, why: String)
  /// Requests were cut off at the end of a drain.
  case drainCutShort(name: String, connections: Int)
}
