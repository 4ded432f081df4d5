import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// A model is described by a file that people write or have made for them: what is wrong with it is said with the place
/// and with what belongs there, on the author's machine and by the box alike.
@Suite struct ModelManifestTests {
  static let digest = String(repeating: "0123456789abcdef", count: 4)

  /// A manifest that is right, as a person would write it.
  static let text = """
    {
      "name": "tiny", "version": "1.0", "license": "Apache-2.0", "runnerType": "llama-cpp", "totalSizeBytes": 3,
      "files": [
        {"path": "weights.gguf", "sizeBytes": 3, "sha256": "\(digest)", "sources": ["https://models.example/w"]}
      ],
      "protocols": ["chat"], "runner": {"digest": "\(digest)"}, "resources": {"memoryBytes": 1073741824, "cpus": 2}
    }
    """

  /// What somebody wrote instead, the field that is named, and what is said to belong there.
  private static let mistakes: [(old: String, new: String, field: String, expected: String)] = [
    ("\"tiny\"", "\"ti ny\"", "name", "1 to 128 characters of A-Z a-z 0-9 . _ -"),
    ("\"license\": \"Apache-2.0\", ", "", "license", "a string"),
    ("\"license\"", "\"licence\"", "license", "a string"),
    ("\"llama-cpp\"", "\"llama.cpp\"", "runnerType", "a-z 0-9 -"),
    ("\"totalSizeBytes\": 3", "\"totalSizeBytes\": 4", "totalSizeBytes", "the sum of all sizeBytes, 3"),
    ("\"weights.gguf\"", "\"../weights.gguf\"", "files[0].path", "a relative path"),
    ("\"weights.gguf\"", "\"/weights.gguf\"", "files[0].path", "a relative path"),
    ("\"sizeBytes\": 3", "\"sizeBytes\": 0", "files[0].sizeBytes", "1 to 214748364800"),
    ("\"sha256\": \"0123", "\"sha256\": \"0X23", "files[0].sha256", "64 lower-case hexadecimal digits"),
    ("https://models.example/w", "ftp://models.example/w", "files[0].sources[0]", "https://, http://, s3://, hf://"),
    ("https://models", "https://me:pw@models", "files[0].sources[0]", "a URL without a user or a password"),
    ("example/w", "example/w?token=t", "files[0].sources[0]", "a URL without credentials"),
    ("[\"https://models.example/w\"]", "[]", "files[0].sources", "1 to 16 sources"),
    ("[\"chat\"]", "[\"chats\"]", "protocols[0]", "\"chat\""),
    ("\"runner\": {\"digest\"", "\"runner\": {\"name\": 1, \"digest\"", "runner.name", "no such field"),
    ("\"cpus\": 2", "\"cpus\": 0", "resources.cpus", "1 to 1024"),
    ("\"protocols\"", "\"protocol\"", "protocol", "no such field"),
  ]

  @Test func mistakesAreNamedWithTheirPlaceAndTheRemedy() async throws {
    try await story {
      let box = try TestBox()
      let directory = try TemporaryDirectory()
      for (old, new, field, expected) in Self.mistakes {
        let wrong = Self.text.replacingOccurrences(of: old, with: new)
        try #require(wrong != Self.text)
        let file = try directory.write(Array(wrong.utf8), to: "m.json")
        let refused = try Safebox.run(["model", "manifest", "show", file], expecting: 1)
        #expect(refused.output.isEmpty)
        #expect(refused.errors.contains("\(field): expected "), "\(new): \(refused.errors)")
        #expect(refused.errors.contains(expected), "\(new): \(refused.errors)")
        // The box says the same to those who come without our command.
        let answer = try HTTPExchange(
          "POST", "/v1/manifests?kind=model", at: box.address, token: box.token(), bytes: Array(wrong.utf8))
        #expect(answer.status == 422, "\(new): \(answer.text)")
        #expect(try answer.json()["field"] == .string(field), "\(new): \(answer.text)")
      }
      // What is no JSON, or could be read in two ways, has no fields to name; the line is.
      for (old, new) in [
        ("\"files\": [", "\"files\": [,"), ("\"name\": \"tiny\",", "\"name\": \"tiny\", \"name\": \"x\","),
      ] {
        let wrong = Self.text.replacingOccurrences(of: old, with: new)
        let file = try directory.write(Array(wrong.utf8), to: "m.json")
        let refused = try Safebox.run(["model", "manifest", "show", file], expecting: 1)
        #expect(refused.output.isEmpty && refused.errors.contains("line "), "\(refused.errors)")
      }
    }
  }

