import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// The four entries of a run, and the two digests that fix it.
@Suite struct RunEntryTests {
  private static let run = String(repeating: "1a", count: 32)
  private static let digest = String(repeating: "2b", count: 32)
  private static let isolation: JSON = ["backend": "jail", "applied": ["landlock", "seccomp"], "missing": ["cgroup"]]

  private static let started: JSONObject = [
    "run": .string(run), "tool": .string(digest), "community": "acme", "client": "client:app",
    "input": .string(digest), "seed": .string(String(repeating: "07", count: 32)), "isolation": isolation,
    "engine": "quickjs-ng 0.17.0-1",
  ]
  private static let called: JSONObject = [
    "run": .string(run), "index": 0, "call": 2, "method": "HTTP.get", "arguments": .string(digest),
    "result": .string(digest), "ok": true,
  ]
  private static let finished: JSONObject = [
    "run": .string(run), "calls": 1, "chain": .string(digest), "fuel": 12, "result": .string(digest),
    "execution": .string(digest),
  ]

  private func refusedField<Body: EntryBody>(
    _ good: JSONObject, _ changes: JSONObject, without removed: [String] = [],
    _ read: (JSON) throws(FieldError) -> Body
  ) -> String? {
    var body = good
    for (name, value) in changes { body[name] = value }
    for name in removed { body[name] = nil }
    do {
      let made = try read(.object(body))
      #expect(made.body == .object(body))
      #expect(throws: Never.self) { try Entry(parsing: made.entry(at: 1).bytes) }
      return nil
    } catch {
      return error.field
    }
  }

