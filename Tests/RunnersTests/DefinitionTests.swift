import CanonicalJSON
import Cryptography
import Foundation
import Models
import TestSupport
import Testing

@testable import Runners

@Suite struct DefinitionTests {
  static let types = ["llama-cpp", "vllm", "sglang", "ollama", "espeak-ng"]

  private func definition(_ type: String) throws -> RunnerDefinition {
    let path = Vectors.packageRoot + "/runners/definitions/\(type).json"
    return try RunnerDefinition(parsing: Array(Data(contentsOf: URL(fileURLWithPath: path))))
  }

  private func manifest(
    _ type: String, files: [String], protocols: [ModelProtocol], arguments: [String: RunnerRequirement.Value] = [:],
    name: String = "model"
  ) throws -> ModelManifest {
    let digest = SHA256.hash(utf8: "x")
    let source = try #require(ModelSourceFixture.source)
    return try ModelManifest(
      ModelDescription(
        name: name, version: "1", license: "x", runnerType: type, protocols: protocols,
        runner: RunnerRequirement(digest: digest, arguments: arguments)),
      files: files.map { ModelFile(path: $0, sizeBytes: 1, sha256: digest, sources: [source]) })
  }

  @Test(arguments: types) func shippedDefinitionsAreRead(type: String) throws {
    let definition = try definition(type)
    #expect(definition.type == type)
    #expect(!definition.protocols.isEmpty)
  }

  @Test func aManifestBecomesACommand() throws {
    let command = try CommandTemplate(
      definition("llama-cpp"),
      for: manifest(
        "llama-cpp", files: ["a/m.gguf", "README"], protocols: [.chat],
        arguments: ["context": .integer(4096), "slots": .integer(3), "flash-attention": .text("off")]))
    #expect(
      command.arguments.prefix(5) == [
        "/usr/bin/llama-server", "--model", "/model/a/m.gguf", "--host", "/run/safebox/runner.sock",
      ])
    #expect(command.arguments.suffix(4) == ["--ctx-size", "4096", "--flash-attn", "off"])
    let slots = try #require(command.arguments.firstIndex(of: "--parallel"))
    #expect(command.arguments[slots + 1] == "3")
    #expect(command.slots == 3)
    #expect(!command.arguments.contains("--embeddings"))
  }

  @Test func embeddingsAloneHaveAFlagOfTheirOwn() throws {
    let files = ["m.gguf"]
    let alone = try CommandTemplate(
      definition("llama-cpp"), for: manifest("llama-cpp", files: files, protocols: [.embeddings]))
    #expect(alone.arguments.contains("--embeddings"))
    let vllm = try CommandTemplate(
      definition("vllm"),
      for: manifest("vllm", files: ["config.json"], protocols: [.chat], arguments: ["gpu-memory-percent": .integer(85)])
    )
    #expect(vllm.arguments.suffix(2) == ["--gpu-memory-utilization", "0.85"])
    let ollama = try CommandTemplate(
      definition("ollama"),
      for: manifest("ollama", files: ["blobs/x"], protocols: [.chat], arguments: ["context": .integer(8192)]))
    #expect(ollama.environment.contains("OLLAMA_CONTEXT_LENGTH=8192"))
    #expect(ollama.environment.contains("OLLAMA_KEEP_ALIVE=-1"))
  }

  @Test(arguments: [
    ("no-such-option", RunnerRequirement.Value.integer(1)), ("context", .integer(1)), ("context", .text("--help")),
    ("flash-attention", .text("--api-key")), ("pooling", .integer(1)),
  ])
  func otherOptionsAreRefused(name: String, value: RunnerRequirement.Value) throws {
    let manifest = try manifest("llama-cpp", files: ["m.gguf"], protocols: [.chat], arguments: [name: value])
    let definition = try definition("llama-cpp")
    #expect {
      try CommandTemplate(definition, for: manifest)
    } throws: { ($0 as? FieldError)?.field == "runner.arguments.\(name)" }
  }

  @Test func modelsThatDoNotFitAreRefused() throws {
    let definition = try definition("llama-cpp")
    #expect(throws: RunnerFault.runnerType(expected: "vllm", actual: "llama-cpp")) {
      try CommandTemplate(definition, for: manifest("vllm", files: ["m.gguf"], protocols: [.chat]))
    }
    #expect(throws: RunnerFault.modelFile(wanted: "*.gguf", found: ["a.gguf", "b.gguf"])) {
      try CommandTemplate(definition, for: manifest("llama-cpp", files: ["a.gguf", "b.gguf"], protocols: [.chat]))
    }
    #expect(throws: FieldError.self) {
      try CommandTemplate(definition, for: manifest("llama-cpp", files: ["a.gguf"], protocols: [.speech]))
    }
    let parts = try CommandTemplate(
      definition,
      for: manifest("llama-cpp", files: ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], protocols: [.chat]))
    #expect(parts.arguments.contains("/model/m-00001-of-00002.gguf"))
    let dashed = try CommandTemplate(
      definition, for: manifest("llama-cpp", files: ["a.gguf"], protocols: [.chat], name: "--help"))
    #expect(!dashed.arguments.contains("--help"))
  }

  @Test(arguments: [
    #"{"type":"x","description":"x","protocols":["chat"],"command":["/x"],"health":"/","startSeconds":1,"privileged":true}"#,
    #"{"type":"x","description":"x","protocols":["chat"],"command":["x"],"health":"/","startSeconds":1}"#,
    #"{"type":"x","description":"x","protocols":["chat"],"command":["/x"],"health":"/","startSeconds":1,"writable":{"/etc":4096}}"#,
    #"{"type":"x","description":"x","protocols":["dance"],"command":["/x"],"health":"/","startSeconds":1}"#,
    #"{"type":"x","description":"x","protocols":["chat"],"command":["/x"],"health":"/","startSeconds":1,"adapter":"../x"}"#,
    #"{"type":"x","description":"x","protocols":["chat"],"command":["/x"],"health":"/","startSeconds":1,"defaults":{"a":1}}"#,
  ])
  func otherDefinitionsAreRefused(text: String) {
    #expect(throws: FieldError.self) { try RunnerDefinition(parsing: Array(text.utf8)) }
  }
}

