import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import Runs
import Storage
import TestSupport
import Testing

/// What a tool might do to its own record, and to its rates.
@Suite struct RunBoundTests {
  private static func nested(_ depth: Int) -> JSON { (0..<depth).reduce(.null) { value, _ in [value] } }

  @Test func theDeepestValuesOfAToolAreReadAgain() throws {
    let directory = try TemporaryDirectory()
    let blobs = try BlobStore(
      path: directory.file("blobs"), master: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
    let payloads = RunPayloads(blobs: blobs)
    let run = try RunServiceTests.id(1)
    let value = Self.nested(64)
    try payloads.keep(ending: value, of: run, community: "acme")
    try payloads.keep(
      RunPayloads.Call(call: 0, method: "HTTP.get", arguments: value, result: "\u{FFFF}"), of: run, community: "acme")
    let contents = try payloads.contents(of: run, community: "acme")
    #expect(contents.ending == value)
    #expect(contents.calls.first?.arguments == value && contents.calls.first?.result == "\u{FFFF}")
  }

  @Test func ratesHoldForTimersAndTasks() async throws {
    let box = MemoryBox()
    let source = """
      export default async () => {
        const codes = []
        for (const argument of [['sleep', {milliseconds: 0}], ['run', {tool: 'gone'}], ['run', {tool: 'f'.repeat(64)}]])
          for (let i = 0; i < 2; i++)
            try { await Protocol.Workflow[argument[0]](argument[1]); codes.push('ok') } catch (e) { codes.push(e.code) }
        return codes
      }
      """
    let tool = try box.register(
      "timed", source, uses: [("Workflow.sleep", [:]), ("Workflow.run", ["tools": ["*"]])],
      rates: [
        ToolManifest.Rate(method: "Workflow.sleep", count: 1, period: 60),
        ToolManifest.Rate(method: "Workflow.run", count: 1, period: 60),
      ])
    let run = try RunServiceTests.id(1)
    try await RunServiceTests.start(
      RunServiceTests.service(box, MachineSessions(), Echo.Count()), tool, .null)
    _ = await box.first { $0.finished[run] != nil ? true : nil }
    #expect(
      try await box.ending(of: run)?.outcome
        == .result(["ok", "rate_limited", "not_found", "rate_limited", "bad_argument", "bad_argument"]))
  }
}
