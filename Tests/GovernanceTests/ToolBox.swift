import CanonicalJSON
import Cryptography

@testable import Governance

/// A box with owners of tools, and runs as the box would record them.
extension TestBox {
  static let community = "acme"

  /// One approval of anybody decides about tools and communities; payments are automatic but bounded per proposer.
  static func withTools(_ changes: [String: Policy?] = [:]) throws -> TestBox {
    var policies: [String: Policy?] = [
      "tools": try Policy("tool.*", "community.*", rule: .single(committee: "everybody")),
      "out": Policy(
        covers: [try Pattern(parsing: "pay.out")], rule: .automatic([]), quota: Quota(open: 9, count: 3, period: 3600)),
    ]
    for (name, policy) in changes { policies[name] = policy }
    return try TestBox(constitution(with: policies))
  }

  static func manifest(
    _ name: String = "greet", _ version: String = "1.0.0", calls: Int64 = 1000, backend: String = "jail",
    full: Bool = false
  ) -> ToolManifest {
    var limits = ToolManifest.Limits()
    limits.calls = calls
    return ToolManifest(
      name: name, version: version, source: SHA256.hash(utf8: "source of \(name)"), limits: limits,
      isolation: ToolManifest.IsolationDemand(backend: backend, isFullRequired: full))
  }

  static func id(_ number: UInt8) -> RunID { RunID(hex: String(repeating: Hex.encode([number]), count: 32)) ?? noRun }

  private static let noRun: RunID = {
    guard let id = RunID(Array(repeating: 0, count: 32)) else { preconditionFailure("32 bytes are a run") }
    return id
  }()

  /// Registers a tool by the vote of one.
  @discardableResult
  mutating func register(_ manifest: ToolManifest) throws -> SHA256Digest {
    let id = try open("tool.register", ["manifest": manifest.json])
    try approve(id, by: "ana")
    try execute(id)
    return manifest.digest
  }

  mutating func retire(_ name: String, _ version: String) throws {
    let id = try open("tool.retire", ["name": .string(name), "version": .string(version)])
    try approve(id, by: "ana")
    try execute(id)
  }

  func started(
    _ number: UInt8, _ tool: SHA256Digest, client: Proposer = .client("app"), community: String = TestBox.community,
    isolation: RunIsolation = RunIsolation(backend: "jail", applied: ["seccomp"], missing: []),
    parent: RunStarted.Task? = nil
  ) -> RunStarted {
    RunStarted(
      run: Self.id(number), tool: tool, community: community, client: client, input: .of("input"),
      seed: Array(repeating: number, count: 32), isolation: isolation, engine: "quickjs-ng 0.17.0-1", parent: parent)
  }

  @discardableResult
  mutating func start(_ number: UInt8, _ tool: SHA256Digest, community: String = TestBox.community) throws -> RunID {
    try apply(started(number, tool, community: community))
    return Self.id(number)
  }

  func called(_ number: UInt8, _ call: Int64, index: Int64? = nil) -> RunCalled {
    let run = Self.id(number)
    return RunCalled(
      run: run, index: index ?? state.run(run)?.calls ?? 0, call: call, method: "HTTP.get", arguments: .of("a"),
      result: .of(.integer(call)), isOK: true)
  }

  mutating func call(_ number: UInt8, _ calls: Int64...) throws {
    for call in calls { try apply(called(number, call)) }
  }

  @discardableResult
  mutating func finish(run number: UInt8, _ outcome: RunOutcome = .result(.of("done"))) throws -> RunFinished {
    let body = try state.finishRunDraft(for: Self.id(number), fuel: 5, outcome: outcome)
    try apply(body)
    return body
  }
}
