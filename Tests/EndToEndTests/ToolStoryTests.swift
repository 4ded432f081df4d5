import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The example tools by hand, with a bank, a mail server and services that they talk to.
@Suite struct ToolStoryTests {
  @Test func anInvoiceIsPaidOnceThoughTheBoxIsKilled() async throws {
    try await story {
      let office = try Office()
      try office.register("invoice-triage")
      let shown = try office.safebox(["tool", "show", "invoice-triage", "--source"])
      #expect(shown.output == (try office.example("invoice-triage/tool.js")))
      for letter in ["paper-and-ink", "newsletter", "new-account"] { try office.receive(letter: letter) }

      let run = try office.start("invoice-triage")
      let proposal = try office.parked(run)
      #expect(try office.asked("chat") == 1)
      try office.box.kill()
      try office.box.start()
      #expect(try office.parked(run) == proposal)
      #expect(try office.asked("chat") == 1, "what was answered is not asked again")
      try office.box.approve(proposal, by: "compliance")
      #expect(office.box.bank.asked.isEmpty)
      try office.box.approve(proposal, by: "auditor")

      let ended = try office.safebox(["run", "watch", run, "--json"]).json
      #expect(
        ended["result"] == [
          "paid": [
            [
              "name": "paper-and-ink.txt", "reference": "2026-115", "amount": 125_000, "status": "executed",
              "proposal": .string(proposal),
            ]
          ],
          "held": [["name": "new-account.txt", "doubt": "Cloud Nine Ltd has another account"]],
          "skipped": [["name": "newsletter.txt", "kind": "newsletter"]],
        ])
      #expect(office.box.bank.asked == [proposal])
      #expect(try office.asked("chat") == 3)

      let view = try office.show(run)
      let journal = try #require(view["journal"]?.array)
      #expect(journal.compactMap { $0["method"]?.string }.count { $0 == "LLM.chat" } == 3)
      #expect(journal.count == 8 && view["calls"] == 8)
      #expect(journal.first { $0["method"] == "HTTP.send" }?["proposal"] == .string(proposal))
      let text = try office.safebox(["run", "show", run]).output
      #expect(text.contains("{{keychain:bank-token}}") && !text.contains("a-token-of-the-bank"))
      let list = try office.safebox(["run", "list", "--status", "finished", "--json"]).json
      #expect(list.array?.compactMap { $0["run"]?.string } == [run])
      #expect(try office.safebox(["run", "cancel", run, "--json"]).json["status"] == "finished")
      try Self.replay(run, of: office, hash: try #require(view["execution"]?.string))
    }
  }

  /// Does a run again from its receipt and its bundle, the box being stopped; then with something else that the model said.
  private static func replay(_ run: String, of office: Office, hash: String) throws {
    let receipt = office.directory.file("receipt.json")
    let bundle = office.directory.file("bundle.json")
    try office.safebox(["run", "receipt", run, "--out", receipt])
    try office.safebox(["run", "bundle", run, "--out", bundle])
    try office.box.stop()
    let replay = ["run", "replay", receipt, "--box-key", office.box.publicKeys, "--bundle"]
    #expect(try Safebox.run(replay + [bundle]).output.hasPrefix(hash + "\n"))
    #expect(try Safebox.run(replay + [bundle, "--json"]).json["execution"] == .string(hash))

    let text = String(decoding: try office.directory.read("bundle.json"), as: UTF8.self)
    let forged = text.replacingOccurrences(of: #"amount\": 125000"#, with: #"amount\": 125001"#)
    #expect(forged != text)
    let other = try office.directory.write(Array(forged.utf8), to: "forged.json")
    #expect(try Safebox.run(replay + [other], expecting: 6).errors.contains("at call 2"))
  }

  @Test func aReportIsMailedWhenItIsApprovedAndNotWhenItIsCancelled() async throws {
    try await story {
      let office = try Office()
      try office.register("mail-report")
      try office.receive(letter: "newsletter")
      let cancelled = try office.start("mail-report")
      let withdrawn = try office.parked(cancelled)
      #expect(try office.safebox(["run", "cancel", cancelled, "--json"]).json["status"] == "cancelled")
      try office.box.wait(for: "withdrawn", of: withdrawn)
      try office.safebox(["run", "watch", cancelled], expecting: 1)

      let run = try office.start("mail-report")
      let proposal = try office.parked(run)
      #expect(try office.mails().isEmpty)
      try office.box.approve(proposal, by: "compliance")
      let result = try office.safebox(["run", "watch", run, "--json"]).json["result"]
      #expect(result == ["items": 1, "status": "executed", "proposal": .string(proposal)])
      let mails = try office.mails()
      let mail = try #require(mails.first)
      #expect(mails.count == 1)
      #expect(mail.contains("Subject: What arrived") && mail.contains("ann@books.example"))
      #expect(mail.contains("invoices.csv") && mail.contains("The stream invoices of acme has 1 items"))
    }
  }

  @Test func aWorkflowTriesItsTasksAgainAndNamesTheDeadOnes() async throws {
    try await story {
      let office = try Office()
      try office.register("exchange-rate")
      try office.register("month-end")
      let input = "\(try office.tool("month-end"))/input.json"
      let ending = try office.safebox([
        "workflow", "start", "month-end", "--community", "acme", "--input", input, "--wait", "60s", "--json",
      ])
      let view = try ending.json
      #expect(
        view["result"] == [
          "cents": 16_700, "rates": ["GBP": .double(0.9), "USD": .double(1.25)],
          "dead": [["currency": "XXX", "attempts": 3]],
        ])
      #expect(try office.asked("/rates/USD") == 2 && office.asked("/rates/XXX") == 3)

      let run = try #require(view["run"]?.string)
      let tree = try #require(try office.safebox(["workflow", "show", run, "--json"]).json.array)
      let tasks = tree.dropFirst()
      #expect(tasks.count == 7 && tasks.allSatisfy { $0["parent"] == .string(run) && $0["name"] == "exchange-rate" })
      #expect(tasks.count { $0["status"] == "finished" } == 2)
      let text = try office.safebox(["workflow", "show", run]).output
      #expect(text.contains("answered 503 for USD") && text.contains("answered 404 for XXX"))
    }
  }

  @Test func researchStaysWithinItsManifest() async throws {
    try await story {
      let office = try Office()
      try office.register("web-research")
      let directory = try office.tool("web-research")
      let start = ["run", "start", "web-research", "--community", "acme", "--wait", "60s", "--json", "--input"]
      let result = try office.safebox(start + ["\(directory)/input.json"]).json["result"]
      #expect(result?["findings"]?.array?.first?["text"] == "After probation the notice period is three months.")
      #expect(result?["read"]?.array?.count == 3)
      #expect(result?["left"] == [["url": "https://elsewhere.example/", "why": "another site"]])

      // This page sends its readers to a place on the same site that the manifest does not grant.
      let input = try office.example("web-research/input.json").replacingOccurrences(of: "index", with: "hr")
      let refused = try office.safebox(start + [input], expecting: 1).json
      #expect(refused["failure"]?["kind"] == "exception")
      let message = try #require(refused["failure"]?["message"]?.string)
      #expect(message.contains("its paths do not cover") && message.contains("/rates/USD"), "\(message)")
      #expect(try office.asked("/rates/USD") == 0)
      let run = try #require(refused["run"]?.string)
      #expect(try office.show(run)["journal"]?.array?.last?["result"]?["code"] == "not_granted")
    }
  }
}
