import CanonicalJSON
import Cryptography
import HTTPClient
import HTTPServer
import Synchronization
import Testing

@testable import Inference

/// What passes the gateway and what does not, on real sockets with a scripted runner behind.
@Suite(.timeLimit(.minutes(5)))
struct GatewayTests {
  private static let plain: FakeRunner.Script = { asked in
    switch asked.path {
    case "/v1/embeddings":
      FakeRunner.json([
        "data": [["index": 0, "embedding": [1, .double(0.5)]]], "usage": ["prompt_tokens": 3, "total_tokens": 3],
      ])
    case "/v1/audio/speech":
      HTTPResponse(status: 200, headers: ["Content-Type": "text/html"], body: .bytes(Array("<script>".utf8)))
    default: FakeRunner.json(FakeRunner.answer("hello"))
    }
  }

  private func with(
    _ script: @escaping FakeRunner.Script = plain, limits: InferenceLimits = InferenceLimits(), concurrency: Int = 4,
    _ body: (Box, FakeRunner) async throws -> Void
  ) async throws {
    let fake = try FakeRunner(script)
    try fake.start()
    let box = try Box([fake.endpoint("tiny", concurrency: concurrency)], limits: limits)
    do {
      try await body(box, fake)
    } catch {
      Issue.record(error)
    }
    await fake.stop()
    await box.shutDown()
  }

  // MARK: Names and clients

