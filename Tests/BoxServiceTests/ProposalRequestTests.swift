import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import Testing

@testable import BoxService
@testable import HostCalls

/// Private by default: what leaves a request for the log, and what stays behind.
@Suite struct ProposalRequestTests {
  private static let executors = ExecutorTable([
    HTTPRequestExecutor(client: HTTPClient(), salt: { [] }), NoteExecutor("note.write"),
  ])

  private static func request(
    _ params: JSONObject, more: JSONObject = [:], salts: SaltSource = .random, type: String = "http.request"
  ) throws -> ProposalRequest {
    var body = more
    body["action"] = ["type": .string(type), "params": .object(params)]
    return try ProposalRequest(json: .object(body), by: .client("app"), executors: executors, salts: salts)
  }

  private static let params: JSONObject = [
    "method": "POST", "url": "https://bank.example/", "headers": ["X-A": "one"], "body": "two",
  ]

  @Test func privateMembersBecomeCommitmentsUnlessDisclosed() throws {
    let hidden = try Self.request(Self.params)
    #expect(hidden.action.params["url"]?.string == "https://bank.example/")
    #expect(hidden.action.commitments.map(\.path) == ["params.body", "params.headers"])
    #expect(Set(hidden.openings.map(\.value)) == ["two", ["X-A": "one"]])
    #expect(try hidden.action.opened(with: table(hidden)) == Self.params)
    let half = try Self.request(Self.params, more: ["disclose": ["body"]])
    #expect(half.action.params["body"] == "two")
    #expect(half.action.commitments.map(\.path) == ["params.headers"])
    let open = try Self.request(Self.params, more: ["disclose": ["body", "headers"]])
    #expect(open.openings.isEmpty)
    #expect(open.action.params == Self.params)
  }

  @Test func saltsAreFreshUnlessAKeyMakesThem() throws {
    let one = try Self.request(Self.params)
    let two = try Self.request(Self.params)
    #expect(one.action != two.action, "the same value twice does not show")
    #expect(one.salt != two.salt)
    #expect(Set(one.openings.map(\.salt)).count == 2)
    let key = SecretBytes.random(count: 32)
    let first = try Self.request(Self.params, salts: .derived(key))
    let again = try Self.request(Self.params, salts: .derived(key))
    #expect(first.action == again.action)
    #expect(first.salt == again.salt)
    #expect(Set(first.openings.map(\.salt)).count == 2)
    let other = try Self.request(Self.params, salts: .derived(.random(count: 32)))
    #expect(other.action != first.action)
  }

  @Test func openingsMustOpenWhatTheyNameAndEveryCommitmentNeedsOne() throws {
    let opening = try Opening(value: "hidden", salt: [UInt8](repeating: 9, count: 32))
    let digest = opening.commitment.digest.hex
    var params = Self.params
    params["body"] = opening.commitment.json
    let given = try Self.request(params, more: ["openings": .object([digest: opening.json])])
    #expect(given.action.params["body"] == opening.commitment.json)
    #expect(throws: FieldError.self) { _ = try Self.request(params) }
    let other = try Opening(value: "other", salt: [UInt8](repeating: 9, count: 32))
    let lie = #expect(throws: FieldError.self) {
      _ = try Self.request(params, more: ["openings": .object([digest: other.json])])
    }
    #expect(lie?.field == "openings.\(digest)")
    #expect(!"\(lie.map { "\($0)" } ?? "")".contains("other"), "no value stands in an error")
    var many = JSONObject()
    for number in 0...ProposalRequest.maxOpenings {
      let one = try Opening(value: .integer(Int64(number)), salt: [UInt8](repeating: 9, count: 32))
      many[one.commitment.digest.hex] = one.json
    }
    #expect(throws: FieldError.self) { _ = try Self.request(Self.params, more: ["openings": .object(many)]) }
  }

  @Test func whatIsCommittedIsValidatedToo() throws {
    for (headers, body): (JSON, JSON) in [(["Host": "x"], ""), ([:], .string(String(repeating: "x", count: 1 << 21)))] {
      var params = Self.params
      params["headers"] = headers
      params["body"] = body
      #expect(throws: FieldError.self) { _ = try Self.request(params) }
    }
    #expect(throws: FieldError.self) { _ = try Self.request([:], type: "governance.nonsense") }
    #expect(throws: FieldError.self) {
      _ = try Self.request([:], more: ["claim": ["iss": "UPPER"]], type: "note.write")
    }
    #expect(throws: FieldError.self) { _ = try Self.request([:], more: ["claim": [:]], type: "note.write") }
    let signer = try Self.request([:], more: ["claim": ["iss": "ana"]], type: "note.write")
    #expect(signer.proposer == .signer("ana"))
    #expect(try Self.request([:], type: "note.write").proposer == .client("app"))
  }

  private func table(_ request: ProposalRequest) -> [SHA256Digest: Opening] {
    Dictionary(request.openings.map { ($0.commitment.digest, $0) }) { first, _ in first }
  }
}

