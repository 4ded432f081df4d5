import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// How a model comes to a box, serves, and goes: every program real, llama.cpp in a container without a network.
@Suite(.serialized) struct ModelStoryTests {
  static let roots = Vectors.packageRoot + "/.build/runners/llama-cpp"
  static let models = Vectors.packageRoot + "/.build/models"
  static let canRun =
    geteuid() == 0 && access(roots + "/runner.json", F_OK) == 0 && access(models + "/tiny-chat", F_OK) == 0

  /// A machine that may fetch from the test models and has llama.cpp's root file system; started.
  private func room() throws -> (MachineRoom, runner: String) {
    let room = try MachineRoom()
    let file = room.box.directory.file("system.json")
    var settings = try #require(
      try JSON(parsing: Array(Data(contentsOf: URL(fileURLWithPath: file))), limits: .document(maxBytes: 65536)).object)
    settings["acquisition"] = ["localRoots": [.string(Self.models)]]
    try Data(JSON.object(settings).canonicalBytes()).write(to: URL(fileURLWithPath: file))
    let runner = try Safebox.run(["runner", "digest", Self.roots]).output.trimmingCharacters(in: .newlines)
    try FileManager.default.createDirectory(atPath: room.root + "/runners", withIntermediateDirectories: true)
    try #require(
      try SpawnedProcess("/bin/cp", ["-a", Self.roots, "\(room.root)/runners/\(runner)"]).wait().status == 0)
    try room.start()
    return (room, runner)
  }

  private func decide(_ room: MachineRoom, _ id: String, for status: String = "executed") throws -> JSON {
    try room.box.approve(id, by: "engineer")
    try room.box.approve(id, by: "auditor")
    return try room.box.wait(for: status, of: id)
  }

  private func install(_ room: MachineRoom, _ name: String, _ runner: String, _ options: String...) throws -> String {
    let manifest = room.box.directory.file("\(name).json")
    let built = try Safebox.run(
      [
        "model", "manifest", "build", "\(Self.models)/\(name)", "--version", "1", "--license", "Apache-2.0",
        "--runner-type", "llama-cpp", "--runner", runner, "--memory", "1024", "--cpus", "2",
      ] + options)
    try Data(built.output.utf8).write(to: URL(fileURLWithPath: manifest))
    let proposal = try room.box.safebox("model", "propose", manifest, "--json", expecting: 3).json
    let executed = try decide(room, try #require(proposal["proposal"]?.string))
    // The privileged process answers for what it did, under its own key.
    #expect(executed.at("execution", "result", "report", "iss") == "safebox-system")
    return try #require(proposal.at("statement", "action", "params", "manifest").string)
  }

  private func start(_ room: MachineRoom, _ name: String, _ model: String, for status: String = "executed") throws
    -> JSON
  {
    let proposal = try room.box.safebox("runner", "start", name, "--model", model, "--json", expecting: 3).json
    return try decide(room, try #require(proposal["proposal"]?.string), for: status)
  }

  private func chat(_ room: MachineRoom, _ token: String, _ messages: [JSON]) throws -> HTTPExchange {
    try HTTPExchange(
      "POST", "/v1/chat/completions", at: room.box.address, token: token,
      headers: ["X-Safebox-Cache-Tag": "conversation"],
      body: ["model": "chat", "messages": .array(messages), "max_tokens": 8, "temperature": 0])
  }

  @Test(.enabled(if: canRun, "containers need root and what scripts/setup test makes"))
  func aModelComesServesIsRestartedAndIsRefusedWhenItIsAltered() async throws {
    try await story {
      let (room, runner) = try room()
      defer { try? room.stop() }
      let token = try room.box.token(client: "agent", ["infer"])
      let operations = try room.box.token(client: "operator", ["read", "run"])
      let digest = try install(
        room, "tiny-chat", runner, "--protocol", "chat", "--runner-argument", "context=2048", "--runner-argument",
        "slots=2")
      #expect(try room.box.safebox("model", "verify", "tiny-chat", "--root", room.root).output.contains("every byte"))
      // Approved and installed is not served: a name leads nowhere before its own decision.
      #expect(try chat(room, token, [["role": "user", "content": "hello"]]).status == 404)
      _ = try start(room, "chat", "tiny-chat")
      let words = String(repeating: "a long conversation that is worth keeping ", count: 12)
      let first = try chat(room, token, [["role": "user", "content": .string(words)]])
      #expect(first.status == 200, "\(first.text)")
      #expect(first.headers["x-safebox-model-id"] == digest)
      let said = try first.json().at("choices")
      let answer = try #require(said.array?.first?["message"]?["content"]?.string)

      // The runner is killed and replaced; the conversation's prefix comes back from the disk, by the runner's own count.
      try room.box.safebox("runner", "restart", "chat", token: operations)
      let second = try chat(
        room, token,
        [
          ["role": "user", "content": .string(words)], ["role": "assistant", "content": .string(answer)],
          ["role": "user", "content": "and then?"],
        ])
      #expect(second.status == 200, "\(second.text)")
      #expect(second.headers["x-safebox-cache-hit"] == "true", "\(second.headers)")
      let reused = Int(second.headers["x-safebox-cache-tokens-reused"] ?? "") ?? 0
      #expect(reused > 50, "\(reused) tokens")

      // The privileged process dies; what ought to run runs again when it is back.
      try room.kill()
      try room.start()
      #expect(try chat(room, token, [["role": "user", "content": "hello"]]).status == 200)

      // Root changes one byte. Nobody starts that.
      let weights = "\(room.root)/models/\(digest)/tiny-chat-f32.gguf"
      try #require(chmod(weights, 0o644) == 0)
      let handle = try FileHandle(forUpdating: URL(fileURLWithPath: weights))
      try handle.seek(toOffset: 500_000)
      let byte = try #require(try handle.read(upToCount: 1)?.first)
      try handle.seek(toOffset: 500_000)
      try handle.write(contentsOf: [byte ^ 1])
      try handle.close()
      try #require(chmod(weights, 0o444) == 0)
      let refused = try room.box.safebox("model", "verify", "tiny-chat", "--root", room.root, expecting: 5)
      #expect(refused.errors.contains("expected SHA-256"))
      let unserved = try room.box.safebox("runner", "restart", "chat", expecting: 1, token: operations)
      #expect(unserved.errors.contains("expected SHA-256"))
      #expect(try chat(room, token, [["role": "user", "content": "hello"]]).status >= 500)

      // Stopped and removed, the name leads nowhere again.
      // A model that is served is not removed.
      #expect(
        try room.box.safebox("model", "remove", "tiny-chat", expecting: 1).errors.contains("effect.model-in-use"))
      for words in [["runner", "stop", "chat"], ["model", "remove", "tiny-chat"]] {
        let answer = try room.box.safebox(words[0], words[1], words[2], "--json", expecting: 3)
        _ = try decide(room, try #require(try answer.json["proposal"]?.string))
      }
      #expect(try chat(room, token, [["role": "user", "content": "hello"]]).status == 404)
      #expect(!FileManager.default.fileExists(atPath: "\(room.root)/models/\(digest)"))
    }
  }

  @Test(.enabled(if: canRun, "containers need root and what scripts/setup test makes"))
  func clientsUseWhatTheirGrantSays() async throws {
    try await story {
      let (room, runner) = try room()
      defer { try? room.stop() }
      _ = try install(room, "tiny-chat", runner, "--protocol", "chat")
      _ = try start(room, "chat", "tiny-chat")
      let reader = try room.box.token(client: "reader", ["read"])
      let hello: [JSON] = [["role": "user", "content": "hello"]]
      #expect(try chat(room, reader, hello).status == 403)
      #expect(try chat(room, "sbx_nobody_x", hello).status == 401)
      func add(_ name: String, _ options: String...) throws -> String {
        try Safebox.run(["client", "add", name, "--data", room.box.data, "--scope", "infer"] + options).output
          .trimmingCharacters(in: .newlines)
      }
      #expect(try chat(room, try add("other", "--model", "embed"), hello).status == 404)
      let poor = try add("poor", "--model", "chat", "--tokens-per-day", "40")
      #expect(try chat(room, poor, hello).status == 200)
      var status = 200
      for _ in 0..<6 where status == 200 { status = try chat(room, poor, hello).status }
      #expect(status == 429)
      // A decision that cannot be carried out ends so, and the name goes on serving what it served.
      #expect(
        try room.box.safebox("runner", "start", "chat", "--model", String(repeating: "0", count: 64), expecting: 1)
          .errors.contains("no model"))
    }
  }
}
