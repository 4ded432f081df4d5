import CanonicalJSON
import Cryptography
import Testing

@testable import Models

@Suite struct ModelManifestTests {
  private func refusal(_ change: (inout JSONObject) -> Void) throws -> FieldError? {
    var object = try Fixture.json()
    change(&object)
    return fault { () throws(FieldError) in _ = try ModelManifest(json: .object(object)) }
  }

  // docs/formats.md section 15
  private static let vector = """
    {
      "version": "1.0", "name": "tiny", "license": "MIT", "runnerType": "llama-cpp", "totalSizeBytes": 3,
      "files": [
        {"path": "a.gguf", "sizeBytes": 3,
         "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
         "sources": ["https://models.example/a.gguf"]}
      ],
      "metadata": {"family": "tiny"}
    }
    """

  @Test func theDigestIsThatOfTheCanonicalForm() throws {
    let manifest = try ModelManifest(parsing: Array(Self.vector.utf8))
    let canonical =
      #"{"files":[{"path":"a.gguf","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","#
      + #""sizeBytes":3,"sources":["https://models.example/a.gguf"]}],"license":"MIT","metadata":{"family":"tiny"},"#
      + #""name":"tiny","runnerType":"llama-cpp","totalSizeBytes":3,"version":"1.0"}"#
    #expect(manifest.canonicalBytes == Array(canonical.utf8))
    #expect(manifest.digest == SHA256.hash(utf8: canonical))
    #expect(manifest.digest.hex == "2db777374ff1ba6ce13d7d7cd9eda774af5dbb860ccc2fca2d1760f24173aa11")
  }

  @Test func theOrderOfMembersAndWhiteSpaceDoNotMatter() throws {
    let one = try ModelManifest(parsing: Array(Self.vector.utf8))
    let two = try ModelManifest(parsing: one.canonicalBytes)
    #expect(one.digest == two.digest)
    #expect(one == two)
    var other = try #require(one.json.object)
    other["version"] = "1.1"
    #expect(try ModelManifest(json: .object(other)).digest != one.digest)
  }

