import CanonicalJSON
import HTTPServer
import Testing

@testable import BoxService

/// `/openapi.json` and the routes are one and the same. (Every answer that any test here gets is held to the schemas by
/// `SchemaCheck`.)
@Suite struct OpenAPITests {
  @Test func everyRouteIsDescribedAndNothingElse() async throws {
    try await TestBox.with { box in
      let answer = try await box.get("/openapi.json", as: nil)
      let document = answer.json
      #expect(document["openapi"]?.string == "3.1.0")
      var described: Set<String> = []
      for path in try #require(document["paths"]?.object) {
        for operation in try #require(path.value.object) { described.insert("\(operation.key) \(path.key)") }
      }
      let handler = APIHandler(
        endpoints: box.box.endpoints, clients: { APIClients() }, metrics: Metrics(), report: { _ in })
      let routes = Set(handler.routes.map { "\($0.method.lowercased()) \(OpenAPI.template($0.pattern))" })
      #expect(described == routes)
      #expect(routes.count > 20)
    }
  }

  @Test func theDescriptionIsWellFormed() async throws {
    try await TestBox.with { box in
      let document = try await box.get("/openapi.json", as: nil).json
      var operations: Set<String> = []
      for path in try #require(document["paths"]?.object) {
        let names = Set(
          path.key.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) })
        for item in try #require(path.value.object) {
          let operation = item.value
          let id = try #require(operation["operationId"]?.string)
          #expect(operations.insert(id).inserted, "\(id) twice")
          let parameters = (operation["parameters"]?.array ?? []).filter { $0["in"]?.string == "path" }
          #expect(Set(parameters.compactMap { $0["name"]?.string }) == names, "\(path.key)")
          #expect(operation["responses"]?["default"] != nil)
          #expect(operation["summary"]?.string?.isEmpty == false)
          #expect((item.key == "post") == (operation["requestBody"] != nil), "\(path.key)")
        }
      }
      let text = document.canonicalString()
      for part in text.split(separator: "\"$ref\":\"#/components/schemas/").dropFirst() {
        let name = String(part.prefix { $0 != "\"" })
        #expect(document["components"]?["schemas"]?[name] != nil, "\(name)")
      }
    }
  }

  @Test func whatIsNotThereAnswersAProblem() async throws {
    try await TestBox.with { box in
      for (method, path, status) in [
        ("GET", "/nothing", 404), ("GET", "/v1/proposals/", 404), ("GET", "//v1/proposals", 404),
        ("DELETE", "/v1/proposals", 405), ("POST", "/v1/status", 405),
      ] {
        let answer = try await box.call(method, path)
        #expect(answer.status == status, "\(method) \(path)")
        #expect(answer.header("content-type") == "application/problem+json")
        try SchemaCheck.validate(answer.json, APISchemas.reference("Problem"), at: path)
      }
    }
  }
}

