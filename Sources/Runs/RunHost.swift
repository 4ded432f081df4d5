import CanonicalJSON
import Cryptography
import Governance
import HostCalls

/// What runs need of the box around them: the log, proposals and time.
///
/// Everything that records is durable when it returns: what a tool has been told cannot be forgotten.
public protocol RunHost: Sendable {
  /// Unix milliseconds.
  var now: Int64 { get }

  /// Appends `run.started` and returns its time: the beginning of the tool's time.
  func record(_ started: RunStarted) async throws -> Int64

  /// Whether the log has begun a run of this id.
  func isKnown(run: RunID) async throws -> Bool

  /// What the log says of a run's beginning; nil for one that it does not know.
  func started(_ run: RunID) async throws -> RunStarted?

  /// How a run ended; nil when it has not.
  func ending(of run: RunID) async throws -> RunEnding?

  /// 32 secret bytes that belong to the id, the same ones at every call.
  func secret(of run: RunID) async throws -> [UInt8]

  /// The manifest of a registered tool version, retired or not.
  func manifest(of tool: SHA256Digest) async throws -> ToolManifest?

  /// Appends `run.called` and returns its time: what the tool's clock shows from then on.
  func record(_ called: RunCalled) async throws -> Int64

  /// Appends `run.resumed`.
  func record(_ resumed: RunResumed) async throws

  /// Appends `run.finished`, to which the fold adds chain and execution hash, and returns its time.
  func finish(run: RunID, fuel: Int64, outcome: RunOutcome) async throws -> Int64

  /// Proposes an action in a run's name. Proposing again for the same call is the same proposal.
  func propose(
    _ type: String, _ params: JSONObject, disclose: Set<String>, run: RunID, call: Int
  ) async throws -> SHA256Digest

  /// Waits until a proposal is over, for as long as it takes. Returns early, with nil, only when the task is cancelled or the box
  /// stops.
  func settlement(of proposal: SHA256Digest) async throws -> ProposalSettlement?

  /// Withdraws what a run has proposed and nobody has begun to carry out.
  func withdraw(_ proposal: SHA256Digest, run: RunID) async

  /// What a run has proposed and nobody has decided or withdrawn, also before a crash.
  func openProposals(of run: RunID) async throws -> [SHA256Digest]

  /// The tasks of a run that have no end in the log.
  func openTasks(of run: RunID) async throws -> [RunID]

  /// The tool version that `NAME` (the newest registered), `NAME@VERSION` or a digest names; nil where there is none that may
  /// be started.
  func tool(named text: String) async throws -> SHA256Digest?

  /// The settings of a community as they are now.
  func settings(of community: String) async throws -> CommunitySettings
}

/// What became of a proposal.
public struct ProposalSettlement: Sendable, Hashable {
  /// `executed`, `failed`, `unknown`, `denied`, `objected`, `expired`, `withdrawn` or `stale`.
  public var status: String
  /// What the executor recorded, with what it committed to opened.
  public var result: JSON

  public init(status: String, result: JSON) {
    self.status = status
    self.result = result
  }

  /// What the tool's promise gets.
  func answer(_ proposal: SHA256Digest) -> Result<JSON, HostCallError> {
    let facts: JSONObject = [
      "proposal": .string(proposal.hex), "status": .string(status), "result": result,
    ]
    switch status {
    case "executed": return .success(.object(facts))
    case "failed", "unknown":
      let reason = result["reason"]?.string ?? result["status"]?.integer.map { "the peer answered \($0)" }
      let text = "the action ended as \(status)" + (reason.map { ": \($0)" } ?? "")
      return .failure(HostCallError(status, text, details: facts))
    default: return .failure(HostCallError("denied", "the proposal is \(status)", details: facts))
    }
  }
}
