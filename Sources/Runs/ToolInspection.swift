import CanonicalJSON
import Governance
import HostCalls
import JavaScript
import Sandbox

/// What is wrong with a tool that a manifest alone does not show.
public enum ToolInspection {
  /// One sentence for each problem; empty when there is none.
  public static func problems(
    _ manifest: ToolManifest, source: [UInt8], methods: [String: HostMethod]
  ) -> [String] {
    var problems = grantProblems(manifest, methods: methods)
    if let failure = syntaxFailure(source) { problems.append("tool.js: \(failure.message)") }
    return problems
  }

  /// Why the engine does not take the source; nil where it does. Whatever else happens to it in a moment of computing
  /// is no fault of the source.
  private static func syntaxFailure(_ source: [UInt8]) -> MachineFailure? {
    let null = Array("null".utf8)
    let program = MachineProgram(
      source: source, input: null, context: Array("{}".utf8), seed: [UInt8](repeating: 0, count: 32), startedAt: 0,
      limits: MachineLimits(fuel: 1, memory: 16 << 20, stack: 128 << 10, calls: 1))
    do {
      let turn = try Machine(program).start()
      guard case .failed(let failure) = turn.state, failure.kind == .source else { return nil }
      return failure
    } catch {
      return error
    }
  }

  /// Why the engine does not take the source, found out where the tool would run: what nobody has approved yet is not
  /// read in this process. `nil` also where there is no such place here.
  public static func sourceFailure(
    of manifest: ToolManifest, source: [UInt8], in sessions: any SessionSource
  ) async -> MachineFailure? {
    let program = MachineProgram(
      source: source, input: Array("null".utf8), context: Array("{}".utf8), seed: [UInt8](repeating: 0, count: 32),
      startedAt: 0, limits: MachineLimits(fuel: 1, memory: 16 << 20, stack: 128 << 10, calls: 1))
    guard let session = try? await sessions.open(program, demand: manifest.isolation, seconds: 2) else { return nil }
    defer { session.end() }
    guard case .failed(let failure)? = try? await session.begin().state, failure.kind == .source else { return nil }
    return failure
  }

  /// Throws the first of the ``grantProblems(_:methods:)``, with its place under `path`.
  public static func checkGrants(
    _ manifest: ToolManifest, methods: [String: HostMethod], path: String
  ) throws(FieldError) {
    guard let problem = faults(manifest, methods: methods).first else { return }
    throw FieldError(
      field: "\(path).\(problem.place)", expected: "a member that can permit a call", actual: problem.text)
  }

  /// Grants that could never permit a call, because they are of no method or do not speak of all that it is about.
  public static func grantProblems(_ manifest: ToolManifest, methods: [String: HostMethod]) -> [String] {
    faults(manifest, methods: methods).map { "\($0.place): \($0.text)" }
  }

  private static func faults(
    _ manifest: ToolManifest, methods: [String: HostMethod]
  ) -> [(place: String, text: String)] {
    var faults: [(place: String, text: String)] = []
    for (index, grant) in manifest.uses.enumerated() {
      guard let method = methods[grant.method] else {
        faults.append(("uses[\(index)]", "there is no method \(grant.method)"))
        continue
      }
      let missing = method.dimensions.filter { grant.allows[$0] == nil }
      let unknown = grant.allows.keys.filter { !method.dimensions.contains($0) }.sorted()
      if !missing.isEmpty {
        let names = missing.joined(separator: ", ")
        faults.append(("uses[\(index)]", "a grant of \(grant.method) must name \(names); write [\"*\"] for any"))
      }
      if !unknown.isEmpty {
        faults.append(("uses[\(index)]", "calls of \(grant.method) have no \(unknown.joined(separator: ", "))"))
      }
    }
    for rate in manifest.rates where methods[rate.method] == nil {
      faults.append(("rates", "there is no method \(rate.method)"))
    }
    return faults
  }
}