  @Test func startsAndResumptionsAreReadStrictly() throws {
    func refused(_ changes: JSONObject, without removed: [String] = []) -> String? {
      refusedField(Self.started, changes, without: removed, RunStarted.init(body:))
    }
    #expect(refused([:]) == nil)
    #expect(refused(["parent": .string(Self.run), "task": 3]) == nil)
    #expect(refused(["client": .string("run:" + Self.run)]) == nil)
    #expect(refused(["client": "signer:ana"]) == nil)
    #expect(refused(["parent": .string(Self.run)]) == "task")
    #expect(refused(["task": 3]) == "task")
    #expect(refused(["client": "run:app"]) == "client")
    #expect(refused(["client": .string("run:" + Self.run.uppercased())]) == "client")
    #expect(refused(["run": "short"]) == "run")
    #expect(refused(["seed": "07"]) == "seed")
    #expect(refused(["engine": ""]) == "engine")
    #expect(refused(["engine": "quick\u{e9}"]) == "engine")
    #expect(refused(["community": "Acme"]) == "community")
    #expect(refused(["more": 1]) == "more")
    for name in Self.started.keys { #expect(refused([:], without: [name]) == name) }
    let layers: [(JSON, String)] = [
      (["backend": "jail", "applied": ["b", "a"], "missing": []], "isolation.applied[1]"),
      (["backend": "jail", "applied": ["a", "a"], "missing": []], "isolation.applied[1]"),
      (["backend": "jail", "applied": ["a"], "missing": ["a"]], "isolation"),
      (["backend": "jail", "applied": ["a b"], "missing": []], "isolation.applied[0]"),
      (["backend": "", "applied": [], "missing": []], "isolation.backend"),
    ]
    for (isolation, field) in layers { #expect(refused(["isolation": isolation]) == field) }

    let resumed: JSONObject = [
      "run": .string(Self.run), "calls": 4, "isolation": Self.isolation, "engine": "quickjs-ng 0.17.0-1",
    ]
    #expect(refusedField(resumed, [:], RunResumed.init(body:)) == nil)
    #expect(refusedField(resumed, ["calls": -1], RunResumed.init(body:)) == "calls")
  }

  @Test func callsAreReadStrictly() throws {
    func refused(_ changes: JSONObject, without removed: [String] = []) -> String? {
      refusedField(Self.called, changes, without: removed, RunCalled.init(body:))
    }
    #expect(refused([:]) == nil)
    #expect(
      refused([
        "proposal": .string(Self.digest), "child": .string(Self.run), "usage": ["input": 3, "microusd": 9],
        "secrets": ["bank-token@3"],
      ]) == nil)
    #expect(refused(["method": "http"]) == "method")
    #expect(refused(["index": -1]) == "index")
    #expect(refused(["call": 10_001]) == "call")
    #expect(refused(["ok": 1]) == "ok")
    #expect(refused(["usage": [:]]) == "usage")
    #expect(refused(["usage": ["input": 0]]) == "usage.input")
    #expect(refused(["usage": ["in put": 1]]) == "usage")
    for secret in ["bank", "bank@0", "bank@01", "bank@", "@1", "bank@1@2", "Bank@1"] {
      #expect(refused(["secrets": [.string(secret)]]) == "secrets[0]")
    }
    #expect(refused(["secrets": ["a@1", "a@1"]]) == "secrets[1]")
    #expect(refused(["secrets": []]) == "secrets")
    for name in Self.called.keys { #expect(refused([:], without: [name]) == name) }
  }

  @Test func endsAreReadStrictly() throws {
    func refused(_ changes: JSONObject, without removed: [String] = []) -> String? {
      refusedField(Self.finished, changes, without: removed, RunFinished.init(body:))
    }
    let failure: JSON = ["kind": "fuel", "message": .string(Self.digest)]
    #expect(refused([:]) == nil)
    #expect(refused(["failure": failure], without: ["result"]) == nil)
    #expect(refused(["failure": failure]) == "result")
    #expect(refused([:], without: ["result"]) == "result")
    #expect(
      refused(["failure": ["kind": "tired", "message": .string(Self.digest)]], without: ["result"]) == "failure.kind")
    #expect(refused(["fuel": -1]) == "fuel")
  }

  /// The worked example of docs/formats.md section 13; its digests were computed by another program.
  @Test func theExecutionHashIsThatOfTheFormats() throws {
    let salt = try RunSalt(Array(0..<32))
    let manifest = ToolManifest(
      name: "greet", version: "1.0.0", source: SHA256.hash(utf8: "export default async () => 1\n"))
    let answer = RunCalled(
      run: try #require(RunID(hex: Self.run)), index: 0, call: 0, method: "HTTP.get",
      arguments: salt.digest(of: ["url": "https://example.com/"]), result: salt.digest(of: ["status": 200]), isOK: true)
    let chain = RunChain().adding(answer, at: 1_800_000_000_250)
    var hash = ExecutionHash(
      manifest: manifest, community: "acme", engine: "quickjs-ng 0.17.0-1",
      input: salt.digest(of: ["name": "Ada"]), seed: Array(repeating: 7, count: 32), start: 1_800_000_000_000,
      chain: chain, fuel: 12, outcome: .result(salt.digest(of: "Hello, Ada")))
    #expect(manifest.digest.hex == "4eeb8243f1afd12f2fa7f4328fb4650bad747745034fc0f0a881abf1c7c7d3fc")
    #expect(RunChain.start.hex == "fa4b7d5d9b8f130cf5ae6dbc08071963b902da2f90347a9b7f17bfb7ca656875")
    #expect(answer.arguments.hex == "1113acfe406ed48a377b09629c8fe566f8c11db8f81191668e1f329af294e574")
    #expect(chain.digest.hex == "2615e38980192c4c125caaf1a8cf9a6352c9c323d2068c04d76a19ef84e3acad")
    #expect(hash.digest.hex == "7fa24e673920cae427ffa97f1248267de3eba901a7fe4db2879c12be75092aaa")
    let formats = try FaultCodeTests.formats()
    for digest in [manifest.digest, RunChain.start, answer.arguments, chain.digest, hash.digest] {
      #expect(formats.contains(digest.hex))
    }
    let whole = hash.digest
    hash.outcome = .failure(.fuel, message: .of("one"))
    let failed = hash.digest
    hash.outcome = .failure(.fuel, message: .of("two"))
    #expect(hash.digest == failed && failed != whole)
  }
}
