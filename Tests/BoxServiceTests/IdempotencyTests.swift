import CanonicalJSON
import Governance
import Testing

@testable import BoxService

/// Repeated requests, waiting for an outcome, and lists.
@Suite struct IdempotencyTests {
  private static let params: JSON = ["method": "POST", "url": "http://127.0.0.1:1/", "body": ["private": 1]]

  @Test func theSameRequestIsTheSameProposal() async throws {
    try await TestBox.with { box in
      let key = [("Idempotency-Key", "order 1")]
      let one = try await box.open("http.request", Self.params, headers: key)
      box.home.clock.advance(seconds: 5)
      let two = try await box.open("http.request", Self.params, headers: key)
      #expect(one.id == two.id)
      // Another client under the same key is another request.
      let other = try await box.open("http.request", Self.params, as: "other", headers: key)
      #expect(other.id != one.id)
      let fresh = try await box.open("http.request", Self.params)
      #expect(fresh.id != one.id)
    }
  }

  @Test func anotherBodyUnderTheSameKeyIsRefused() async throws {
    try await TestBox.with { box in
      let key = [("Idempotency-Key", "order 2")]
      let one = try await box.open("http.request", Self.params, more: ["expiresIn": 600], headers: key)
      var changed = try #require(Self.params.object)
      changed["body"] = ["private": 2]
      for answer in [
        try await box.propose("http.request", .object(changed), more: ["expiresIn": 600], headers: key),
        try await box.propose("note.write", [:], more: ["expiresIn": 600], headers: key),
        try await box.propose("http.request", Self.params, more: ["expiresIn": 601], headers: key),
        try await box.propose("http.request", Self.params, more: ["expires": 1], headers: key),
        try await box.propose(
          "http.request", Self.params, more: ["expiresIn": 600, "disclose": ["body"]], headers: key),
      ] {
        #expect(answer.status == 422)
        #expect(answer.code == "idempotency_key_reused")
        #expect(answer.json["action_digest"]?.string == one.id)
      }
      box.home.clock.advance(seconds: 1)
      let same = try await box.open("http.request", Self.params, more: ["expiresIn": 600], headers: key)
      #expect(same.id == one.id)
    }
  }

  @Test func manyAtOnceAreOneProposal() async throws {
    try await TestBox.with { box in
      let ids = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<24 {
          group.addTask {
            // No two statements would be alike by chance.
            box.home.clock.advance(seconds: 1)
            return try await box.open("note.single", ["n": 1], headers: [("Idempotency-Key", "one")]).id
          }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      let list = try await box.get("/v1/proposals").json["proposals"]?.array
      #expect(list?.count == 1)
      #expect(await (try box.core()).turns.held == 0)
    }
  }

  @Test func theKeyHasALengthAndStandsOnce() async throws {
    try await TestBox.with { box in
      let long = String(repeating: "k", count: 256)
      #expect(try await box.propose("note.write", headers: [("Idempotency-Key", long)]).status == 422)
      let twice = try await box.propose(
        "note.write", headers: [("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
      #expect(twice.status == 422)
      #expect(twice.json["field"]?.string == "Idempotency-Key")
    }
  }

  @Test func aRepeatedSaltMakesTwoProposalsAndBothAreListed() async throws {
    try await TestBox.with { box in
      let salt: JSON = .string(String(repeating: "ab", count: 16))
      let one = try await box.open("note.single", more: ["salt": salt])
      box.home.clock.advance(seconds: 1)
      let two = try await box.open("note.single", more: ["salt": salt])
      #expect(one.id != two.id)
      #expect(one.statement.nonce == two.statement.nonce)
      #expect(try await box.get("/v1/proposals/\(two.id)").status == 200)
    }
  }

  @Test func preferWaitAnswersWithTheOutcome() async throws {
    try await TestBox.with { box in
      let note = try box.note("note.write")
      let at = try await box.propose("note.write", headers: [("Prefer", "respond-async, wait=30")])
      #expect(at.status == 200)
      #expect(at.json["status"]?["name"]?.string == "executed")
      #expect(at.json["execution"]?["outcome"]?.string == "executed")
      #expect(note.orders.count == 1)
      // What waits for people is answered when they have spoken, not before.
      async let waiting = box.propose("note.single", headers: [("Prefer", "wait=60"), ("Idempotency-Key", "w")])
      let opened = try await box.open("note.single", headers: [("Idempotency-Key", "w")])
      try await box.approve(opened, by: "ana")
      let answer = try await waiting
      #expect(answer.status == 200)
      #expect(answer.json["proposal"]?.string == opened.id)
      #expect(answer.json["status"]?["name"]?.string == "executed")
    }
  }

  @Test func listsArePagedNewestFirstAndFiltered() async throws {
    try await TestBox.with { box in
      var ids: [String] = []
      for number in 0..<5 { ids.append(try await box.open("note.single", ["n": .integer(Int64(number))]).id) }
      let done = try await box.open("note.write")
      try await box.wait(done, for: "executed")
      var seen: [String] = []
      var path = "/v1/proposals?limit=2&status=open"
      while true {
        let page = try await box.get(path).json
        let list = try #require(page["proposals"]?.array)
        #expect(list.count <= 2)
        seen += list.compactMap { $0["proposal"]?.string }
        guard let next = page["next"]?.string else { break }
        path = "/v1/proposals?limit=2&status=open&cursor=\(next)"
      }
      #expect(seen == ids.reversed())
      let executed = try await box.get("/v1/proposals?status=executed").json["proposals"]?.array
      #expect(executed?.compactMap { $0["proposal"]?.string } == [done.id])
      for bad in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=-1", "status=nonsense"] {
        let answer = try await box.get("/v1/proposals?\(bad)")
        #expect(answer.status == 422, "\(bad)")
        #expect(answer.json["field"]?.string == String(bad.prefix { $0 != "=" }))
      }
    }
  }
}
