import CanonicalJSON
import Foundation
import TestSupport
import Testing

@testable import ModelContextProtocol

/// An agent with the official client of the Model Context Protocol, `safebox mcp`, and a real box with tools in the jail.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
struct AgentTests {
  private static let adder = "export default async function (input) { return { sum: input.a + input.b } }"
  private static let payer = """
    export default async function (input) {
      const done = await Protocol.HTTP.send({ method: "POST", url: input.url, body: { amount: input.amount } });
      return { status: done.status };
    }
    """

  private static func box() throws -> TestBox {
    try TestBox { constitution in
      var policies = constitution["policies"]?.object ?? [:]
      policies["tools"] = [
        "covers": ["tool.*"], "rule": ["rule": "single", "committee": "owners"], "maxExpiry": 86_400,
      ]
      constitution["policies"] = .object(policies)
    }
  }

  private static func register(
    _ name: String, _ version: String, _ source: String, uses: JSON = [], _ box: TestBox
  ) throws {
    let directory = try TemporaryDirectory()
    try directory.write(Array(source.utf8), to: "tool.js")
    let manifest: JSON = [
      "name": .string(name), "version": .string(version), "description": .string("The tool \(name)."),
      "input": ["type": "object"], "uses": uses,
    ]
    try directory.write(manifest.canonicalBytes(), to: "manifest.json")
    let ending = try box.safebox("tool", "register", directory.path, "--json", expecting: 3)
    let proposal = try #require(try ending.json["proposal"]?.string)
    try box.approve(proposal, by: "engineer")
    try box.wait(for: "executed", of: proposal)
  }

  private static func grant(_ box: TestBox) -> JSON {
    ["method": "HTTP.send", "hosts": [.string(box.bank.address)], "paths": ["/payments"], "methods": ["POST"]]
  }

  /// The client, started with these steps.
  private static func agent(_ configuration: JSONObject) throws -> SpawnedProcess {
    try SpawnedProcess(
      PythonPeer.interpreter,
      ["-B", Vectors.packageRoot + "/Tests/Peers/mcp_client.py", JSON.object(configuration).canonicalString()])
  }

  private static func said(_ agent: SpawnedProcess) throws -> [JSON] {
    let ending = try agent.wait()
    try #require(ending.status == 0, "\(ending.output)\(ending.errors)")
    return try ending.output.split(separator: "\n").map {
      try JSON(parsing: Array($0.utf8), limits: .document(maxBytes: 1 << 20))
    }
  }

  /// The first proposal that is open.
  private static func openProposal(_ box: TestBox) throws -> String {
    let deadline = Deadline(150)
    while true {
      let open = try box.ask("GET", "/v1/proposals?status=open").json()["proposals"]?.array ?? []
      if let proposal = open.first?["proposal"]?.string { return proposal }
      try #require(!deadline.hasPassed)
    }
  }