/// What a caller is told who got something wrong.
@Suite struct ProblemTests {
  @Test func malformedJSONIsNamedWithItsPlace() async throws {
    try await TestBox.with { box in
      func post(_ text: String) async throws -> Answer {
        try await box.call("POST", "/v1/proposals", bytes: Array(text.utf8))
      }
      let cut = try await post("{\n  \"action\": ,}")
      #expect(cut.status == 400)
      #expect(cut.code == "invalid_json")
      #expect(cut.json["detail"]?.string?.contains("line 2") == true, "\(cut.text)")
      #expect(try await post("{\"action\":1,\"action\":2}").status == 400)
      #expect(try await post("").status == 400)
      let deep = String(repeating: "[", count: 100)
      #expect(try await post(deep).status == 400)
      for (text, field) in [
        ("{}", "action"), ("[]", ""), (#"{"action":{"type":"note.write"}}"#, "action.params"),
        (#"{"action":{"type":"x","params":{}}}"#, "action.type"),
        (#"{"action":{"type":"note.write","params":{}},"surprise":1}"#, "surprise"),
        (#"{"action":{"type":"note.write","params":{"invalid":1}}}"#, "action.params.invalid"),
        (#"{"action":{"type":"note.write","params":{}},"expires":1,"expiresIn":2}"#, "expiresIn"),
        (#"{"action":{"type":"note.write","params":{}},"salt":"zz"}"#, "salt"),
        (#"{"action":{"type":"note.write","params":{}},"disclose":[1]}"#, "disclose[0]"),
        (#"{"action":{"type":"note.write","params":{}},"openings":{"a":{"salt":"","value":1}}}"#, "openings.a.salt"),
        (
          #"{"action":{"type":"http.request","params":{"method":"GET","url":"http://a/","headers":{"Host":"b"}}}}"#,
          "action.params.headers.Host"
        ),
      ] {
        let answer = try await post(text)
        #expect(answer.status == 422, "\(text)")
        #expect(answer.json["field"]?.string == field, "\(answer.text)")
      }
    }
  }

  @Test func limitsAreNamedAndNothingOverThemIsTaken() async throws {
    try await TestBox.with { box in
      let before = try await box.get("/v1/status").json["size"]
      let long = String(repeating: "x", count: 70_000)
      let entry = try await box.propose("note.write", ["text": .string(long)])
      #expect(entry.status == 413)
      #expect(entry.code == "entry_too_large")
      #expect(entry.json["limit"]?.integer == 65_535)
      #expect(entry.json["detail"]?.string?.contains("65535") == true)
      // The same length is no trouble where it is private.
      let kept = try await box.open("note.single", ["secret": .string(long)])
      #expect(kept.statement.action.commitments.count == 1)
      let huge = [UInt8](repeating: 0x20, count: ProposalRequest.maxBytes + 1)
      #expect(try await box.call("POST", "/v1/proposals", bytes: huge).status == 413)
      let claim = [UInt8](repeating: 0x20, count: ProposalRoutes.maxClaimBytes + 1)
      #expect(try await box.call("POST", "/v1/proposals/\(kept.id)/approvals", bytes: claim).status == 413)
      #expect(try await box.call("GET", "/v1/status", ["a": 1]).status == 413)
      let fraction = try await box.propose("note.write", ["amount": .double(1.5)])
      #expect(fraction.status == 422)
      #expect(fraction.json["detail"]?.string?.contains("1.5") == true)
      #expect(try await box.get("/v1/status").json["size"]?.integer == (before?.integer ?? 0) + 1)
    }
  }

  @Test func aConstitutionSizedProposalFitsTheLog() async throws {
    try await TestBox.with { box in
      var policies: JSONObject = [:]
      for number in 0..<40 {
        policies["p\(number)"] = [
          "covers": [.string("note.n\(number)")],
          "rule": [
            "rule": "automatic",
            "checks": [
              ["check": "in", "field": "params.a", "values": .array((0..<60).map { .string("value number \($0)") })]
            ],
          ],
        ]
      }
      let two: JSON = ["rule": "quorum", "committee": "everybody", "threshold": 2]
      policies["governance"] = ["covers": ["governance.*"], "rule": two]
      let constitution = try await box.get("/v1/constitution", as: nil).json["constitution"]
      let opened = try await box.open(
        "governance.recover",
        [
          "signers": constitution?["signers"] ?? [:], "committees": constitution?["committees"] ?? [:],
          "policies": .object(policies), "root": constitution?["root"] ?? [:],
        ])
      let entry = try await box.get("/v1/entries/1").json["entry"]?.string
      #expect((entry?.utf8.count ?? 0) > 40_000)
      try await box.approve(opened, by: "ana", "ben")
      #expect(try await box.status(opened) == "locked", "the root rule has a delay of its own")
      box.home.clock.advance(seconds: 60)
      try await box.sweep()
      try await box.wait(opened, for: "executed")
      #expect(try await box.get("/v1/status", as: nil).json["epoch"]?.integer == 2)
      #expect(try ReceiptCheck.verdict(try await box.get("/v1/receipts/\(opened.id)"), of: box) == .accepted)
    }
  }
}
