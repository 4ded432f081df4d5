import CanonicalJSON
import Governance
import HostCalls
import JavaScript
import Sandbox

/// Answers for the host calls of a tool that is tried out without a box.
///
/// A JSON array of `{"method","arguments"?,"answer"}` or `{"method","arguments"?,"error":{"code","message"}}`: a call gets the first one of
/// its method whose `arguments` are all in it. One that is marked `"once":true` is used up.
public struct Fixtures: Sendable {
  struct Fixture: Sendable {
    var method: String
    var arguments: JSONObject
    var isOnce: Bool
    var answer: Result<JSON, HostCallError>
  }
  private var fixtures: [Fixture]

  public static let maxCount = 10_000

  public init(json: JSON) throws(FieldError) {
    guard let array = json.array, array.count <= Self.maxCount else {
      throw FieldError(
        field: "fixtures", expected: "an array of at most \(Self.maxCount) answers", actual: json.summary)
    }
    var fixtures: [Fixture] = []
    for (index, element) in array.enumerated() {
      var reader = try ObjectReader(element, path: "fixtures[\(index)]")
      let method = try reader.string("method", maxBytes: 64)
      let arguments = reader.optionalJSON("arguments")?.object ?? [:]
      let isOnce = try reader.optionalBool("once", default: false)
      let answer: Result<JSON, HostCallError>
      if var error = try reader.optionalObject("error") {
        answer = .failure(
          HostCallError(
            try error.string("code", maxBytes: 64), try error.optionalString("message", maxBytes: 4096) ?? ""))
      } else {
        answer = .success(try reader.json("answer"))
      }
      try reader.finish()
      fixtures.append(Fixture(method: method, arguments: arguments, isOnce: isOnce, answer: answer))
    }
    self.fixtures = fixtures
  }

  mutating func answer(_ method: String, _ arguments: JSON) -> Result<JSON, HostCallError>? {
    let place = fixtures.firstIndex { fixture in
      fixture.method == method && fixture.arguments.allSatisfy { arguments[$0.key] == $0.value }
    }
    guard let place else { return nil }
    let answer = fixtures[place].answer
    if fixtures[place].isOnce { fixtures.remove(at: place) }
    return answer
  }
}

/// Runs a tool by itself, with fixtures in the place of the world: to try it out, and to learn what it uses.
public enum FixtureRun {
  /// What came of it.
  public struct Report: Sendable {
    public var outcome: Result<JSON, MachineFailure>
    public var fuel: Int64
    /// Method and arguments of each call with its answer, in order.
    public var calls: [(method: String, arguments: JSON, answer: Result<JSON, HostCallError>)]
    /// The least grants with which it would have done the same.
    public var learned: LearnedGrants
    public var logs: [String]
  }

  /// - Parameter isPermissive: whether calls that the manifest does not grant are answered all the same.
  public static func run(
    _ manifest: ToolManifest, source: [UInt8], input: JSON, community: String, settings: CommunitySettings,
    fixtures: Fixtures, calls table: HostCallTable, isPermissive: Bool, sessions: any SessionSource
  ) async throws -> Report {
    let startedAt: Int64 = 1_767_225_600_000
    let program = MachineProgram(
      source: source, input: input.canonicalBytes(),
      context: JSON.object([
        "community": .string(community), "tool": .string(manifest.name), "version": .string(manifest.version),
      ]).canonicalBytes(),
      seed: [UInt8](repeating: 0, count: 32), startedAt: startedAt, limits: MachineLimits(manifest.limits))
    let session = try await sessions.open(
      program, demand: manifest.isolation, seconds: Int(manifest.limits.seconds))
    defer { session.end() }
    var fixtures = fixtures
    var report = Report(
      outcome: .success(.null), fuel: 0, calls: [], learned: LearnedGrants(), logs: [])
    var turn = try await session.begin()
    var open: [MachineCall] = []
    var at = startedAt
    while true {
      report.logs += turn.logs
      report.fuel = turn.fuel
      open += turn.calls
      switch turn.state {
      case .finished(let text):
        report.outcome = .success(try Rebuild.json(text))
        return report
      case .failed(let failure):
        report.outcome = .failure(failure)
        return report
      case .waiting: break
      }
      let call = open.removeFirst()
      let arguments = try Rebuild.json(call.arguments)
      let context = HostCallContext(
        run: String(repeating: "0", count: 64), call: call.number, tool: manifest, community: community,
        settings: settings, now: at)
      let answer = Self.answer(
        call.method, arguments, context, table, isPermissive, &fixtures, &report.learned)
      report.calls.append((call.method, arguments, answer))
      at += 1
      switch answer {
      case .success(let value):
        turn = try await session.answer(
          MachineAnswer(call: call.number, isError: false, value: value.canonicalBytes(), at: at))
      case .failure(let error):
        turn = try await session.answer(
          MachineAnswer(call: call.number, isError: true, value: error.json.canonicalBytes(), at: at))
      }
    }
  }

  private static func answer(
    _ method: String, _ arguments: JSON, _ context: HostCallContext, _ table: HostCallTable, _ isPermissive: Bool,
    _ fixtures: inout Fixtures, _ learned: inout LearnedGrants
  ) -> Result<JSON, HostCallError> {
    do throws(HostCallError) {
      guard let entry = table[method] ?? WorkflowMethods.all.first(where: { $0.name == method }) else {
        throw HostCallError("not_granted", "there is no method \(JSON.string(method).summary)")
      }
      let plan: HostCallPlan
      if table[method] == nil {
        plan = try WorkflowMethods.plan(method, arguments: arguments)
      } else {
        plan = try table.plan(method, arguments: arguments, in: context)
      }
      learned.add(plan, method: entry)
      if !isPermissive, let refusal = CallGate.refusal(of: plan, method: entry, in: context, ledger: UsageLedger()) {
        throw refusal
      }
    } catch {
      return .failure(error)
    }
    return fixtures.answer(method, arguments)
      ?? .failure(HostCallError("not_found", "no fixture answers this call of \(method)"))
  }
}

extension WorkflowMethods {
  /// What a call of them is about.
  static func plan(_ method: String, arguments: JSON) throws(HostCallError) -> HostCallPlan {
    let nothing = HostCallPlan.Step.observe { HostCallOutcome(.success(.null)) }
    do throws(FieldError) {
      guard method == run.name else {
        _ = try SleepArguments(arguments)
        return HostCallPlan(facts: [[:]], step: nothing)
      }
      let task = try TaskArguments(arguments)
      return HostCallPlan(facts: [["tools": String(task.tool.prefix { $0 != "@" })]], step: nothing)
    } catch {
      throw HostCallError(error)
    }
  }
}
