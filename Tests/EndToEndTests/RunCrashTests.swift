import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The box is killed at every call of a run that looks, changes, waits for people, starts a task and sleeps.
@Suite struct RunCrashTests {
  private static let source = """
    export default async function (input) {
      const before = await Protocol.Files.list({stream: "invoices"})
      const written = await Protocol.Files.write(
        {stream: "invoices", name: "once.txt", text: "once"})
      const task = await Protocol.Workflow.run({tool: "counting", input: {from: 40}})
      await Protocol.Workflow.sleep({milliseconds: 50})
      const paid = await Protocol.HTTP.send({
        method: "POST", url: input.bank, body: {to: "DE02", amount: 100, currency: "EUR", reference: "once"},
        idempotent: true,
      })
      const after = await Protocol.Files.list({stream: "invoices"})
      return {before: before.items.length, after: after.items.length, written: written.status, task, paid: paid.status}
    }
    """

  private func register(
    _ office: Office, _ name: String, _ source: String, uses: JSON
  ) throws {
    let path = office.directory.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let manifest: JSON = ["name": .string(name), "version": "1.0", "uses": uses]
    _ = try office.directory.write(manifest.canonicalBytes(), to: "\(name)/manifest.json")
    _ = try office.directory.write(Array(source.utf8), to: "\(name)/tool.js")
    try office.decide(["tool", "register", path])
  }

  @Test func aRunThatIsKilledAtEveryCallHappensOnce() async throws {
    try await story {
      let office = try Office()
      try register(office, "counting", "export default async ({from}) => from + 2", uses: [])
      try register(
        office, "living", Self.source,
        uses: [
          ["method": "Files.list", "streams": ["invoices"]], ["method": "Files.write", "streams": ["invoices"]],
          ["method": "Workflow.run", "tools": ["counting"]], ["method": "Workflow.sleep"],
          [
            "method": "HTTP.send", "hosts": [.string(office.box.bank.address)], "paths": ["/payments"],
            "methods": ["POST"],
          ],
        ])
      let body: JSON = [
        "tool": "living", "community": "acme",
        "input": ["bank": .string("http://\(office.box.bank.address)/payments")],
      ]
      func start() throws -> String {
        let answer = try office.box.ask("POST", "/v1/runs", token: office.token, body: body)
        return try #require(try answer.json()["run"]?.string, "\(answer.text)")
      }
      func view(_ run: String) throws -> JSON {
        try office.box.ask("GET", "/v1/runs/\(run)", token: office.token).json()
      }
      let run = try start()
      // Killed at its very beginning, wherever that is by now; then once for each number of delivered calls that is seen,
      // as soon as it is. A fast run has gone past some of them between two looks.
      try office.box.kill()
      try office.box.start()
      var seen: Set<Int64> = []
      var proposal: String?
      let deadline = Deadline(180)
      while true {
        try #require(!deadline.hasPassed)
        let now = try view(run)
        try #require(now["status"] != "failed", "\(now)")
        if now["status"] == "finished" { break }
        if seen.insert(now["calls"]?.integer ?? -1).inserted {
          try office.box.kill()
          try office.box.start()
        } else if proposal == nil, now["calls"] == 4, let waiting = now["waiting"]?.array?.first?["proposal"]?.string {
          proposal = waiting
          office.box.bank.hold()
          try office.box.approve(waiting, by: "engineer")
          try office.box.approve(waiting, by: "auditor")
          // Once more while the bank has booked and not answered.
          try office.box.bank.waitForRequest()
          try office.box.kill()
          office.box.bank.release()
          try office.box.start()
        }
      }
      let ended = try view(run)
      // There it waited for people.
      #expect(seen.contains(4))
      #expect(ended["result"] == ["before": 0, "after": 1, "written": "executed", "task": 42, "paid": "executed"])
      #expect(office.box.bank.booked == [try #require(proposal)])
      #expect(ended["calls"] == 6)
      #expect(ended["children"]?.array?.count == 1)
      // What was interrupted so often is what the tool does undisturbed.
      let receipt = office.directory.file("receipt.json")
      let bundle = office.directory.file("bundle.json")
      let token = try office.box.token(client: "auditor", ["read", "openings", "run"])
      try Data(try office.box.ask("GET", "/v1/runs/\(run)/receipt", token: token).body).write(
        to: URL(fileURLWithPath: receipt))
      try Data(try office.box.ask("GET", "/v1/runs/\(run)/bundle", token: token).body).write(
        to: URL(fileURLWithPath: bundle))
      let replayed = try office.safebox([
        "run", "replay", receipt, "--bundle", bundle, "--box-key", office.box.publicKeys,
      ])
      #expect(replayed.output.contains(try #require(ended["execution"]?.string)))
      let archive = office.directory.file("audit.tar")
      try Safebox.run(["audit", "export", "--data", office.box.data, "--out", archive])
      try Safebox.run(["audit", "verify", archive, "--box-key", office.box.publicKeys])
    }
  }
}
