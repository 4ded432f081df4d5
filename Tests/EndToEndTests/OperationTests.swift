import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// What an operator meets.
@Suite struct OperationTests {
  @Test func oneDataDirectoryHasOneBox() async throws {
    try await story {
      let box = try TestBox()
      let second = try Safebox.run(["serve", "--data", box.data], expecting: 1)
      #expect(second.errors.contains("safebox: error: "))
      #expect(try box.ask("GET", "/v1/status").json()["mode"] == "ready")
      _ = try box.propose()
    }
  }

  @Test func initIsAllOrNothing() async throws {
    try await story {
      let box = try TestBox(starts: false)
      let before = try FileManager.default.contentsOfDirectory(atPath: box.data).sorted()
      let arguments = ["init", "--origin", TestBox.origin, "--constitution", box.directory.file("constitution.json")]
      let signers = TestBox.people.flatMap { ["--signer", box.device($0) + "/\($0).signer.json"] }
      try Safebox.run(arguments + signers + ["--data", box.data], expecting: 1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: box.data).sorted() == before)
      // A committee names the auditor, whose file is missing: nothing is made.
      let elsewhere = box.directory.file("elsewhere")
      try Safebox.run(arguments + signers.dropLast(2) + ["--data", elsewhere], expecting: 1)
      #expect(!FileManager.default.fileExists(atPath: elsewhere + "/log/log.sqlite"))
      // A key made for another box proves nothing here.
      try Safebox.run(
        ["key", "new", "--signer", "auditor", "--box", "example.com/other", "--out", box.directory.file("other")])
      let others = signers.dropLast(2) + ["--signer", box.directory.file("other/auditor.signer.json")]
      try Safebox.run(arguments + others + ["--data", elsewhere], expecting: 1)
      #expect(!FileManager.default.fileExists(atPath: elsewhere + "/log/log.sqlite"))
      // Reachable from the network only with TLS.
      let open = try Safebox.run(
        arguments + signers + ["--data", elsewhere, "--listen", "0.0.0.0:0"], expecting: 2)
      #expect(open.errors.contains("tls"))
    }
  }

  @Test func doctorNamesWhatIsWrong() async throws {
    try await story {
      let box = try TestBox()
      _ = try box.propose()
      try Safebox.run(["doctor", "--data", box.data])
      try box.stop()
      let healthy = try Safebox.run(["doctor", "--data", box.data, "--json"]).json.array ?? []
      #expect(healthy.count > 4 && healthy.allSatisfy { $0["fault"] == .null })
      // What could vouch for the box here is named, whatever it is.
      let platforms = healthy.compactMap { $0["check"]?.string }.filter { $0.hasPrefix("platform ") }
      #expect(platforms.contains("platform tpm") && platforms.contains("platform sev-snp"))
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o644], ofItemAtPath: box.data + "/keys/log-es256.key")
      #expect(try Safebox.run(["doctor", "--data", box.data], expecting: 1).output.contains("FAULT"))
    }
  }

  /// Somebody with the disk in hand changes an entry and every copy of its hash that is not signed.
  @Test func aChangedLogIsServedReadOnly() async throws {
    let python = try #require(Subprocess.find("python3"))
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.stop()
      let edit = """
        import sqlite3, sys
        log = sqlite3.connect(sys.argv[1])
        log.execute("DROP TRIGGER entries_fixed")
        old = log.execute("SELECT bytes FROM entries WHERE idx = 1").fetchone()[0]
        new = old.replace(b"/payments", b"/paymentz")
        assert new != old
        log.execute("UPDATE entries SET bytes = ? WHERE idx = 1", (new,))
        log.commit()
        """
      let run = try Subprocess.run(python, ["-c", edit, box.data + "/log/log.sqlite"])
      try #require(run.status == 0, "\(run.errors)")
      #expect(try Safebox.run(["doctor", "--data", box.data], expecting: 1).output.contains("FAULT"))
      try box.start()
      #expect(box.readyLine.contains("read-only"))
      let ready = try HTTPExchange("GET", "/readyz", at: box.admin)
      #expect(ready.status == 503)
      #expect(try ready.json()["code"] == "read_only")
      #expect(try HTTPExchange("GET", "/healthz", at: box.admin).status == 200)
      let refused = try box.ask("POST", "/v1/proposals", body: ["action": ["type": "box.stop", "params": [:]]])
      #expect(refused.status == 503, "\(refused.text)")
      #expect(try refused.json()["code"] == "read_only")
      #expect(try box.safebox("status", expecting: 1).output.contains("read-only"))
      try box.safebox("approve", id, "--key", box.key("auditor"), "--yes", expecting: 1)
    }
  }

  @Test func theDataDirectoryIsForItsOwnerAlone() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      var seen = 0
      for case let file as String in try #require(FileManager.default.enumerator(atPath: box.data)) {
        let attributes = try FileManager.default.attributesOfItem(atPath: box.data + "/" + file)
        let mode = try #require(attributes[.posixPermissions] as? Int)
        #expect(mode & 0o077 == 0 || file == "public.json", "\(file) \(String(mode, radix: 8))")
        seen += 1
      }
      #expect(seen > 10)
    }
  }

  @Test func healthAndMetricsHaveAListenerOfTheirOwn() async throws {
    try await story {
      let box = try TestBox()
      _ = try box.propose()
      #expect(try HTTPExchange("GET", "/healthz", at: box.admin).text == "ok\n")
      #expect(try HTTPExchange("GET", "/readyz", at: box.admin).status == 200)
      let metrics = try HTTPExchange("GET", "/metrics", at: box.admin)
      #expect(metrics.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      #expect(metrics.text.contains("safebox_log_entries 2\n"))
      #expect(metrics.text.contains("safebox_proposals_total{outcome=\"opened\"} 1\n"))
      #expect(try HTTPExchange("GET", "/metrics", at: box.address).status == 404)
      #expect(try HTTPExchange("GET", "/v1/status", at: box.admin).status == 404)
    }
  }

  @Test func theClaimCeilingSaysWhatIsNotProved() async throws {
    try await story {
      let box = try TestBox()
      let claims = try HTTPExchange("GET", "/v1/claims", at: box.address).json()["claims"]?.array ?? []
      #expect(claims.contains { $0["state"] == "proved" } && claims.contains { $0["state"] != "proved" })
      #expect(claims.allSatisfy { ($0["evidence"] ?? $0["reason"])?.string?.isEmpty == false })
      let status = try box.safebox("status").output
      for claim in claims { #expect(status.contains(try #require(claim["title"]?.string))) }
      #expect(try box.safebox("status", "--json").json["claims"]?.array == claims)
    }
  }

  @Test func aStoppedBoxExecutesNothingUntilItIsResumed() async throws {
    try await story {
      let box = try TestBox()
      // Break-glass: one guardian can stop, and only that.
      let stop = try box.propose("box.stop", ["reason": "something is odd"])
      try box.approve(stop, by: "auditor")
      let stopped = try box.wait(for: "executed", of: stop)
      #expect(stopped.at("execution", "mode") == "break-glass")
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "compliance")
      #expect(try box.proposal(id).at("execution") == .null)
      #expect(box.bank.asked.isEmpty)
      let resume = try box.propose("box.resume", ["reason": "it was nothing"])
      try box.approve(resume, by: "auditor")
      #expect(try box.proposal(resume).at("status", "name") == "open", "one is not enough to go on")
      try box.approve(resume, by: "engineer")
      try box.wait(for: "executed", of: id)
      #expect(box.bank.asked == [id])
    }
  }

  @Test func quotasHold() async throws {
    try await story {
      let box = try TestBox { constitution in
        try edit(&constitution, policy: "payments") { $0["quota"] = ["open": 2, "count": 3, "period": 3600] }
      }
      let first = try box.propose(1)
      _ = try box.propose(2)
      func attempt(_ token: String? = nil) throws -> HTTPExchange {
        try box.ask(
          "POST", "/v1/proposals", token: token, body: ["action": ["type": "http.request", "params": box.payment(3)]])
      }
      #expect(try attempt().status == 429, "two are open")
      try box.safebox("withdraw", first)
      #expect(try attempt().status == 202, "one is not open any more")
      try box.safebox(
        "withdraw", try #require(box.safebox("proposals", "--json").json.array?.first?["proposal"]?.string))
      #expect(try attempt().status == 429, "three were opened within the period")
      #expect(try attempt(box.token(client: "other", ["propose"])).status == 202, "each has a quota of its own")
    }
  }

  @Test func aUnixSocketServesToo() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      let socket = directory.file("box.sock")
      let box = try TestBox(listen: "unix:\(socket)")
      let environment = ["SAFEBOX_BOX": "unix:\(socket)", "SAFEBOX_TOKEN": try box.token()]
      let status = try Safebox.run(["status", "--json"], environment: environment)
      #expect(try status.json["box"] == .string(TestBox.origin))
      try Safebox.run(
        ["propose", "http.request", "--params", box.payment().canonicalString()], expecting: 3, environment: environment
      )
      try box.stop()
      try Safebox.run(["status"], expecting: 1, environment: environment)
    }
  }
}

/// Changes one policy of a constitution.
func edit(_ constitution: inout JSONObject, policy name: String, _ change: (inout JSONObject) throws -> Void) throws {
  var policies = try #require(constitution["policies"]?.object)
  var policy = try #require(policies[name]?.object)
  try change(&policy)
  policies[name] = .object(policy)
  constitution["policies"] = .object(policies)
}
