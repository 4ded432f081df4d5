import CanonicalJSON
import Cryptography
import Governance

/// What an executor is told to do: approved, opened, and nothing else.
public struct ExecutionOrder: Sendable {
  /// The action digest: the proposal's name, and the key under which a peer can recognise a repetition.
  public let proposal: SHA256Digest
  /// The statement that was approved.
  public let statement: Statement
  /// The statement's params with every commitment replaced by its opened and checked value.
  public let params: JSONObject
  /// The policy under which it was approved.
  public let policy: Policy
  /// The settings of the community that `params.community` names; empty where it names none.
  public let settings: CommunitySettings

  package init(
    proposal: SHA256Digest, statement: Statement, params: JSONObject, policy: Policy,
    settings: CommunitySettings = CommunitySettings()
  ) {
    self.proposal = proposal
    self.statement = statement
    self.params = params
    self.policy = policy
    self.settings = settings
  }
}

/// What came of an execution, as `execution.finished` records it.
public enum ExecutionOutcome: Sendable {
  /// The effect took place.
  case executed(result: JSONObject, opening: Opening?)
  /// The effect did not take place, or the peer refused it.
  case failed(result: JSONObject, opening: Opening?)
  /// Nobody here can know. A human resolves it.
  case unknown(result: JSONObject)
}

/// One row of the table of action types.
public protocol ActionExecutor: Sendable {
  /// The action type, as in `http.request`.
  var type: String { get }
  /// Members of `params` that are replaced by salted commitments unless the proposer discloses them.
  var privateParams: Set<String> { get }
  /// Those of them that are secrets: never disclosed, shown to nobody, and erased when the execution has ended, whichever
  /// way. `reconcile` finds them missing where they were erased already.
  var secretParams: Set<String> { get }
  /// Refuses params that the executor could not carry out, before anybody is asked to approve them.
  func validate(params: JSON) throws(FieldError)
  /// Carries out the order. Called at most once for a proposal.
  func execute(_ order: ExecutionOrder) async -> ExecutionOutcome
  /// Called instead of `execute` when the box died between the start and the finish of an execution.
  func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome
}

extension ActionExecutor {
  public var secretParams: Set<String> { [] }
}

/// The action types that this box can carry out outside the log. The governance types need no executor: the fold is theirs.
public struct ExecutorTable: Sendable {
  private let executors: [String: any ActionExecutor]

  public init(_ executors: [any ActionExecutor]) {
    var table: [String: any ActionExecutor] = [:]
    for executor in executors { table[executor.type] = executor }
    self.executors = table
  }

  public subscript(type: String) -> (any ActionExecutor)? { executors[type] }

  /// All types, sorted.
  public var types: [String] { executors.keys.sorted() }
}
