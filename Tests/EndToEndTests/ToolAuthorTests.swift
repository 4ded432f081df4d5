import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// What an author does before a tool is registered: `tool check` and `tool learn`, without a box.
@Suite struct ToolAuthorTests {
  static let names = ["exchange-rate", "invoice-triage", "mail-report", "month-end", "reconcile", "web-research"]

  /// An example of which a test may change the files.
  private struct Draft {
    let directory: TemporaryDirectory
    let example: String

    init(_ name: String) throws {
      directory = try TemporaryDirectory()
      example = Office.examples + "/" + name
      for file in ["tool.js", "manifest.json"] {
        try FileManager.default.copyItem(atPath: "\(example)/\(file)", toPath: directory.file(file))
      }
    }

    func manifest() throws -> JSONObject {
      let json = try JSON(parsing: directory.read("manifest.json"), limits: .document(maxBytes: 65536))
      return try #require(json.object)
    }

    func write(_ manifest: JSONObject) throws {
      try directory.write(JSON.object(manifest).canonicalBytes(), to: "manifest.json")
    }

    func run(_ command: String, _ options: [String] = [], expecting status: Int32 = 0) throws -> SpawnedProcess.Ending {
      var arguments = ["tool", command, directory.path, "--input", "\(example)/input.json"]
      arguments += ["--settings", Office.examples + "/settings.json"]
      let fixtures = "\(example)/fixtures.json"
      if FileManager.default.fileExists(atPath: fixtures) { arguments += ["--fixtures", fixtures] }
      return try Safebox.run(arguments + options, expecting: status)
    }
  }

  @Test(arguments: names) func anExamplePassesItsCheck(_ name: String) async throws {
    try await story {
      let draft = try Draft(name)
      #expect(try draft.manifest()["source"] == nil, "the source is filled in, so that an example can be edited")
      let checked = try draft.run("check", ["--json"]).json
      #expect(checked["manifest"]?["name"] == .string(name))
      #expect(checked["result"] != nil && checked["failure"] == nil)
      let text = try draft.run("check").output
      #expect(text.contains("\(name)@1.0") && text.contains("result"))
    }
  }

  /// Takes every pattern, every grant and every secret out of the learned manifest, one at a time.
  @Test(arguments: names) func whatIsLearnedIsEnoughAndNothingOfItIsTooMuch(_ name: String) async throws {
    try await story {
      let draft = try Draft(name)
      let result = try draft.run("check", ["--json"]).json["result"]
      let learned = try #require(try draft.run("learn").json.object)
      try draft.write(learned)
      #expect(try draft.run("check", ["--json"]).json["result"] == result)

      let lesser = Self.lesser(learned)
      let hasGrants = learned["uses"]?.array?.isEmpty == false
      #expect(lesser.isEmpty == !hasGrants)
      for (missing, manifest) in lesser {
        try draft.write(manifest)
        let ending = try draft.run("check", ["--json"], expecting: 1)
        let message = try ending.json["failure"]?["message"]?.string ?? ""
        #expect(message.contains("the manifest"), "without \(missing): \(ending.output)")
      }
    }
  }

  /// The manifests that lack one thing, with what they lack.
  private static func lesser(_ manifest: JSONObject) -> [(String, JSONObject)] {
    var list: [(String, JSONObject)] = []
    func lacking(_ what: JSON, _ member: String, _ elements: [JSON]) {
      var lesser = manifest
      lesser[member] = .array(elements)
      list.append((what.canonicalString(), lesser))
    }
    let uses = manifest["uses"]?.array ?? []
    for (index, grant) in uses.enumerated() {
      lacking(grant, "uses", uses.without(index))
      for (dimension, value) in grant.object ?? [:] {
        guard let patterns = value.array, patterns.count > 1 else { continue }
        for (place, pattern) in patterns.enumerated() {
          var fewer = grant.object ?? [:]
          fewer[dimension] = .array(patterns.without(place))
          var changed = uses
          changed[index] = .object(fewer)
          lacking(pattern, "uses", changed)
        }
      }
    }
    let secrets = manifest["secrets"]?.array ?? []
    for (index, secret) in secrets.enumerated() { lacking(secret, "secrets", secrets.without(index)) }
    return list
  }

  @Test func whatIsWrongWithAToolIsNamedWithTheRemedy() async throws {
    try await story {
      let mistakes: [(String, (inout JSONObject) -> Void, String)] = [
        ("an unknown member", { $0["use"] = [] }, "manifest.use"),
        ("no version", { $0["version"] = nil }, "manifest.version"),
        ("a number too large", { $0["limits"] = ["fuel": 2_000_000] }, "manifest.limits.fuel"),
        ("no such backend", { $0["isolation"] = ["backend": "vm"] }, "manifest.isolation.backend"),
        ("a grant of nothing", { $0["uses"] = [["method": "HTTP.fetch"]] }, "there is no method HTTP.fetch"),
        (
          "half a grant", { $0["uses"] = [["method": "HTTP.get", "hosts": ["*"]]] },
          "a grant of HTTP.get must name paths; write [\"*\"] for any"
        ),
        (
          "a grant too wide", { $0["uses"] = [["method": "LLM.chat", "models": ["*"], "paths": ["*"]]] },
          "have no paths"
        ),
        ("another source", { $0["source"] = .string(String(repeating: "0", count: 64)) }, "leave \"source\" out"),
      ]
      for (what, edit, expected) in mistakes {
        let draft = try Draft("exchange-rate")
        var manifest = try draft.manifest()
        edit(&manifest)
        try draft.write(manifest)
        let errors = try draft.run("check", expecting: 1).errors
        #expect(errors.contains(expected), "\(what): \(errors)")
      }
      let draft = try Draft("exchange-rate")
      try draft.directory.write(Array("export default (1".utf8), to: "tool.js")
      #expect(try draft.run("check", expecting: 1).errors.contains("tool.js"))
      try draft.directory.write(Array("export const a = 1".utf8), to: "tool.js")
      #expect(try draft.run("check", expecting: 1).errors.contains("tool.js"))
      let nowhere = try Safebox.run(["tool", "check", draft.directory.file("nowhere")], expecting: 1).errors
      #expect(nowhere.contains("nowhere/tool.js"))
      let badFixtures = try Safebox.run(
        ["tool", "check", Office.examples + "/exchange-rate", "--fixtures", Office.examples + "/settings.json"],
        expecting: 1)
      #expect(badFixtures.errors.contains("fixtures"))
      let badSettings = try Safebox.run(
        [
          "tool", "check", Office.examples + "/exchange-rate", "--input", "null", "--settings",
          Office.examples + "/constitution.json",
        ], expecting: 1)
      #expect(badSettings.errors.contains("settings.committees"))
    }
  }

  @Test func nothingIsLearnedFromARunThatFails() async throws {
    try await story {
      let ending = try Safebox.run(
        [
          "tool", "learn", Office.examples + "/exchange-rate", "--input", Office.examples + "/exchange-rate/input.json",
        ],
        expecting: 1)
      #expect(ending.errors.contains("add fixtures for the calls that had none"))
      #expect(!ending.output.contains("\"uses\""))
    }
  }
}

extension Array {
  fileprivate func without(_ index: Int) -> [Element] { enumerated().filter { $0.offset != index }.map(\.element) }
}
