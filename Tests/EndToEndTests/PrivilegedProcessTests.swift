import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// What owners decide about the machine is done by a process that believes the log and nobody's word.
@Suite struct PrivilegedProcessTests {
  private func decide(_ room: MachineRoom, _ name: String) throws -> String {
    let id = try room.box.propose("directory.create", ["name": .string(name)])
    try room.box.approve(id, by: "engineer")
    try room.box.approve(id, by: "auditor")
    return id
  }

  private func exists(_ room: MachineRoom, _ name: String) -> Bool {
    FileManager.default.fileExists(atPath: room.root + "/directories/" + name)
  }

  @Test func whatWasDecidedIsDoneAndNothingElse() async throws {
    try await story {
      let room = try MachineRoom()
      try room.start()
      let open = try room.box.propose("directory.create", ["name": "undecided"])
      try room.box.approve(open, by: "engineer")
      let id = try decide(room, "reports")
      try room.box.wait(for: "executed", of: id)
      #expect(exists(room, "reports"))
      #expect(!exists(room, "undecided"), "one vote of two")
      // The log and its audit hold it.
      let archive = room.box.directory.file("audit.tar")
      try Safebox.run(["audit", "export", "--data", room.box.data, "--out", archive])
      try Safebox.run(["audit", "verify", archive, "--box-key", room.box.publicKeys])
      try room.stop()
    }
  }

  /// The decision waits for the process, and a process that dies has forgotten nothing.
  @Test func aDecisionOutlivesTheProcessThatCarriesItOut() async throws {
    try await story {
      let room = try MachineRoom()
      let early = try decide(room, "early")
      #expect(
        try room.box.proposal(early).at("status", "name") == "executing", "nobody is there to do it"
      )
      try room.start()
      try room.box.wait(for: "executed", of: early)
      #expect(exists(room, "early"))
      try room.kill()
      let late = try decide(room, "late")
      try room.start()
      try room.box.wait(for: "executed", of: late)
      #expect(exists(room, "late"))
      // Done once: what was carried out is not carried out again after a restart.
      try FileManager.default.removeItem(atPath: room.root + "/directories/early")
      try room.kill()
      try room.start()
      let last = try decide(room, "last")
      try room.box.wait(for: "executed", of: last)
      #expect(!exists(room, "early"))
      try room.stop()
    }
  }

  @Test func whatItMayDoIsOnOnePage() async throws {
    try await story {
      let room = try MachineRoom()
      try room.start()
      // With a client of its own, and through the box.
      let status = try room.run(room.status).json
      #expect(status["box"] == .string(TestBox.origin) && status["halted"] == false)
      #expect(try room.box.safebox("system", "status", "--json").json == status)
      let page = try room.run(["operations", "--json"]).json
      #expect(try room.box.safebox("system", "operations", "--json").json == page)
      let operations = page["operations"]?.array ?? []
      #expect(operations.count >= 8)
      let (own, table) = (
        try room.run(["operations"]).output, try room.box.safebox("system", "operations").output
      )
      for operation in operations {
        let name = try #require(operation["name"]?.string)
        let row = try #require(
          table.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "\(name): \(table)")
        #expect(own.contains("\n\(name)("))
        for parameter in operation["parameters"]?.array ?? [] {
          #expect(row.contains(parameter.string ?? "?"), "\(row)")
        }
        #expect(
          row.contains(operation["authority"]?.string ?? "?")
            && row.hasSuffix(operation["snapshot"]?.string ?? "?"))
      }
      try room.stop()
      let gone = try room.box.safebox("system", "status", expecting: 1)
      #expect(gone.output.isEmpty && gone.errors.contains("error: "))
    }
  }

  @Test func mistakesOfTheOperatorAreNamed() async throws {
    try await story {
      let room = try MachineRoom()
      let file = room.box.directory.file("system.json")
      let serve = ["serve", "--configuration"]
      let absent = try room.run(serve + [room.box.directory.file("none.json")], expecting: 1)
      #expect(absent.errors.contains("none.json") && absent.errors.contains("safebox-system init"))
      // Whoever can write the file decides which box this machine obeys.
      try #require(chmod(file, 0o666) == 0)
      #expect(
        try room.run(serve + [file], expecting: 1).errors.contains("may be written by others"))
      try #require(chmod(file, 0o644) == 0)
      let text = String(decoding: try room.box.directory.read("system.json"), as: UTF8.self)
      for (old, new, words) in [
        ("\"recencySeconds\":900", "\"recencySeconds\":1", "recencySeconds: expected "),
        ("\"recencySeconds\"", "\"recency\"", "recency"),
        ("\"witnesses\":null", "\"witnesses\":7", "witnesses: expected "),
        ("\"uids\":[", "\"uids\":[-1,", "uids[0]: expected a user's number"),
      ] {
        let wrong = text.replacingOccurrences(of: old, with: new)
        try #require(wrong != text)
        let other = try room.box.directory.write(Array(wrong.utf8), to: "wrong.json")
        try #require(chmod(other, 0o644) == 0)
        let refused = try room.run(serve + [other], expecting: 1)
        #expect(
          refused.errors.contains("wrong.json") && refused.errors.contains(words),
          "\(refused.errors)")
      }
      // Pinning is done once, and says what it pins by.
      let again = [
        "init", "--configuration", file, "--public", room.box.publicKeys, "--root", room.root,
        "--uid", "\(getuid())",
      ]
      #expect(try room.run(again, expecting: 2).errors.contains("--genesis or --log"))
      _ = try room.run(again + ["--log", "http://\(room.box.address)"], expecting: 1)
      #expect(
        try room.box.directory.read("system.json") == Array(text.utf8), "the pinned box stays")
      let silent = try room.run(room.status, expecting: 1)
      #expect(silent.errors.contains("safebox-system serve"))
    }
  }
}
