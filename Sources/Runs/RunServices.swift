import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Sandbox

/// Where workers come from.
public protocol SessionSource: Sendable {
  /// What would stand around a tool with this demand; throws where the demand cannot be met.
  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation
  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession
}

/// Where the words of runs lie.
public protocol RunStore: Sendable {
  func keep(_ beginning: RunPayloads.Beginning, of run: RunID, community: String) async throws
  func keep(_ call: RunPayloads.Call, of run: RunID, community: String) async throws
  func keep(ending: JSON, of run: RunID, community: String) async throws
  func contents(of run: RunID, community: String) async throws -> RunPayloads.Contents
  func beginning(of run: RunID, community: String) async throws -> RunPayloads.Beginning?
  /// The calls of a run as the log has them, in order, each with the time of its entry.
  func calls(of run: RunID) async throws -> [(called: RunCalled, at: Int64)]
  func source(_ digest: SHA256Digest) async throws -> [UInt8]?
}

/// Starts runs for runs, and says how they ended.
public protocol TaskSource: Sendable {
  /// Starts a child. Starting the same child again is the same run.
  func start(child: RunRequest) async throws
  /// Waits for the end of a run.
  func ending(of run: RunID) async throws -> RunEnding
  /// Cancels a run, whether it is under way or just being started.
  func cancel(_ run: RunID) async
}

/// How a run ended, in words.
public struct RunEnding: Sendable, Hashable {
  public var at: Int64
  /// The result, or the failure's kind and message.
  public var outcome: Outcome
  public enum Outcome: Sendable, Hashable {
    case result(JSON)
    case failure(kind: RunFailureKind, message: String)
  }

  public init(at: Int64, outcome: Outcome) {
    self.at = at
    self.outcome = outcome
  }
}

/// A run that somebody wants.
public struct RunRequest: Sendable {
  public var id: RunID
  /// The tool version's digest.
  public var tool: SHA256Digest
  public var input: JSON
  public var community: String
  /// On whose behalf.
  public var client: Proposer
  public var parent: RunStarted.Task?

  public init(
    id: RunID, tool: SHA256Digest, input: JSON, community: String, client: Proposer, parent: RunStarted.Task? = nil
  ) {
    self.id = id
    self.tool = tool
    self.input = input
    self.community = community
    self.client = client
    self.parent = parent
  }
}

/// What every driver shares.
struct RunServices: Sendable {
  var host: any RunHost
  var sessions: any SessionSource
  var store: any RunStore
  var tasks: any TaskSource
  var calls: HostCallTable
  var usage: UsageBook
  var report: @Sendable (String) -> Void
  /// How long a tool that only waits keeps its worker.
  var patience: Duration

  /// The journal of a run as log and blob store have it together. What the log names and the store lost is an error:
  /// nothing can be replayed without it.
  func journal(of identity: RunIdentity) async throws -> [JournalLine] {
    let called = try await store.calls(of: identity.id)
    let contents = try await store.contents(of: identity.id, community: identity.started.community)
    return try JournalLine.join(called, contents.calls, salt: identity.beginning.salt)
  }
}

/// The words of a call are gone: erased, or lost with a disk. The run cannot be taken up again.
public struct PayloadMissing: Error, Sendable, Hashable, CustomStringConvertible {
  public var run: RunID
  /// nil for what the run began with.
  public var call: Int64?

  public init(run: RunID, call: Int64?) {
    self.run = run
    self.call = call
  }

  public var description: String {
    "the payload of \(call.map { "call \($0)" } ?? "the input") of run \(run) is not in the blob store"
  }
}
