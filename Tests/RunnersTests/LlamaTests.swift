import CanonicalJSON
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Runners

/// llama.cpp in a container, from its pinned packages, with the two test models.
@Suite(.enabled(if: RunnerBox.hasLlama, RunnerBox.rootsAbsence))
struct LlamaTests {
  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func embeddingsAreThoseOfTheModel() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(
        box.llama("embeddings", model: "all-minilm-l6-v2", protocols: [.embeddings]))
      print("embeddings: start to /health \(status.startMilliseconds ?? -1) ms")
      let texts: JSON = [
        "A box in which models run under rules.", "Kätzchen schlafen gern; unbelievably_long!", "rain",
      ]
      let answer = try await box.ask(status, "/v1/embeddings", ["model": "all-minilm-l6-v2", "input": texts])
      let body = try JSON(parsing: answer.body, limits: .document(maxBytes: 8 << 20))
      let peer = try Subprocess.run(
        PythonPeer.interpreter, ["-B", Vectors.packageRoot + "/Tests/Peers/minilm_reference.py"],
        input: (["input": texts] as JSON).canonicalBytes())
      let reference = try JSON(parsing: peer.output, limits: .document(maxBytes: 8 << 20))
      let expected = try #require(reference["vectors"]?.array)
      #expect(expected.count == 3)
      for (index, vector) in expected.enumerated() {
        let left = (vector.array ?? []).compactMap(\.number)
        let right = (body["data"]?.array?[index]["embedding"]?.array ?? []).compactMap(\.number)
        #expect(left.count == 384 && right.count == 384)
        let product = zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
        let lengths = (left.reduce(0) { $0 + $1 * $1 } * right.reduce(0) { $0 + $1 * $1 }).squareRoot()
        #expect(product / lengths > 0.999)
      }
      let findings = await RunnerConformance(client: box.client, socket: status.socket, model: "all-minilm-l6-v2")
        .check([.embeddings])
      #expect(findings.filter { $0.outcome != .passed } == [])
      #expect(findings.count == 5)
    }
  }

  @Test func twoChatRunnersServeSideBySide() async throws {
    try await RunnerBox.with { box in
      let first = try await box.supervisor.start(
        box.llama("first", model: "tiny-chat", protocols: [.chat, .completion]))
      print("chat: start to /health \(first.startMilliseconds ?? -1) ms")
      let order = try #require(try? box.order("second", box.store.manifest(of: first.model), root: RunnerBox.llamaRoot))
      let second = try await box.supervisor.start(order)
      #expect(first.slots == 2)
      for status in [first, second] {
        let findings = await RunnerConformance(client: box.client, socket: status.socket, model: "tiny-chat")
          .check([.chat, .completion])
        #expect(findings.filter { $0.outcome != .passed } == [])
        #expect(findings.count == 6)
      }
    }
  }

  @Test func whatTheServerSaysBecomesHeadersAndSlotsAreSaved() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.llama("slots", model: "tiny-chat", protocols: [.chat]))
      let question: JSON = [
        "model": "tiny-chat", "max_tokens": 4, "id_slot": 0,
        "messages": [["role": "user", "content": "what is the news of the world today and what was it last year?"]],
      ]
      var works: [RunnerContract.Work] = []
      for _ in 0..<2 {
        let answer = try await box.ask(status, "/v1/chat/completions", question)
        works.append(RunnerContract.Work(answer: try JSON(parsing: answer.body, limits: .document(maxBytes: 1 << 20))))
      }
      #expect(works[0].cachedTokens == 0)
      #expect(try #require(works[1].cachedTokens) > 10)
      let saved = try await box.ask(status, "/slots/0?action=save", ["filename": "slot"])
      #expect(saved.status == 200, "\(String(decoding: saved.body, as: UTF8.self))")
      // The cache outlives the container.
      let again = try await box.supervisor.restart("slots")
      #expect(again.pid != status.pid)
      let restored = try await box.ask(again, "/slots/0?action=restore", ["filename": "slot"])
      #expect(restored.status == 200)
      let answer = try await box.ask(again, "/v1/chat/completions", question)
      let work = RunnerContract.Work(answer: try JSON(parsing: answer.body, limits: .document(maxBytes: 1 << 20)))
      #expect(try #require(work.cachedTokens) > 10)
    }
  }

  @Test(.enabled(if: Subprocess.find("/usr/bin/runsc", "/usr/local/bin/runsc") != nil, "runsc is not installed"))
  func theKernelOfGVisorServesToo() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(
        box.llama("gvisor", model: "tiny-chat", protocols: [.chat], isolation: .runsc))
      print("chat in gVisor: start to /health \(status.startMilliseconds ?? -1) ms")
      #expect(status.containment?.applied == ["gvisor-kernel", "network-none"])
      let findings = await RunnerConformance(client: box.client, socket: status.socket, model: "tiny-chat").check([
        .chat
      ])
      #expect(findings.filter { $0.outcome != .passed } == [])
    }
  }

  /// For whoever has the hardware: SAFEBOX_RUNNER_SOCKET, SAFEBOX_RUNNER_MODEL, SAFEBOX_RUNNER_PROTOCOLS (`chat,embeddings`).
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["SAFEBOX_RUNNER_SOCKET"] != nil, "SAFEBOX_RUNNER_SOCKET names no runner"))
  func aRunnerOfYoursConforms() async throws {
    let environment = ProcessInfo.processInfo.environment
    let names = (environment["SAFEBOX_RUNNER_PROTOCOLS"] ?? "chat").split(separator: ",")
    let findings = await RunnerConformance(
      client: HTTPClient(), socket: try #require(environment["SAFEBOX_RUNNER_SOCKET"]),
      model: environment["SAFEBOX_RUNNER_MODEL"] ?? "model", health: environment["SAFEBOX_RUNNER_HEALTH"] ?? "/health"
    ).check(names.compactMap { ModelProtocol(rawValue: String($0)) })
    #expect(findings.filter { $0.outcome != .passed } == [])
  }
}