  /// However a manifest is laid out, it is the same manifest.
  @Test func theDigestIsThatOfTheContent() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      func shown(_ text: String) throws -> String {
        let file = try directory.write(Array(text.utf8), to: "m.json")
        let output = try Safebox.run(["model", "manifest", "show", file]).output
        return try #require(output.split(separator: "\n").first { $0.hasPrefix("manifest") }.map(String.init))
      }
      let json = try JSON(parsing: Array(Self.text.utf8), limits: .document(maxBytes: 65536))
      let reversed =
        "{"
        + (json.object ?? [:]).reversed().map { "\"\($0.key)\" :\t\($0.value.canonicalString())" }
        .joined(separator: " ,\n") + "}"
      #expect(try shown(Self.text) == shown(reversed))
      #expect(try shown(Self.text) == shown(json.canonicalString()))
      #expect(try shown(Self.text) != shown(Self.text.replacingOccurrences(of: "1.0", with: "1.1")))
    }
  }

  private static let described = ["--version", "1", "--license", "MIT", "--runner-type", "llama-cpp"]

  /// What is in a directory that a manifest could not stand for is refused with its name, and nothing is printed.
  @Test func directoriesThatNoManifestCanStandForAreRefused() async throws {
    try await story {
      let cases: [(String, (TemporaryDirectory) throws -> Void)] = [
        ("link", { try #require(symlink("weights", $0.file("m/link")) == 0) }),
        ("pipe", { try #require(mkfifo($0.file("m/pipe"), 0o600) == 0) }),
        ("other has 2 names", { try #require(link($0.file("m/weights"), $0.file("m/other")) == 0) }),
        ("nothing is empty", { try $0.write([], to: "m/nothing") }),
        ("the directory hollow is empty", { try #require(mkdir($0.file("m/hollow"), 0o700) == 0) }),
        ("cannot be listed", { try $0.write([1], to: "m/two words") }),
        ("collides with", { try $0.write([1], to: "m/WEIGHTS") }),
      ]
      for (reason, spoil) in cases {
        let directory = try TemporaryDirectory()
        try directory.write([1, 2, 3], to: "m/weights")
        try spoil(directory)
        // With a name of two, which of the two is met first is not said.
        let refused = try Safebox.run(
          ["model", "manifest", "build", directory.file("m")] + Self.described, expecting: 1)
        let isNamed =
          reason == "other has 2 names" ? refused.errors.contains("has 2 names") : refused.errors.contains(reason)
        #expect(isNamed && refused.output.isEmpty, "\(reason): \(refused.errors)")
      }
    }
  }

  @Test func optionsOfBuildAreHeldAgainstEachOther() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      try directory.write([1, 2, 3], to: "m/weights")
      let build = ["model", "manifest", "build", directory.file("m")]
      for (options, status, words) in [
        (["--license", "MIT", "--runner-type", "x"], 2, "--version"),
        (Self.described + ["--memory", "64"], 2, "--memory and --cpus go together"),
        (Self.described + ["--runner-argument", "context-size=1"], 2, "--runner-argument goes with --runner"),
        (Self.described + ["--runner", "abc"], 2, "--runner"),
        (Self.described + ["--protocol", "chats"], 2, "--protocol"),
        (Self.described + ["--source", "https://me:pw@models.example"], 1, "a URL without a user or a password"),
        (["--version", "1", "--license", "MIT", "--runner-type", "LLAMA"], 1, "runnerType: expected "),
      ] as [([String], Int32, String)] {
        let refused = try Safebox.run(build + options, expecting: status)
        #expect(refused.output.isEmpty && refused.errors.contains(words), "\(options): \(refused.errors)")
      }
      _ = try Safebox.run(["model", "manifest", "build", directory.file("none")] + Self.described, expecting: 1)
      let built = try Safebox.run(
        build + Self.described + ["--source", "https://a.example/m", "--source", "hf://o/r@main"]
      ).json
      #expect(
        built["files"] == [
          [
            "path": "weights", "sizeBytes": 3,
            "sha256": "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81",
            "sources": ["https://a.example/m/weights", "hf://o/r@main/weights"],
          ]
        ])
    }
  }

  /// From the file to a proposal that says what the manifest says, and no other.
  @Test func aProposalSaysWhatTheManifestSays() async throws {
    try await story {
      let box = try MachineRoom.box()
      try box.start()
      let directory = try TemporaryDirectory()
      let file = try directory.write(Array(Self.text.utf8), to: "m.json")
      let other = String(repeating: "f", count: 64)
      let contradicted = try box.safebox("model", "propose", file, "--runner", other, expecting: 2)
      #expect(contradicted.errors.contains("not the one that the manifest names"))
      let bare = Self.text.replacingOccurrences(of: "\"runner\": {\"digest\": \"\(Self.digest)\"}, ", with: "")
      let unnamed = try box.safebox(
        "model", "propose", try directory.write(Array(bare.utf8), to: "bare.json"), expecting: 2)
      #expect(unnamed.errors.contains("names no runner") && unnamed.errors.contains("--runner"))
      #expect(try box.ask("GET", "/v1/proposals").json()["proposals"] == [])

      let ending = try box.safebox("model", "propose", file, "--json", expecting: 3)
      let id = try #require(try ending.json["proposal"]?.string)
      let shown = try box.safebox("show", id).output
      for words in ["model.install", "tiny", "1.0", "Apache-2.0", Self.digest] {
        #expect(shown.contains(words), "\(shown)")
      }
      let params = try #require(try box.proposal(id).at("statement", "action", "params").object)
      let digest = try #require(params["manifest"]?.string)
      let json = try JSON(parsing: Array(Self.text.utf8), limits: .document(maxBytes: 65536))
      #expect(try box.ask("GET", "/v1/manifests/\(digest)").body == json.canonicalBytes())

      // Whoever comes without our command cannot propose other words about the same bytes.
      for (name, value) in [
        ("name", "large"), ("version", "2"), ("bytes", 4), ("files", 2), ("licence", "MIT"), ("runner", .string(other)),
        ("manifest", .string(other)),
      ] as [(String, JSON)] {
        var wrong = params
        wrong[name] = value
        let refused = try box.ask(
          "POST", "/v1/proposals", body: ["action": ["type": "model.install", "params": .object(wrong)]])
        #expect(refused.status == 422, "\(name): \(refused.text)")
        #expect(try refused.json()["field"] == .string("action.params.\(name)"), "\(refused.text)")
      }
      #expect(try box.ask("GET", "/v1/proposals").json()["proposals"]?.array?.count == 1)
    }
  }

  @Test func whatIsNotInstalledIsNamedWithTheNextStep() async throws {
    try await story {
      let box = try MachineRoom.box()
      try box.start()
      #expect(try box.safebox("model", "list", "--json").json == [])
      for command in [
        ["model", "show", "tiny"], ["model", "remove", "tiny@1"], ["runner", "start", "r", "--model", "tiny"],
      ] {
        let refused = try Safebox.run(
          command, expecting: 1,
          environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()])
        #expect(refused.errors.contains("is installed") && refused.errors.contains("safebox model list"))
      }
      let scope = try box.safebox("snapshot", "create", "everything", "before", expecting: 2)
      #expect(scope.errors.contains("\"everything\"") && scope.errors.contains("models, packages, directories"))
      let name = try box.safebox("runner", "logs", "../etc", expecting: 2)
      #expect(name.errors.contains("is not a runner's name"))
      // Nobody listens at the privileged process's socket.
      #expect(try box.safebox("system", "status", expecting: 1).errors.contains("error: "))
    }
  }

  /// What is there and what has to be fetched come to the same files.
  @Test func aManifestIsMadeOfADirectoryOrOfAddresses() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      for name in ["a.gguf", "b.json", "c.txt"] { try directory.write(Array("bytes of \(name)".utf8), to: name) }
      let facts = ["--name", "m", "--version", "1", "--license", "MIT", "--runner-type", "llama-cpp"]
      let scanned = try Safebox.run(["model", "manifest", "build", directory.path] + facts).json
      let urls = ["a.gguf", "b.json", "c.txt"].map { "file://\(directory.path)/\($0)" }
      let fetched = try Safebox.run(["model", "manifest", "build"] + urls + facts).json
      #expect(scanned == fetched)
      #expect(scanned["files"]?.array?.count == 3)
      let gone = try Safebox.run(
        ["model", "manifest", "build", "file://\(directory.path)/none"] + facts, expecting: 1)
      #expect(gone.errors.contains("none"))
    }
  }

  @Test func aManifestOfPackagesIsMadeOfWhatAptPrints() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      let line = "'http://mirror.example/pool/h/hello_2.10-3_amd64.deb' hello_2.10-3_amd64.deb 53080 "
      let good = try directory.write(Array((line + "SHA256:\(Self.digest)\n").utf8), to: "good")
      let manifest = try Safebox.run(["package", "manifest", good, "--name", "hello", "--architecture", "amd64"]).json
      #expect(manifest["packages"]?.array?.first?["sha256"] == .string(Self.digest))
      #expect(manifest["packages"]?.array?.first?["version"] == "2.10-3")
      let weak = try directory.write(Array((line + "MD5Sum:d04c2e9639dee67aa836d8232b1ca658\n").utf8), to: "weak")
      let refused = try Safebox.run(
        ["package", "manifest", weak, "--name", "hello", "--architecture", "amd64"], expecting: 1)
      #expect(refused.errors.contains("SHA-256"))
    }
  }
}
