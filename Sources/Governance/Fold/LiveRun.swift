import CanonicalJSON
import Cryptography

/// A run that has started and not finished, as far as the fold follows it.
public struct LiveRun: Sendable, Hashable {
  public let id: RunID
  /// Digest of the manifest.
  public let tool: SHA256Digest
  public let community: String
  public let client: Proposer
  /// Salted digest of the input.
  public let input: SHA256Digest
  public let seed: [UInt8]
  public let parent: RunStarted.Task?
  /// Unix milliseconds.
  public let startedAt: Int64
  /// Index of its `run.started` entry.
  public let startedIndex: UInt64
  /// That of the last session: a session computes everything from the beginning.
  public internal(set) var engine: String
  /// The answers delivered so far.
  public internal(set) var chain = RunChain()
  /// How many calls are known to have been made: one more than the highest number that was answered.
  private(set) var known: UInt16 = 0
  /// Those of them that are not answered yet, ascending.
  private(set) var unanswered: [UInt16] = []

  /// Runs that may be live at one time.
  public static let maxCount = 100_000
  /// Calls that may wait for their answers at one time, as for the engine (MachineLimits.maxPendingCalls).
  static let maxPending = 256

  init(_ body: RunStarted, at now: Int64, index: UInt64) {
    id = body.run
    tool = body.tool
    community = body.community
    client = body.client
    input = body.input
    seed = body.seed
    parent = body.parent
    startedAt = now
    startedIndex = index
    engine = body.engine
  }

  /// How many answers were delivered.
  public var calls: Int64 { chain.count }

  /// Whether a call's answer was delivered.
  public func isAnswered(_ call: Int64) -> Bool {
    guard let number = UInt16(exactly: call), number < known else { return false }
    return !unanswered.contains(number)
  }

  /// Calls that must wait if this one is answered now: all with a lower number that are not answered.
  func pending(with call: UInt16) -> Int {
    call < known ? unanswered.count : unanswered.count + Int(call - known) + 1
  }

  mutating func deliver(_ answer: RunCalled, at now: Int64) {
    chain.add(answer, at: now)
    guard let call = UInt16(exactly: answer.call) else { return }
    if call < known {
      unanswered.removeAll { $0 == call }
    } else {
      unanswered += known..<call
      known = call + 1
    }
  }
}

extension BoxState {
  /// A run that has started and not finished; nil for every other.
  public func run(_ id: RunID) -> LiveRun? { runs[id] }

  /// Every such run, in no particular order.
  public var liveRuns: some Collection<LiveRun> & Sendable { runs.values }

  /// Whom a proposer's quotas count for. Runs of one tool for one community count together, whichever version they are
  /// of: an agent does not get more by starting more of them. nil for a run that is not live.
  package func party(of proposer: Proposer) -> String? {
    guard case .run(let id) = proposer else { return proposer.text }
    guard let run = runs[id], let name = toolName(of: id) else { return nil }
    return "tool:\(name)/\(run.community)"
  }

  /// The name of a live run's tool.
  func toolName(of id: RunID) -> String? {
    runs[id].flatMap { registry.byDigest[$0.tool]?.manifest.name }
  }
}