  @Test func aManifestMadeOfPartsReadsAsThoseParts() throws {
    let runner = RunnerRequirement(
      digest: SHA256.hash(utf8: "root"), arguments: ["context": .integer(4096), "pooling": .text("mean")])
    let resources = ModelResources(memoryBytes: 1 << 30, cpus: 2, gpus: 1, pids: 64)
    let description = ModelDescription(
      name: "tiny", version: "1.0", license: "Apache-2.0", runnerType: "llama-cpp", metadata: ["family": "bert"],
      protocols: [.embeddings, .chat], runner: runner, resources: resources)
    let evidence = ModelEvidence(kind: .oms, sha256: SHA256.hash(utf8: "bundle"), key: nil)
    let file = try Fixture.file("a.gguf", [1, 2, 3])
    let made = try ModelManifest(description, files: [file], evidence: [evidence])
    let read = try ModelManifest(parsing: made.canonicalBytes)
    #expect(read == made)
    #expect(read.files == [file])
    #expect(read.metadata == ["family": "bert"])
    #expect(read.protocols == [.embeddings, .chat])
    #expect(read.runner == runner)
    #expect(read.resources == resources)
    #expect(read.evidence == [evidence])
    #expect(
      read.facts
        == ModelFacts(
          manifest: made.digest, name: "tiny", version: "1.0", bytes: 3, files: 1, licence: "Apache-2.0",
          runner: runner.digest))
  }

  @Test func aKeyInEvidenceHasOneSpelling() throws {
    let key = P256.PrivateKey.generate().publicKey
    let sound = "data:key/es256;base64,\(Base64.encode(key.spkiDER))"
    let other = "data:key/es256;base64url,\(Base64.encodeURL(key.spkiDER))"
    let digest = JSON.string(SHA256.hash(utf8: "b").hex)
    #expect(try refusal { $0["evidence"] = [["type": "oms", "sha256": digest, "key": .string(sound)]] } == nil)
    let field = try refusal { $0["evidence"] = [["type": "oms", "sha256": digest, "key": .string(other)]] }?.field
    #expect(field == "evidence[0].key")
  }

  @Test(arguments: [
    "../x", "a/../b", "/a", "a//b", "a/", "./a", ".", "..", "", "a b", "a\\b", "c:x", "a\u{0}b", "ä", "a/\u{202E}b",
    String(repeating: "a", count: 256), String(repeating: "a/", count: 128) + "a",
  ])
  func pathsThatLeadElsewhereAreRefused(_ path: String) throws {
    let error = try refusal { $0["files"] = [Fixture.fileJSON(path, 14)] }
    #expect(error?.field == "files[0].path")
  }

  @Test(arguments: ["a", ".hidden", "...", "a/b/c.d", "A-1_2.gguf", String(repeating: "a", count: 255)])
  func plainPathsAreAccepted(_ path: String) throws {
    #expect(try refusal { $0["files"] = [Fixture.fileJSON(path, 14)] } == nil)
  }

  @Test(arguments: [
    ("a", "a"), ("a/B", "a/b"), ("model.GGUF", "model.gguf"), ("A/x", "a/y"), ("d/A/x", "d/a/y"), ("a", "a/b"),
    ("a/b", "a"), ("a/b/c", "a/b"), ("A", "a/b"), ("a/b", "A"),
  ])
  func pathsThatCannotStandTogetherAreRefused(_ one: String, _ two: String) throws {
    let error = try refusal { $0["files"] = [Fixture.fileJSON(one, 7), Fixture.fileJSON(two, 7)] }
    #expect(error?.field == "files[1].path")
  }

  @Test func pathsThatOnlyLookAlikeStandTogether() throws {
    let files: JSON = [Fixture.fileJSON("a/b", 4), Fixture.fileJSON("a/bc", 4), Fixture.fileJSON("ab", 6)]
    #expect(try refusal { $0["files"] = files } == nil)
  }

  @Test(arguments: [0, -1, ModelFile.maxBytes + 1, JSON.maxSafeInteger])
  func absurdSizesAreRefused(_ size: Int64) throws {
    let error = try refusal {
      $0["files"] = [Fixture.fileJSON("a", size)]
      $0["totalSizeBytes"] = .integer(size)
    }
    #expect(error?.field == "files[0].sizeBytes")
  }

  @Test func theLargestFileIsAccepted() throws {
    let error = try refusal {
      $0["files"] = [Fixture.fileJSON("a", ModelFile.maxBytes)]
      $0["totalSizeBytes"] = .integer(ModelFile.maxBytes)
    }
    #expect(error == nil)
  }

  @Test(arguments: [13, 15, 0, -14])
  func aSumThatIsNotTheSumIsRefused(_ total: Int64) throws {
    let error = try refusal { $0["totalSizeBytes"] = .integer(total) }
    #expect(error?.field == "totalSizeBytes")
    #expect(error?.expected.contains("14") == true)
  }

  @Test func countsAreLimited() throws {
    func files(_ count: Int64) -> JSON { .array((0..<count).map { Fixture.fileJSON("f\($0)", 1) }) }
    func sources(_ count: Int) -> JSON { .array((0..<count).map { .string("https://h/\($0)") }) }
    func file(_ count: Int) -> JSON { [Fixture.fileJSON("a", 14, sources: sources(count))] }
    #expect(try refusal { ($0["files"], $0["totalSizeBytes"]) = (files(256), 256) } == nil)
    #expect(try refusal { ($0["files"], $0["totalSizeBytes"]) = (files(257), 257) }?.field == "files")
    #expect(try refusal { ($0["files"], $0["totalSizeBytes"]) = ([], 0) }?.field == "files")
    #expect(try refusal { $0["files"] = file(16) } == nil)
    #expect(try refusal { $0["files"] = file(17) }?.field == "files[0].sources")
    #expect(try refusal { $0["files"] = file(0) }?.field == "files[0].sources")
    let twice = try refusal { $0["files"] = [Fixture.fileJSON("a", 14, sources: ["https://h/1", "https://h/1"])] }
    #expect(twice?.field == "files[0].sources[1]")
  }

  @Test func textsAreLimited() throws {
    let long = String(repeating: "x", count: 300)
    #expect(try refusal { $0["name"] = .string(String(long.prefix(128))) } == nil)
    #expect(try refusal { $0["name"] = .string(String(long.prefix(129))) }?.field == "name")
    for name in ["", "a b", "a/b", "ä", "a\n"] {
      #expect(try refusal { $0["name"] = .string(name) }?.field == "name")
    }
    #expect(try refusal { $0["version"] = .string(String(long.prefix(64))) } == nil)
    #expect(try refusal { $0["version"] = .string(String(long.prefix(65))) }?.field == "version")
    #expect(try refusal { $0["license"] = .string(String(long.prefix(256))) } == nil)
    #expect(try refusal { $0["license"] = .string(String(long.prefix(257))) }?.field == "license")
    #expect(try refusal { $0["license"] = "MIT or späteres" } == nil)
    for text in ["", "a\u{1B}[2J", "a\nb", "evil\u{202E}TIM", "\u{FEFF}"] {
      #expect(try refusal { $0["license"] = .string(text) }?.field == "license")
      #expect(try refusal { $0["version"] = .string(text) }?.field == "version")
    }
    for type in ["", "Llama", "llama_cpp", String(long.prefix(65))] {
      #expect(try refusal { $0["runnerType"] = .string(type) }?.field == "runnerType")
    }
  }

  @Test(arguments: ["name", "version", "license", "runnerType", "totalSizeBytes", "files"])
  func everyMemberOfThePublicSchemaIsRequired(_ name: String) throws {
    #expect(try refusal { $0[name] = nil }?.field == name)
    #expect(try refusal { $0[name] = .null }?.field == name)
  }

  @Test func digestsHaveOneSpelling() throws {
    for text in [String(repeating: "0A", count: 32), String(repeating: "0", count: 63), "sha256:" + "", "zz"] {
      let error = try refusal {
        $0["files"] = [
          ["path": "a", "sizeBytes": 14, "sha256": .string(text), "sources": ["https://h/a"]]
        ]
      }
      #expect(error?.field == "files[0].sha256")
    }
  }

  @Test func unknownMembersAreRefused() throws {
    #expect(try refusal { $0["argv"] = ["--api-key", "x"] }?.field == "argv")
    #expect(
      try refusal { $0["files"] = [["path": "a", "sizeBytes": 14, "mode": 511]] }?.field.hasPrefix("files[0]") == true)
    let digest = JSON.string(SHA256.hash(utf8: "r").hex)
    #expect(try refusal { $0["runner"] = ["digest": digest, "image": "latest"] }?.field == "runner.image")
    #expect(
      try refusal { $0["resources"] = ["memoryBytes": 1_073_741_824, "cpus": 1, "disk": 1] }?.field == "resources.disk")
    #expect(
      try refusal { $0["evidence"] = [["type": "oms", "sha256": digest, "ok": true]] }?.field == "evidence[0].ok")
    #expect(try refusal { $0["evidence"] = [["type": "pgp", "sha256": digest]] }?.field == "evidence[0].type")
  }

  @Test func optionsOfTheRunnerAreNamedValuesAndNoArguments() throws {
    let digest = JSON.string(SHA256.hash(utf8: "r").hex)
    func error(_ arguments: JSON) throws -> String? {
      try refusal { $0["runner"] = ["digest": digest, "arguments": arguments] }?.field
    }
    #expect(try error(["context": 4096, "chat-template": "chatml"]) == nil)
    #expect(try error(["--host=0.0.0.0"]) == "runner.arguments")
    #expect(try error(["--host": "0.0.0.0"]) == "runner.arguments")
    #expect(try error(["Context": 1]) == "runner.arguments")
    #expect(try error(["context": true]) == "runner.arguments.context")
    #expect(try error(["context": ["a"]]) == "runner.arguments.context")
    #expect(try error(["context": "a\u{0}b"]) == "runner.arguments.context")
    #expect(try error(["context": "a\n--flag"]) == "runner.arguments.context")
    #expect(try error(.object(JSONObject((0..<65).map { ("a\($0)", 1) }))) == "runner.arguments")
  }

  @Test func resourcesAreBounded() throws {
    func error(_ resources: JSON) throws -> String? { try refusal { $0["resources"] = resources }?.field }
    #expect(try error(["memoryBytes": 1_073_741_824, "cpus": 2]) == nil)
    #expect(try error(["memoryBytes": 1, "cpus": 2]) == "resources.memoryBytes")
    #expect(try error(["memoryBytes": 1_073_741_824, "cpus": 0]) == "resources.cpus")
    #expect(try error(["memoryBytes": 1_073_741_824, "cpus": 1, "gpus": 65]) == "resources.gpus")
    #expect(try error(["memoryBytes": 1_073_741_824, "cpus": 1, "pids": 0]) == "resources.pids")
  }

  @Test func protocolsAreKnownAndListedOnce() throws {
    #expect(try refusal { $0["protocols"] = ["chat", "speech"] } == nil)
    #expect(try refusal { $0["protocols"] = ["chat", "chat"] }?.field == "protocols[1]")
    #expect(try refusal { $0["protocols"] = ["telepathy"] }?.field == "protocols[0]")
    #expect(try refusal { $0["protocols"] = [] }?.field == "protocols")
  }

  @Test func metadataHasNoFractions() throws {
    #expect(try refusal { $0["metadata"] = ["a": ["b": [1, "x", nil, true]]] } == nil)
    #expect(try refusal { $0["metadata"] = ["a": [["b": .double(0.5)]]] }?.field == "metadata")
    #expect(try refusal { $0["metadata"] = ["a": .integer(JSON.maxSafeInteger + 1)] }?.field == "metadata")
    #expect(try refusal { $0["metadata"] = ["x"] }?.field == "metadata")
    let text = Self.vector.replacing(#""tiny"}"#, with: "1.5}")
    #expect(fault { () throws(FieldError) in _ = try ModelManifest(parsing: Array(text.utf8)) }?.field == "")
  }

  @Test func whatIsNoJSONOrTooLongIsRefused() throws {
    for text in ["", "{", "[]", Self.vector + "{}", Self.vector.replacing(#""name""#, with: #""version""#)] {
      #expect(throws: FieldError.self) { try ModelManifest(parsing: Array(text.utf8)) }
    }
    let padding = String(repeating: " ", count: ModelManifest.maxBytes)
    #expect(throws: FieldError.self) { try ModelManifest(parsing: Array((Self.vector + padding).utf8)) }
    let bulk = JSON.string(String(repeating: "x", count: ModelManifest.maxBytes))
    #expect(try refusal { $0["metadata"] = ["bulk": bulk] }?.actual.contains("bytes") == true)
  }
}