  @Test func aPaymentThatAnAgentAskedForIsDecidedByPeople() async throws {
    try await story {
      let box = try Self.box()
      try Self.register("adder", "1.9.0", "export default async () => 0", box)
      try Self.register("adder", "1.10.0", Self.adder, box)
      try Self.register("payer", "1.0.0", Self.payer, uses: [Self.grant(box)], box)

      let token = try box.token("read", "run")
      let environment = ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": token]
      let secret = try box.directory.write(Array("an-agent-token-0123456789\n".utf8), to: "agent-token")
      // No call is to end because this machine is slow.
      let command = ["mcp", "--community", "acme", "--wait", "300"]
      let server = try SpawnedProcess(
        Safebox.path, command + ["--listen", "127.0.0.1:0", "--agent-token-file", secret], environment: environment)
      let url = try #require(try server.firstLine().split(separator: " ").last.map(String.init))
      let steps: [JSON] = [
        ["list": true], ["call": "adder", "arguments": ["a": 2, "b": 40], "progress": true],
        ["call": "payer", "arguments": ["url": .string("http://\(box.bank.address)/payments"), "amount": 7]],
      ]
      var listings: [JSON] = []
      for (count, way) in [("2026-07-28", false), ("legacy", true), ("2026-07-28", true), ("legacy", false)]
        .enumerated()
      {
        var configuration: JSONObject = ["mode": .string(way.0), "elicits": "accept", "steps": .array(steps)]
        if way.1 {
          configuration["url"] = .string(url)
          configuration["token"] = "an-agent-token-0123456789"
        } else {
          configuration["command"] = .array(([Safebox.path] + command).map(JSON.string))
          configuration["environment"] = .object(JSONObject(environment.map { ($0.key, .string($0.value)) }))
        }
        let agent = try Self.agent(configuration)
        let proposal = try Self.openProposal(box)
        #expect(box.bank.booked.count == count)
        try box.approve(proposal, by: "engineer")
        try box.approve(proposal, by: "compliance")
        let said = try Self.said(agent)

        listings.append(try #require(said.first { $0["tools"] != nil }?["tools"]))
        let sum = try #require(said.first { $0["structuredContent"]?["sum"] != nil })
        #expect(sum["structuredContent"] == ["sum": 42])
        let elicitation = try #require(said.first { $0["elicitation"] != nil }?["elicitation"])
        #expect(elicitation["url"] == .string("http://\(box.address)/v1/proposals/\(proposal)"))
        #expect(elicitation["message"]?.string?.contains(proposal) == true)
        let paid = try #require(said.last { $0["structuredContent"] != nil })
        #expect(paid["structuredContent"] == ["status": "executed"])
        #expect(box.bank.booked.count == count + 1)
        let run = try #require(paid["_meta"]?["safebox/run"]?.string)
        let view = try box.ask("GET", "/v1/runs/\(run)", token: token).json()
        #expect(view["execution"] == paid["_meta"]?["safebox/execution"])
      }
      let runs = try box.ask("GET", "/v1/runs").json()["runs"]?.array ?? []
      #expect(runs.count == 8)
      #expect(Set(listings).count == 1)
      let tools = listings[0].array ?? []
      #expect(tools.compactMap { $0["title"]?.string }.filter { $0.hasPrefix("adder") } == ["adder 1.10.0"])
      #expect(
        tools.filter { $0["annotations"]?["destructiveHint"] == true }.compactMap { $0["name"]?.string } == [
          "payer", "safebox_run_cancel",
        ])

      // What the listing says of a method is what the box holds it to be.
      let methods = try box.ask("GET", "/v1/methods").json()["methods"]?.array ?? []
      for method in methods {
        let name = try #require(method["method"]?.string)
        if ListedTool.observing.contains(name) { #expect(method["class"] != "change", "\(name)") }
      }
      let known = Set(methods.compactMap { $0["method"]?.string })
      #expect(ListedTool.observing.subtracting(known).isEmpty)

      // A name that points at loopback without being one of the server's.
      let stream = try HTTPStream(String(url.dropFirst("http://".count).dropLast("/mcp".count)))
      try stream.send("POST /mcp HTTP/1.1\r\nHost: rebound.example\r\nContent-Length: 0\r\n\r\n")
      #expect(try stream.head().status == 421)
      server.signal(SIGTERM)
      #expect(try server.wait().status == 0)
    }
  }

  @Test func aRunThatNobodyDecidesIsCancelled() async throws {
    try await story {
      let box = try Self.box()
      try Self.register("payer", "1.0.0", Self.payer, uses: [Self.grant(box)], box)
      let agent = try Self.agent([
        "mode": "2026-07-28", "command": [.string(Safebox.path), "mcp", "--community", "acme", "--wait", "1"],
        "environment": [
          "SAFEBOX_BOX": .string("http://\(box.address)"), "SAFEBOX_TOKEN": .string(try box.token("read", "run")),
        ],
        "steps": [
          ["call": "payer", "arguments": ["url": .string("http://\(box.bank.address)/payments"), "amount": 7]],
          ["call": "safebox_run_result", "run": true], ["call": "safebox_run_cancel", "run": true],
        ],
      ])
      let results = try Self.said(agent).compactMap { $0["structuredContent"] }
      #expect(results.map { $0["status"] } == ["pending", "pending", "cancelled"])
      #expect(Set(results.map { $0["run"] }).count == 1)
      let proposal = try #require(results.first?["proposals"]?.array?.first?["digest"]?.string)
      #expect(try box.proposal(proposal).at("status", "name") == "withdrawn")
      #expect(box.bank.asked.isEmpty)
    }
  }

  @Test func aServerThatOthersCanReachDemandsAToken() async throws {
    try await story {
      let start = ["mcp", "--community", "acme", "--box", "http://127.0.0.1:1"]
      for more in [
        ["--listen", "0.0.0.0:0"], ["--listen", "nowhere"], ["--wait", "0"], ["--approvals", "ftp://x/{proposal}"],
        ["--host", "agents.example"],
      ] {
        try Safebox.run(start + more, expecting: 2)
      }
      let directory = try TemporaryDirectory()
      let short = try directory.write(Array("short\n".utf8), to: "token")
      try Safebox.run(start + ["--listen", "0.0.0.0:0", "--agent-token-file", short], expecting: 1)
    }
  }
}
