import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// The worker of a run from outside: killed while it computes, and read while it holds an answer.
@Suite struct WorkerTests {
  private static func register(_ office: Office, _ name: String, _ source: String, _ more: JSONObject = [:]) throws {
    let path = office.directory.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var manifest = more
    manifest["name"] = .string(name)
    manifest["version"] = "1.0"
    manifest["limits"] = ["fuel": 1_000_000, "seconds": 120]
    _ = try office.directory.write(JSON.object(manifest).canonicalBytes(), to: "\(name)/manifest.json")
    _ = try office.directory.write(Array(source.utf8), to: "\(name)/tool.js")
    try office.decide(["tool", "register", path])
  }

  private static func start(_ office: Office, _ tool: String, _ input: JSON = .null) throws -> String {
    let answer = try office.box.ask(
      "POST", "/v1/runs", token: office.token,
      body: ["tool": .string(tool), "community": "acme", "input": input])
    return try #require(try answer.json()["run"]?.string, "\(answer.text)")
  }

  private static func view(_ office: Office, _ run: String, wait: Int = 0) throws -> JSON {
    try office.box.ask("GET", "/v1/runs/\(run)?wait=\(wait)", token: office.token).json()
  }

  /// The worker that computes: of the box's children the one that has used at least a fifth of a second of its processor.
  private static func computing(_ office: Office) throws -> pid_t {
    let parent = try office.box.running.pid
    let deadline = Deadline(150)
    while true {
      try #require(!deadline.hasPassed, "no worker computes")
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard let pid = pid_t(name), let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
          let end = stat.lastIndex(of: ")")
        else { continue }
        let fields = stat[end...].split(separator: " ")
        guard fields.count > 13, pid_t(fields[2]) == parent, let ticks = Int(fields[12]), ticks >= 20 else { continue }
        return pid
      }
    }
  }

  @Test func aWorkerThatIsKilledCostsItsRunAndNothingElse() async throws {
    try await story {
      let office = try Office(settings: false)
      try Self.register(office, "spinning", "export default async () => { while (true) {} }")
      try Self.register(office, "counting", "export default async ({from}) => from + 2")
      let run = try Self.start(office, "spinning")
      #expect(Glibc.kill(try Self.computing(office), SIGKILL) == 0)
      let ended = try Self.view(office, run, wait: 60)
      #expect(ended["status"] == "failed")
      #expect(ended["failure"]?["kind"] == "worker")
      let next = try Self.start(office, "counting", ["from": 40])
      #expect(try Self.view(office, next, wait: 60)["result"] == 42)
    }
  }

  /// Reads everything that a process has mapped and may read.
  private static func memory(of pid: pid_t, contains texts: [String]) throws -> Set<String> {
    let maps = try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)
    let file = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
    try #require(file >= 0, "the worker's memory cannot be read")
    defer { close(file) }
    var found: Set<String> = []
    for line in maps.split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      let range = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
      guard range.count == 2, fields[1].hasPrefix("r"), range[1] - range[0] <= 256 << 20 else { continue }
      var bytes = Data(count: Int(range[1] - range[0]))
      let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, off_t(range[0])) }
      guard count > 0 else { continue }
      let region = bytes.prefix(count)
      for text in texts where region.range(of: Data(text.utf8)) != nil { found.insert(text) }
    }
    return found
  }

  @Test(.enabled(if: geteuid() == 0, "reading another process's memory takes root"))
  func aSecretThatARunUsesIsNotInItsWorker() async throws {
    try await story {
      let office = try Office()
      try Self.register(
        office, "holding",
        """
        export default async function (input) {
          let answer
          try {
            answer = await Protocol.HTTP.get({
              url: input.url, headers: {Authorization: "Bearer {{keychain:bank-token}}"},
            })
          } catch (error) { answer = {code: error.code} }
          const held = JSON.stringify(answer) + "marker-of-" + "this-run"
          while (held.length > 0) {}
        }
        """,
        [
          "uses": [["method": "HTTP.get", "hosts": [.string(office.box.bank.address)], "paths": ["*"]]],
          "secrets": ["bank-token"],
        ])
      let run = try Self.start(office, "holding", ["url": .string("http://\(office.box.bank.address)/payments")])
      let worker = try Self.computing(office)
      let value = "a-token-of-the-bank"
      let found = try Self.memory(of: worker, contains: [value, "marker-of-this-run", "{{keychain:bank-token}}"])
      // The control: what the tool itself holds is found, so the value would be.
      #expect(found == ["marker-of-this-run", "{{keychain:bank-token}}"])
      let journal = try office.box.ask("GET", "/v1/runs/\(run)/journal", token: office.token)
      let call = try #require(try journal.json()["calls"]?.array?.first)
      #expect(call["secrets"] == ["bank-token@1"])
      #expect(!journal.text.contains(value))
      try office.safebox(["run", "cancel", run])
      #expect(try Self.view(office, run, wait: 60)["status"] == "cancelled")
      for file in FileManager.default.enumerator(atPath: office.box.data)?.compactMap({ $0 as? String }) ?? [] {
        guard let data = FileManager.default.contents(atPath: office.box.data + "/" + file) else { continue }
        #expect(data.range(of: Data(value.utf8)) == nil, "\(file)")
      }
    }
  }
}