enum ModelSourceFixture {
  static var source: ModelSource? { try? ModelSource(parsing: "https://models.example/x") }
}

@Suite struct PolicyTests {
  @Test func waitsDoubleUpToTheirBound() {
    var policy = RestartPolicy()
    policy.maxFailures = 9
    let waits = (1...9).map { policy.decision(failures: $0) }
    #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60].map { .restart(after: .seconds($0)) } + [.giveUp(failures: 9)])
  }

  @Test func whoRanLongIsForgiven() {
    let policy = RestartPolicy()
    #expect(policy.failures(before: 5, ranFor: .seconds(299)) == 6)
    #expect(policy.failures(before: 5, ranFor: .seconds(300)) == 1)
  }

  @Test func answersBecomeHeaders() throws {
    let llama: JSON = [
      "timings": [
        "cache_n": 28, "prompt_n": 1, "prompt_ms": .double(1.5), "predicted_n": 4, "predicted_ms": .double(8.6),
      ]
    ]
    let work = RunnerContract.Work(answer: llama)
    #expect(
      work.cachedTokens == 28 && work.promptTokens == 1 && work.generatedTokens == 4 && work.computeMilliseconds == 10)
    let headers = RunnerContract.headers(
      requestID: "r-1", runner: "a", model: "m", work: work, queueMilliseconds: 3, hint: .available)
    #expect(
      headers.map { "\($0.name): \($0.value)" } == [
        "X-Safebox-Request-Id: r-1", "X-Safebox-Runner-Id: a", "X-Safebox-Model-Id: m", "X-Safebox-Cache-Hit: true",
        "X-Safebox-Cache-Tokens-Reused: 28", "X-Safebox-Queue-Wait-Ms: 3", "X-Safebox-Compute-Ms: 10",
        "X-Safebox-Capacity-Hint: available",
      ])
    // Who says nothing of a cache has not said that it missed.
    let silent = RunnerContract.headers(
      requestID: "a\r\nb", runner: "a", model: "m", work: RunnerContract.Work(answer: [:]), queueMilliseconds: 0,
      hint: .saturated)
    #expect(
      silent.map(\.name) == [
        "X-Safebox-Runner-Id", "X-Safebox-Model-Id", "X-Safebox-Queue-Wait-Ms", "X-Safebox-Capacity-Hint",
      ])
    #expect(
      [6, 7, 8, 9, 10].map { RunnerContract.capacityHint(busy: $0, slots: 10).rawValue } == [
        "available", "near-saturated", "near-saturated", "saturated", "saturated",
      ])
  }
}