/// The numbers that operators read.
@Suite struct MetricsTests {
  @Test func countersAndHistogramsAreInTheTextFormat() {
    let metrics = Metrics()
    metrics.count("safebox_proposals_total", ("outcome", "opened"))
    metrics.count("safebox_proposals_total", ("outcome", "opened"))
    metrics.observe("safebox_append_seconds", seconds: 0.0004)
    metrics.observe("safebox_append_seconds", seconds: 60)
    let page = metrics.page(gauges: [("safebox_ready", "1 while it is.", 1)])
    for line in [
      "# HELP safebox_ready 1 while it is.", "# TYPE safebox_ready gauge", "safebox_ready 1",
      "# TYPE safebox_proposals_total counter", "safebox_proposals_total{outcome=\"opened\"} 2",
      "# TYPE safebox_append_seconds histogram", "safebox_append_seconds_bucket{le=\"0.0001\"} 0",
      "safebox_append_seconds_bucket{le=\"0.0005\"} 1", "safebox_append_seconds_bucket{le=\"30\"} 1",
      "safebox_append_seconds_bucket{le=\"+Inf\"} 2", "safebox_append_seconds_count 2",
    ] {
      #expect(page.contains("\(line)\n"), "\(line)")
    }
  }

  @Test func noRequestGrowsThePage() async throws {
    try await TestBox.with { box in
      func series() async throws -> Int {
        try await box.call("GET", "/metrics", as: nil, at: box.admin).text
          .split(separator: "\n").count { !$0.hasPrefix("#") }
      }
      _ = try await box.get("/nothing/0")
      _ = try await box.get("/v1/proposals/0")
      _ = try await box.propose("note.uncovered")
      _ = try await box.get("/v1/status")
      let before = try await series()
      for number in 1...5 {
        _ = try await box.get("/nothing/\(number)")
        _ = try await box.get("/v1/proposals/\(number)")
        _ = try await box.propose("made.up\(number)")
        _ = try await box.get("/v1/status?x=\(number)")
      }
      #expect(try await series() == before)
    }
  }
}

/// Waiting for a proposal costs nothing once it is over.
@Suite struct WaitTests {
  @Test func aCallerWhoGoesAwayLeavesNoWaiter() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single")
      let waiting = Task { try await box.get("/v1/proposals/\(opened.id)?wait=60") }
      let events = box.box.events
      let deadline = ContinuousClock.now.advanced(by: .seconds(90))
      while events.waiting == 0, ContinuousClock.now < deadline { await Task.yield() }
      #expect(events.waiting == 1)
      waiting.cancel()
      _ = try? await waiting.value
      while events.waiting > 0, ContinuousClock.now < deadline { await Task.yield() }
      #expect(events.waiting == 0)
    }
  }

  @Test func stoppingAnswersThoseWhoWait() async throws {
    let box = try await TestBox.make()
    let opened = try await box.open("note.single")
    let waiting = Task { try await box.get("/v1/proposals/\(opened.id)?wait=60") }
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    while box.box.events.waiting == 0, ContinuousClock.now < deadline { await Task.yield() }
    await box.box.stop()
    // Were it waited for until the deadline, the connection would be cut.
    let answer = try await waiting.value
    #expect(answer.json["status"]?["name"]?.string == "open")
    await box.stop()
  }

  @Test func waitingHasALimit() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single")
      #expect(try await box.get("/v1/proposals/\(opened.id)?wait=61").status == 422)
      let began = ContinuousClock.now
      let answer = try await box.get("/v1/proposals/\(opened.id)?wait=1")
      #expect(answer.json["status"]?["name"]?.string == "open")
      #expect(ContinuousClock.now - began >= .seconds(1))
    }
  }
}
