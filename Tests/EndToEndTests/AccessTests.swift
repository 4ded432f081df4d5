import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// Who gets in, and how far.
@Suite struct AccessTests {
  @Test func everyRouteAsksForItsScope() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      let document = try HTTPExchange("GET", "/openapi.json", at: box.address).json()
      let paths = try #require(document["paths"]?.object)
      var guarded = 0
      for (template, item) in paths {
        for (method, operation) in item.object ?? [:] {
          let path =
            template.replacingOccurrences(of: "{id}", with: id).replacingOccurrences(of: "{index}", with: "0")
            .replacingOccurrences(of: "{name}", with: "payments").replacingOccurrences(of: "{digest}", with: id)
            .replacingOccurrences(of: "{proposal}", with: id)
            .replacingOccurrences(of: "{path...}", with: "entries/000")
          let verb = method.uppercased()
          let body: JSON? = verb == "POST" ? [:] : nil
          guard let scope = operation["security"]?.array?.first?["token"]?.array?.first?.string else {
            let open = try HTTPExchange(verb, path, at: box.address, body: body)
            #expect(![401, 403].contains(open.status), "\(verb) \(template)")
            continue
          }
          guarded += 1
          let anonymous = try HTTPExchange(verb, path, at: box.address, body: body)
          #expect(anonymous.status == 401, "\(verb) \(template)")
          #expect(anonymous.headers["www-authenticate"] == "Bearer")
          #expect(try anonymous.json()["code"] == "unauthorized")
          let others = ["read", "propose", "vote", "openings"].filter { $0 != scope }
          let lacking = try box.token(client: "not-\(scope)", others)
          let short = try HTTPExchange(verb, path, at: box.address, token: lacking, body: body)
          #expect(short.status == 403, "\(verb) \(template)")
          #expect(try short.json()["code"] == "scope_missing")
        }
      }
      #expect(guarded > 12)
    }
  }

  @Test func onlyWholeTokensOpen() async throws {
    try await story {
      let box = try TestBox()
      let token = try box.token("read")
      func status(_ value: String) throws -> Int {
        try HTTPExchange("GET", "/v1/proposals", at: box.address, headers: ["Authorization": value]).status
      }
      #expect(try status("Bearer \(token)") == 200)
      for wrong in [
        "Bearer \(token.dropLast())", "Bearer \(token)x", "Bearer ", "Basic \(token)", token, "Bearer  \(token)",
      ] {
        #expect(try status(wrong) == 401, "\(wrong)")
      }
      // The file of clients holds no token.
      #expect(!(try String(contentsOfFile: box.data + "/clients.json", encoding: .utf8)).contains(token))
    }
  }

  @Test func removedClientsAreLockedOutAtOnce() async throws {
    try await story {
      let box = try TestBox()
      let token = try box.token("read", "vote")
      #expect(try box.ask("GET", "/v1/policies", token: token).status == 200)
      #expect(try Safebox.run(["client", "list", "--data", box.data]).output.contains("read-vote"))
      try Safebox.run(["client", "add", "read-vote", "--scope", "read", "--data", box.data], expecting: 1)
      try Safebox.run(["client", "remove", "read-vote", "--data", box.data])
      #expect(try box.ask("GET", "/v1/policies", token: token).status == 401)
      try Safebox.run(["client", "remove", "read-vote", "--data", box.data], expecting: 1)
    }
  }

  /// A page of another site, which the browser of somebody on this machine loads under its own name.
  @Test func otherHostsAreTurnedAway() async throws {
    try await story {
      let box = try TestBox()
      let stream = try HTTPStream(box.address)
      try stream.send("GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
      #expect([400, 403, 421].contains(try stream.head().status))
    }
  }

  @Test func scopesDecideNothing() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      // Whoever may hand in votes cannot make one.
      let answer = try box.ask(
        "POST", "/v1/proposals/\(id)/approvals",
        body: [
          "ocp": 1, "iss": "auditor", "sub": .string(TestBox.origin), "stm": ["action": .string(id)], "key": [],
          "sig": [],
        ])
      #expect([403, 422].contains(answer.status), "\(answer.text)")
      #expect(try box.proposal(id)["approvals"] == [])
    }
  }
}