@Suite struct DeviceTests {
  private let text = #"""
    {"cdiVersion":"0.6.0","kind":"vendor.example/gpu",
     "containerEdits":{"env":["VENDOR=1"],"mounts":[{"hostPath":"/opt/vendor/lib.so","containerPath":"/usr/lib/lib.so","options":["rw"]}]},
     "devices":[{"name":"0","containerEdits":{"deviceNodes":[{"path":"/dev/gpu0","type":"c","major":195,"minor":0}],
       "hooks":[{"hookName":"createContainer","path":"/usr/bin/hook","args":["hook","ldcache"]}]}},
      {"name":"null","containerEdits":{"deviceNodes":[{"path":"/dev/gpu1","hostPath":"/dev/null","permissions":"r"}]}}]}
    """#

  @Test func namesBecomeNodesMountsAndEnvironment() throws {
    let directory = try TemporaryDirectory()
    try directory.write(Array(text.utf8), to: "vendor.json")
    let edits = try CDISpecification.edits(
      for: ["vendor.example/gpu=0", "vendor.example/gpu=null"], directories: [directory.path])
    #expect(edits.environment == ["VENDOR=1", "VENDOR=1"])
    #expect(edits.nodes.map(\.path) == ["/dev/gpu0", "/dev/gpu1"])
    #expect(edits.nodes.map(\.major) == [195, 1] && edits.nodes.map(\.minor) == [0, 3])
    #expect(edits.nodes.map(\.permissions) == ["rw", "r"])
    // Whatever the specification says, the host's files are read-only.
    #expect(edits.mounts.first?["options"]?.array?.compactMap(\.string) == ["rbind", "ro", "nosuid", "nodev"])
    #expect(edits.hooks.map(\.name) == ["createContainer"])
    #expect(throws: RunnerFault.deviceUnknown("vendor.example/gpu=7")) {
      try CDISpecification.edits(for: ["vendor.example/gpu=7"], directories: [directory.path])
    }
  }

  @Test func theContainerMayUseThoseDevicesAlone() throws {
    let devices = try #require(CDISpecification(parsing: Array(text.utf8)).devices["0"])
    let definition = try RunnerDefinition(json: [
      "type": "x", "description": "x", "protocols": ["chat"], "command": ["/x"], "health": "/", "startSeconds": 1,
    ])
    let digest = SHA256.hash(utf8: "x")
    let source = try #require(ModelSourceFixture.source)
    let manifest = try ModelManifest(
      ModelDescription(name: "m", version: "1", license: "x", runnerType: "x", protocols: [.chat]),
      files: [ModelFile(path: "f", sizeBytes: 1, sha256: digest, sources: [source])])
    let spec = ContainerSpec(
      identifier: "x", command: try CommandTemplate(definition, for: manifest), definition: definition,
      directories: ContainerSpec.Directories(root: "/r", models: "/m", adapters: nil, socket: "/s", cache: "/c"),
      limits: ContainerLimits(memoryBytes: 1, cpus: 1, pids: 1), devices: devices
    ).json
    let rules = spec["linux"]?["resources"]?["devices"]?.array ?? []
    #expect(rules.first?["allow"]?.bool == false)
    #expect(rules.dropFirst().compactMap { $0["major"]?.integer } == [195])
    #expect(spec["linux"]?["devices"]?.array?.compactMap { $0["path"]?.string } == ["/dev/gpu0"])
    #expect(spec["hooks"]?["createContainer"]?.array?.count == 1)
    #expect(spec["process"]?["env"]?.array?.compactMap(\.string) == ["VENDOR=1"])
  }
}

@Suite(.enabled(if: geteuid() == 0, "needs root")) struct RootTests {
  private func tree(_ change: (TemporaryDirectory) throws -> Void = { _ in }) throws -> SHA256Digest {
    let directory = try TemporaryDirectory()
    try directory.write(Array("b".utf8), to: "usr/bin/b")
    try directory.write(Array("a".utf8), to: "usr/bin/a")
    try FileManager.default.createSymbolicLink(atPath: directory.file("bin"), withDestinationPath: "usr/bin")
    try change(directory)
    return try RunnerTree.digest(of: directory.path)
  }

  @Test func oneTreeHasOneDigestAndEveryOtherAnother() throws {
    let digest = try tree()
    #expect(digest == (try tree()))
    #expect(
      digest
        == (try tree {
          try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: $0.file("usr/bin/a"))
        }))
    let others = try [
      tree { try $0.write(Array("c".utf8), to: "usr/bin/a") }, tree { try $0.write([], to: "usr/bin/c") },
      tree { chmod($0.file("usr/bin/a"), 0o755) },
      tree { try FileManager.default.moveItem(atPath: $0.file("usr/bin/a"), toPath: $0.file("usr/bin/d")) },
      tree {
        try FileManager.default.removeItem(atPath: $0.file("bin"))
        try FileManager.default.createSymbolicLink(atPath: $0.file("bin"), withDestinationPath: "usr/sbin")
      },
    ]
    #expect(Set(others + [digest]).count == 6)
  }

  @Test func whatHasNoPlaceInARootIsRefused() {
    #expect(throws: RunnerFault.self) { try tree { chmod($0.file("usr/bin/a"), 0o4755) } }
    #expect(throws: RunnerFault.self) { try tree { chmod($0.file("usr/bin/a"), 0o666) } }
    #expect(throws: RunnerFault.self) { try tree { chown($0.file("usr/bin/a"), 1, 0) } }
    #expect(throws: RunnerFault.self) { try tree { mkfifo($0.file("usr/bin/p"), 0o600) } }
    #expect(throws: RunnerFault.self) { try tree { try $0.write([], to: "a\nf 0644") } }
  }
}