  @Test func anUnapprovedNameNeverReachesARunner() async throws {
    try await with { box, fake async throws in
      for name in ["gpt-5", "TINY", "tiny ", "served-tiny", "../tiny", ""] {
        for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
          let body: JSON = [
            "model": .string(name), "messages": [["role": "user", "content": "x"]], "input": "x", "max_tokens": 1,
          ]
          let answer = try await box.send(path, body.for(path))
          #expect(answer.status == 404, "\(name) at \(path)")
          #expect(answer.header("X-Safebox-Model-Id") == nil)
        }
        #expect(try await box.send("/v1/embeddings", ["model": .string(name), "input": "x"]).status == 404)
      }
      box.directory.remove("tiny")
      #expect(try await box.chat(["x"]).status == 404)
      #expect(fake.requests.isEmpty)
      #expect(box.recorder.usage.isEmpty)
    }
  }

  @Test func theRunnerGetsItsOwnNameAndTheClientTheirs() async throws {
    try await with { box, fake async throws in
      let answer = try await box.chat(["x"])
      #expect(fake.requests.last?.body["model"] == "served-tiny")
      #expect(try answer.json["model"] == "tiny")
      #expect(!answer.text.contains("secret-path") && !answer.text.contains("timings"))
      #expect(answer.header("X-Safebox-Model-Id") == SHA256.hash(utf8: "tiny").hex)
      #expect(answer.header("X-Safebox-Runner-Id") == "runner-tiny")
    }
  }

  @Test func credentialsAndForeignHeadersStayHere() async throws {
    try await with { box, fake async throws in
      let answer = try await box.chat(
        ["x"],
        headers: [
          "x-api-key": "token-alice", "Cookie": "a=b", "OpenAI-Organization": "org", "X-Forwarded-For": "1.2.3.4",
          "X-Safebox-Tenant": "t", "X-Safebox-Request-Id": "abc",
        ])
      #expect(answer.status == 200 && answer.header("X-Safebox-Request-Id") == "abc")
      let names = try Set(#require(fake.requests.last).headers.map { $0.name.lowercased() })
      #expect(
        names == ["host", "user-agent", "accept", "content-type", "content-length", "x-safebox-request-id"])
    }
  }

  @Test func twoDifferentCredentialsAreNobodys() async throws {
    try await with { box, fake async throws in
      #expect(try await box.chat(["x"], headers: ["x-api-key": "token-bob"]).status == 401)
      #expect(try await box.send("/v1/models", token: nil).status == 401)
      #expect(try await box.send("/v1/models", token: nil, headers: ["x-api-key": "token-bob"]).status == 200)
      #expect(fake.requests.isEmpty)
    }
  }

  @Test func whatSteersARunnerIsRefused() async throws {
    try await with { box, fake async throws in
      let members = [
        "id_slot", "slot_id", "cache_prompt", "grammar", "lora", "n_predict", "chat_template_kwargs", "n_probs",
        "samplers",
      ]
      for name in members {
        let answer = try await box.chat(["x"], [name: 1])
        #expect(answer.status == 400 && answer.text.contains(name), "\(name)")
      }
      for url in ["file:///etc/passwd", "http://169.254.169.254/", "https://example.org/a.png"] {
        let answer = try await box.send(
          "/v1/chat/completions",
          [
            "model": "tiny",
            "messages": [
              ["role": "user", "content": [["type": "image_url", "image_url": ["url": .string(url)]]]]
            ],
          ])
        #expect(answer.status == 400 && answer.text.contains("no network"))
      }
      #expect(fake.requests.isEmpty)
    }
  }

  @Test func aModelServesOnlyWhatItsManifestSays() async throws {
    let fake = try FakeRunner(Self.plain)
    try fake.start()
    let box = try Box([fake.endpoint("tiny", [.embeddings])])
    #expect(try await box.chat(["x"]).status == 400)
    #expect(try await box.send("/v1/audio/speech", ["model": "tiny", "input": "x"]).status == 400)
    #expect(fake.requests.isEmpty)
    #expect(try await box.send("/v1/embeddings", ["model": "tiny", "input": "x"]).status == 200)
    await fake.stop()
    await box.shutDown()
  }

  @Test func errorsHaveTheShapeOfTheirRoute() async throws {
    try await with { box, _ async throws in
      let openAI = try await box.send("/v1/chat/completions", ["model": "none", "messages": [["role": "user"]]])
      #expect(try openAI.json["error"]?["code"] == "model_not_found")
      let anthropic = try await box.send("/v1/messages", ["model": "none"])
      #expect(try anthropic.json["type"] == "error" && anthropic.json["error"]?["type"] == "invalid_request_error")
      #expect(anthropic.header("request-id") == (try anthropic.json["request_id"]?.string))
      let wrong = try await box.send("/v1/messages", method: "GET")
      #expect(wrong.status == 405 && wrong.header("Allow") == "POST")
      #expect(try await box.send("/v1/files").status == 404)
      let broken = try await box.send("/v1/embeddings", .string("not an object"))
      #expect(broken.status == 400)
    }
  }

  // MARK: Limits

  @Test func aBodyOverTheLimitIsRefused() async throws {
    var limits = InferenceLimits()
    limits.bodyBytes = 1000
    try await with(limits: limits) { box, fake async throws in
      let answer = try await box.chat([String(repeating: "x", count: 2000)])
      #expect(answer.status == 413 && fake.requests.isEmpty)
    }
  }

  @Test func aBudgetBoundsTheAnswerAndRequestsTogether() async throws {
    let gate = Gate()
    try await with { asked in
      await gate.pass()
      return FakeRunner.json(FakeRunner.answer("hello"))
    } _: { box, fake async throws in
      let answering = Task { try await box.chat(["x"], token: "token-erin", ["max_tokens": 5000]) }
      await gate.untilArrived(1)
      let most = try #require(fake.requests.first?.body["max_tokens"]?.integer)
      #expect(most < 100 && most > 50)
      // One request at a time, and what the first may use is not there for a second.
      let second = try await box.chat(["x"], token: "token-erin")
      #expect(second.status == 429 && second.header("Retry-After") != nil)
      gate.open()
      #expect(try await answering.value.status == 200)
      #expect(try await box.chat(["x"], token: "token-erin").status == 200)
      #expect(try await box.chat(["x"], token: "token-dave").status == 429)
    }
  }

  @Test func aFullRunnerTurnsAwayWithAHint() async throws {
    let gate = Gate()
    var limits = InferenceLimits()
    limits.queueLength = 1
    let held: FakeRunner.Script = { _ in
      await gate.pass()
      return FakeRunner.json(FakeRunner.answer("hello"))
    }
    try await with(held, limits: limits, concurrency: 1) { box, fake async throws in
      let first = Task { try await box.chat(["1"]) }
      await gate.untilArrived(1)
      let second = Task { try await box.chat(["2"]) }
      while box.gateway.admission.waiting(at: fake.endpoint("tiny", concurrency: 1)) == 0 { await Task.yield() }
      let third = try await box.chat(["3"])
      #expect(third.status == 503 && third.header("Retry-After") == "1")
      let fourth = try await box.send(
        "/v1/messages",
        ["model": "tiny", "max_tokens": 1, "messages": [["role": "user", "content": "x"]]])
      #expect(fourth.status == 529)
      #expect(try fourth.json["error"]?["type"] == "overloaded_error")
      gate.open()
      #expect(try await first.value.header("X-Safebox-Capacity-Hint") == "saturated")
      #expect(try await second.value.status == 200)
      #expect(fake.requests.count == 2)
    }
  }

  @Test func aWaitInLineHasAnEnd() async throws {
    let gate = Gate()
    var limits = InferenceLimits()
    limits.queueWait = .milliseconds(50)
    let held: FakeRunner.Script = { _ in
      await gate.pass()
      return FakeRunner.json(FakeRunner.answer("hello"))
    }
    try await with(held, limits: limits, concurrency: 1) { box, _ async throws in
      let first = Task { try await box.chat(["1"]) }
      await gate.untilArrived(1)
      #expect(try await box.chat(["2"]).status == 503)
      gate.open()
      #expect(try await first.value.status == 200)
      // The place of the one who gave up is not lost.
      #expect(try await box.chat(["3"]).status == 200)
    }
  }

  // MARK: Runners that misbehave

  @Test(arguments: [
    "{", "[]", "{}", #"{"choices":[]}"#, #"{"choices":[{"message":{}}]}"#,
    #"{"choices":[{}],"usage":{"prompt_tokens":1}}"#,
    #"{"usage":{"prompt_tokens":-1},"choices":[{"message":{"content":"x"}}]}"#,
  ])
  func aMalformedAnswerIsTheRunnersFault(_ text: String) async throws {
    try await with { _ in
      .json(Array(text.utf8))
    } _: { box, _ async throws in
      for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
        let body: JSON = [
          "model": "tiny", "messages": [["role": "user", "content": "x"]], "input": "x", "max_tokens": 1,
        ]
        let answer = try await box.send(path, body.for(path))
        #expect(answer.status == 502, "\(path) \(text): \(answer.text)")
      }
      #expect(await box.recorder.usage(after: 3).allSatisfy { $0.status == 502 })
    }
  }

  @Test(arguments: ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
  func aStreamThatBreaksOffSaysSoInItsShape(_ path: String) async throws {
    try await with { _ in
      FakeRunner.stream { writer in
        try await writer.write(FakeRunner.chunk(["content": "Hel"]))
        throw HTTPStreamError.closed
      }
    } _: { box, _ async throws in
      let answer = try await box.send(path, Self.streamed.for(path))
      #expect(answer.status == 200 && answer.text.contains("Hel"))
      let last = try #require(try answer.events.last)
      switch path {
      case "/v1/chat/completions":
        #expect(last["error"]?["code"] == "runner_failed" && !answer.text.contains("[DONE]"))
      case "/v1/responses":
        #expect(last["type"] == "response.failed" && last["response"]?["status"] == "failed")
      default: #expect(last["type"] == "error" && last["error"]?["type"] == "api_error")
      }
      let usage = try #require(await box.recorder.usage(after: 1).first)
      #expect(usage.status == 502 && usage.isEstimated && usage.completionTokens == 1)
    }
  }

  @Test func aStreamWithoutItsEndIsNoAnswer() async throws {
    try await with { _ in
      FakeRunner.stream([FakeRunner.chunk(["content": "Hello"]), FakeRunner.done])
    } _: { box, _ async throws in
      for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
        let answer = try await box.send(path, Self.streamed.for(path))
        #expect(answer.text.contains("ended early"), "\(path)")
        #expect(!answer.text.contains("[DONE]") && !answer.text.contains("message_stop"))
      }
    }
  }

  @Test func aChunkThatIsTooLongOrNoJSONEndsTheStream() async throws {
    var limits = InferenceLimits()
    limits.eventBytes = 10_000
    let script: FakeRunner.Script = { asked in
      let isLong = asked.body["messages"]?.array?.first?["content"] == "long"
      let text = isLong ? String(repeating: "x", count: 20_000) : "{\"a\":1,\"a\":2}"
      return FakeRunner.stream([EventStream.encode(data: text)])
    }
    try await with(script, limits: limits) { box, _ async throws in
      #expect(try await box.chat(["long"], ["stream": true]).text.contains("too long"))
      #expect(try await box.chat(["twice"], ["stream": true]).text.contains("not JSON"))
    }
  }

  @Test func anAnswerThatIsTooLongIsBrokenOff() async throws {
    var limits = InferenceLimits()
    limits.answerBytes = 100_000
    let script: FakeRunner.Script = { _ in
      FakeRunner.json(FakeRunner.answer(String(repeating: "x", count: 200_000)))
    }
    try await with(script, limits: limits) { box, _ async throws in
      #expect(try await box.chat(["x"]).status == 502)
    }
  }

  @Test func anErrorOfTheRunnerTellsNothingOfIt() async throws {
    try await with { asked in
      let isMine = asked.body["messages"]?.array?.first?["content"] == "mine"
      return FakeRunner.json(
        ["error": ["code": 400, "message": .string(isMine ? "too many tokens" : "/srv/models/x.gguf")]],
        status: isMine ? 400 : 500)
    } _: { box, _ async throws in
      let mine = try await box.chat(["mine"])
      #expect(mine.status == 400 && mine.text.contains("too many tokens"))
      let its = try await box.chat(["its"])
      #expect(its.status == 502 && !its.text.contains("/srv"))
    }
  }

  @Test func soundThatIsNoneIsRefused() async throws {
    try await with { box, _ async throws in
      let answer = try await box.send("/v1/audio/speech", ["model": "tiny", "input": "x", "voice": "en"])
      #expect(answer.status == 502 && !answer.text.contains("<script>"))
    }
  }

  @Test func aRunnerThatIsNotThereIsOverloaded() async throws {
    let fake = try FakeRunner(Self.plain)
    let box = try Box([fake.endpoint("tiny")])
    let answer = try await box.chat(["x"])
    #expect(answer.status == 503 && answer.header("Retry-After") == "2")
    await box.shutDown()
  }

  // MARK: Clients that leave

  @Test func aClientThatLeavesEndsTheRunnersWork() async throws {
    let (begun, left) = (Gate(), Gate())
    begun.open()
    left.open()
    try await with { _ in
      FakeRunner.stream { writer in
        await begun.pass()
        // Until the gateway closes the connection.
        do {
          while true {
            try await writer.write(FakeRunner.chunk(["content": "x"]))
            try await Task.sleep(for: .milliseconds(1))
          }
        } catch {
          await left.pass()
        }
      }
    } _: { box, _ async throws in
      let asking = Task { try await box.chat(["x"], ["stream": true]) }
      await begun.untilArrived(1)
      asking.cancel()
      let usage = try #require(await box.recorder.usage(after: 1).first)
      await left.untilArrived(1)
      #expect(usage.status == 499 && usage.isEstimated)
    }
  }

  @Test func aRefusedStreamIsAnHTTPError() async throws {
    try await with { _ in
      FakeRunner.json(["error": ["message": "no"]], status: 400)
    } _: { box, _ async throws in
      #expect(try await box.chat(["x"], ["stream": true]).status == 400)
    }
  }

  private static let streamed: JSON = [
    "model": "tiny", "messages": [["role": "user", "content": "x"]], "input": "x", "max_tokens": 8, "stream": true,
  ]
}

extension JSON {
  /// The members of a body that the route knows.
  func `for`(_ path: String) -> JSON {
    guard var object else { return self }
    switch path {
    case "/v1/responses":
      object["messages"] = nil
      object["max_tokens"] = nil
    default: object["input"] = nil
    }
    return .object(object)
  }
}

/// Holds up those who pass until it is opened, and says how many came.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var arrived = 0
    var held: [CheckedContinuation<Void, Never>] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  func pass() async {
    await withCheckedContinuation { continuation in
      let (isOpen, watchers) = state.withLock { state in
        state.arrived += 1
        let ready = state.watchers.filter { $0.count <= state.arrived }
        state.watchers.removeAll { $0.count <= state.arrived }
        if !state.isOpen { state.held.append(continuation) }
        return (state.isOpen, ready)
      }
      for watcher in watchers { watcher.continuation.resume() }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  func untilArrived(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.arrived >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}
