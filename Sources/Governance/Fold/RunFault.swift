import Cryptography

/// Why an entry about a run cannot stand in the log.
public enum RunFault: Error, Sendable, Hashable {
  /// A run of that name is live.
  case repeated(RunID)
  /// No live run of that name: it never started, or it has finished.
  case unknownRun(RunID)
  case unknownTool(SHA256Digest)
  case retiredTool(name: String, version: String)
  /// What holds is not what the manifest demands.
  case isolation(expected: ToolManifest.IsolationDemand, actual: RunIsolation)
  /// While the box is stopped by these proposals.
  case stopped(by: [SHA256Digest])
  case sealed(by: [SHA256Digest])
  case tooMany(limit: Int)
  /// The entry counts other answers than were delivered.
  case calls(expected: Int64, actual: Int64)
  /// That call was answered before.
  case answered(call: Int64)
  /// More calls than the manifest allows.
  case callLimit(limit: Int64, actual: Int64)
  /// More calls would be waiting than may.
  case pending(limit: Int)
  case chain(expected: SHA256Digest, actual: SHA256Digest)
  case execution(expected: SHA256Digest, actual: SHA256Digest)
  case measurement(MeasurementFault)
}

extension RunFault: CustomStringConvertible {
  public var code: String {
    switch self {
    case .repeated: "run.repeated"
    case .unknownRun: "run.unknown-run"
    case .unknownTool: "run.unknown-tool"
    case .retiredTool: "run.retired-tool"
    case .isolation: "run.isolation"
    case .stopped: "run.stopped"
    case .sealed: "run.sealed"
    case .tooMany: "run.too-many"
    case .calls: "run.calls"
    case .answered: "run.answered"
    case .callLimit: "run.call-limit"
    case .pending: "run.pending"
    case .chain: "run.chain"
    case .execution: "run.execution"
    case .measurement(let fault): fault.code
    }
  }

  public var description: String {
    switch self {
    case .repeated(let id): "the run \(id) has started before"
    case .unknownRun(let id): "there is no live run \(id)"
    case .unknownTool(let digest): "no tool with the manifest \(digest) is registered"
    case .retiredTool(let name, let version): "\(name) \(version) is retired, and starts no more runs"
    case .isolation(let expected, let actual):
      "runs in \(actual.backend) without \(actual.missing.isEmpty ? "any layer missing" : actual.missing.joined(separator: ", "))"
        + ", the manifest demands \(expected.backend)\(expected.isFullRequired ? " with everything" : "")"
    case .stopped(let digests): "the box is stopped by \(digests.map(\.hex).joined(separator: ", "))"
    case .sealed(let digests): "the box is sealed by \(digests.map(\.hex).joined(separator: ", "))"
    case .tooMany(let limit): "\(limit) runs are live, as many as there is room for"
    case .calls(let expected, let actual): "counts \(actual) delivered answers, there were \(expected)"
    case .answered(let call): "call \(call) was answered before"
    case .callLimit(let limit, let actual): "call \(actual) is beyond the \(limit) calls that the manifest allows"
    case .pending(let limit): "more than \(limit) calls would be waiting"
    case .chain(let expected, let actual): "names the chain \(actual), the answers make \(expected)"
    case .execution(let expected, let actual): "names the execution \(actual), the run makes \(expected)"
    case .measurement(let fault): "\(fault)"
    }
  }
}
