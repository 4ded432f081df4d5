import CanonicalJSON
import Foundation
import HTTPClient
import Testing

@testable import Inference

/// The prompt cache on a real llama.cpp.
@Suite(.enabled(if: LlamaServer.isReady, "\(LlamaServer.absence)"), .timeLimit(.minutes(5)))
struct PromptCacheTests {
  /// Long enough that a saved prefix is worth its file.
  private static let opening = String(repeating: "The box keeps what was said to itself. ", count: 8)

  private func reused(_ response: HTTPClientResponse) throws -> Int64 {
    try #require(try response.json["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.integer)
  }

  @Test func aConversationFindsItsPrefixAgainAfterTheRunnerWasRestarted() async throws {
    let llama = try await LlamaServer.chat()
    let endpoint = llama.endpoint(slots: 2)
    let box = try Box([endpoint])
    let first = try await box.chat([Self.opening])
    #expect(first.status == 200 && first.header("X-Safebox-Cache-Hit") == "false")
    let prompt = try #require(try first.json["usage"]?["prompt_tokens"]?.integer)

    #expect(await box.gateway.suspend(endpoint) == 1)
    #expect(llama.savedFiles.count == 1)
    llama.kill()
    try await llama.start()
    box.gateway.resume(endpoint)

    let second = try await box.chat([Self.opening, "yes", "and then?"])
    #expect(try reused(second) >= prompt - 16)
    #expect(second.header("X-Safebox-Cache-Hit") == "true")
    let usage = await box.recorder.usage(after: 2)
    #expect(usage.map(\.cache.name) == ["cold", "restored"])
    #expect(usage[1].cachedTokens == (try reused(second)))
    #expect(box.recorder.alarms.isEmpty)
    await box.shutDown()
  }

  @Test func aRestartWithoutSavingIsNoHit() async throws {
    let llama = try await LlamaServer.chat()
    let box = try Box([llama.endpoint(slots: 2)])
    _ = try await box.chat([Self.opening])
    llama.kill()
    try await llama.start()
    let second = try await box.chat([Self.opening, "yes", "and then?"])
    #expect(try reused(second) == 0)
    #expect(await box.recorder.usage(after: 2).map(\.cache.name) == ["cold", "cold"])
    await box.shutDown()
  }

  @Test func aConversationStaysInItsSlotAndGivesWayToOthers() async throws {
    let llama = try await LlamaServer.chat(slots: 2)
    let box = try Box([llama.endpoint(slots: 2)])
    for turn in 1...3 {
      for name in ["a", "b", "c"] {
        let turns = (0..<(2 * turn - 1)).map { $0 == 0 ? "\(name) \(Self.opening)" : "word \($0)" }
        let answer = try await box.chat(turns, headers: ["X-Safebox-Cache-Tag": name])
        #expect(answer.status == 200)
      }
    }
    // Three conversations on two slots: each first turn is cold, all others were saved for another and restored.
    let names = await box.recorder.usage(after: 9).map(\.cache.name)
    #expect(names == Array(repeating: "cold", count: 3) + Array(repeating: "restored", count: 6))
    #expect(box.recorder.alarms.isEmpty)
    #expect(await box.gateway.savedPrefixes.files == 3)
    await box.shutDown()
  }

  @Test func clientsAndTenantsNeverFindEachOthersPrefix() async throws {
    let llama = try await LlamaServer.chat(slots: 1)
    let box = try Box([llama.endpoint(slots: 1)])
    let words = [Self.opening]
    // The same words in the same slot, also under the same tag: nothing is reused but by the one who said them.
    for (token, tenant, isReused) in [
      ("token-alice", "x", false), ("token-bob", "x", false), ("token-bob", "y", false), ("token-bob", "x", true),
      ("token-alice", "x", true),
    ] {
      let answer = try await box.chat(
        words, token: token, headers: ["X-Safebox-Cache-Tag": "t", "X-Safebox-Tenant": tenant])
      #expect(try (reused(answer) > 0) == isReused, "\(token) \(tenant)")
    }
    #expect(box.recorder.alarms.isEmpty)
    await box.shutDown()
  }

  @Test func erasureRemovesFilesAndForgetsSlots() async throws {
    let llama = try await LlamaServer.chat(slots: 1)
    let endpoint = llama.endpoint(slots: 1)
    let box = try Box([endpoint])
    for name in ["a", "b"] { _ = try await box.chat([Self.opening], headers: ["X-Safebox-Cache-Tag": name]) }
    #expect(llama.savedFiles.count == 1)
    await box.gateway.forget(client: "alice", model: endpoint.model.digest, cacheTag: "a")
    #expect(llama.savedFiles.isEmpty)
    await box.gateway.forget(client: "alice")
    let answer = try await box.chat([Self.opening], headers: ["X-Safebox-Cache-Tag": "b"])
    #expect(try reused(answer) == 0)
    await box.shutDown()
  }

  @Test func savedPrefixesAreBounded() async throws {
    let llama = try await LlamaServer.chat(slots: 1)
    var limits = PromptCacheLimits()
    limits.files = 2
    let box = try Box([llama.endpoint(slots: 1)], cacheLimits: limits)
    for name in ["a", "b", "c", "d", "e"] {
      _ = try await box.chat([Self.opening], headers: ["X-Safebox-Cache-Tag": name])
    }
    #expect(llama.savedFiles.count == 2)
    #expect(await box.gateway.savedPrefixes.files == 2)
    await box.shutDown()
  }

  @Test func whatIsNotCachedIsNeitherFoundNorLeft() async throws {
    let llama = try await LlamaServer.chat(slots: 1)
    let box = try Box([llama.endpoint(slots: 1)])
    for _ in 0..<2 {
      let answer = try await box.chat([Self.opening], headers: ["X-Safebox-Cache-Mode": "none"])
      #expect(try reused(answer) == 0)
    }
    #expect(await box.recorder.usage(after: 2).map(\.cache) == [.unused, .unused])
    await box.shutDown()
  }

  @Test func filesOfAnEarlierLifeAreRemoved() async throws {
    let llama = try await LlamaServer.chat(slots: 1)
    let stale = String(repeating: "ab", count: 32) + ".slot"
    try Data("old".utf8).write(to: URL(fileURLWithPath: llama.cacheDirectory + "/" + stale))
    try Data("other".utf8).write(to: URL(fileURLWithPath: llama.cacheDirectory + "/keep"))
    let box = try Box([llama.endpoint(slots: 1)])
    _ = try await box.chat(["hello"])
    #expect(llama.savedFiles == ["keep"])
    await box.shutDown()
  }
}
