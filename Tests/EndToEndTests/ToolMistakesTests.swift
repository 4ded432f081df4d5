import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// Mistakes with tools, runs and settings on a box: each is refused with the field and the remedy.
@Suite struct ToolMistakesTests {
  private static let nowhere = String(repeating: "0", count: 64)

  @Test func mistakesAreNamedAndStartNothing() async throws {
    try await story {
      let office = try Office(settings: false)
      try office.register("reconcile")
      let input = "\(try office.tool("reconcile"))/input.json"
      let mistakes: [([String], Int32, String)] = [
        (["run", "start", "reconsile", "--community", "acme"], 1, "tool"),
        (["run", "start", "reconcile@2.0", "--community", "acme"], 1, "reconcile@2.0"),
        (["run", "start", "reconcile"], 2, "--community"),
        (["run", "start", "reconcile", "--community", "Ac me"], 1, "community"),
        (["run", "start", "reconcile", "--community", "acme", "--input", "{"], 2, "neither a file nor JSON"),
        (["run", "start", "reconcile", "--community", "acme", "--input", "/nowhere.json"], 2, "/nowhere.json"),
        (["run", "show", "abc"], 2, "64 lower-case hexadecimal digits"),
        (["run", "show", Self.nowhere], 1, Self.nowhere),
        (["run", "watch", Self.nowhere], 1, Self.nowhere),
        (["run", "cancel", Self.nowhere], 1, Self.nowhere),
        (["workflow", "show", Self.nowhere], 1, Self.nowhere),
        (["tool", "show", "reconsile"], 1, "safebox tool list"),
        (["tool", "retire", "reconcile"], 2, "NAME@VERSION"),
        (["tool", "register", try office.tool("reconcile")], 1, "register another version"),
        (
          ["propose", "community.set", "--params", "{\"community\":\"acme\",\"settings\":{\"models\":[{}]}}"], 1,
          "settings.models[0].name"
        ),
      ]
      for (arguments, status, expected) in mistakes {
        let errors = try office.safebox(arguments, expecting: status).errors
        #expect(errors.contains(expected), "\(arguments): \(errors)")
      }
      #expect(try office.safebox(["run", "list", "--json"]).json == [])

      // A token that may look, and not run.
      let weak = try office.box.safebox("run", "start", "reconcile", "--community", "acme", expecting: 1)
      #expect(weak.errors.contains("run"))

      let start = ["run", "start", "reconcile", "--community", "acme", "--wait", "60s"]
      let done = try office.safebox(start + ["--input", input, "--json"]).json
      #expect(done["result"]?["settled"] == [["payment": "p1", "invoices": ["2026-114", "C-77"]]])
      let failed = try office.safebox(start, expecting: 1)
      #expect(failed.output.contains("failure") && failed.output.contains("TypeError"))

      try office.decide(["tool", "retire", "reconcile@1.0"])
      #expect(try office.safebox(start, expecting: 1).errors.contains("retired"))
      #expect(try office.safebox(["tool", "list"]).output.contains("retired"))
    }
  }
}
