import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// A real `safebox-system` beside a box: what the owners decide about the machine is carried out by another process, in a
/// directory of the test.
final class MachineRoom {
  static let program = URL(fileURLWithPath: Safebox.path).deletingLastPathComponent()
    .appendingPathComponent("safebox-system").path

  let box: TestBox
  let root: String
  private let configuration: String
  private var process: SpawnedProcess?

  /// A box whose owners decide about the machine by two votes, and that looks for the privileged process where
  /// ``MachineRoom`` starts it. Not started.
  static func box() throws -> TestBox {
    let box = try TestBox(starts: false) { constitution in
      var policies = constitution["policies"]?.object ?? [:]
      policies["machine"] = [
        "covers": ["directory.*", "model.*", "package.*", "runner.*", "snapshot.*"],
        "rule": ["rule": "quorum", "committee": "owners", "threshold": 2], "maxExpiry": 86_400,
      ]
      constitution["policies"] = .object(policies)
    }
    var settings = try #require(
      try JSON(parsing: box.directory.read("data/box.json"), limits: .document(maxBytes: 65536)).object)
    settings["system"] = ["socket": .string(socket(box)), "root": .string(root(box))]
    try Data(JSON.object(settings).canonicalBytes() + [10]).write(to: URL(fileURLWithPath: box.data + "/box.json"))
    return box
  }

  private static func socket(_ box: TestBox) -> String { box.directory.file("system.sock") }
  private static func root(_ box: TestBox) -> String { box.directory.file("machine") }

  /// Starts the box, and pins it for the privileged process, which is not started.
  init() throws {
    box = try Self.box()
    root = Self.root(box)
    configuration = box.directory.file("system.json")
    try box.start()
    try run([
      "init", "--configuration", configuration, "--public", box.publicKeys, "--log", "http://\(box.address)", "--root",
      root, "--socket", Self.socket(box), "--uid", "\(getuid())",
    ])
  }

  /// Runs a command of `safebox-system` to its end.
  @discardableResult
  func run(
    _ arguments: [String], expecting status: Int32 = 0, _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    let ending = try SpawnedProcess(Self.program, arguments).wait()
    try #require(
      ending.status == status, "safebox-system \(arguments.joined(separator: " ")): \(ending.output)\(ending.errors)",
      sourceLocation: location)
    return ending
  }

  func start() throws {
    let process = try SpawnedProcess(Self.program, ["serve", "--configuration", configuration])
    _ = try process.firstLine()
    self.process = process
  }

  /// As a power cut does.
  func kill() throws {
    let process = try #require(process)
    process.signal(SIGKILL)
    try #require(try process.wait().status == 128 + SIGKILL)
    self.process = nil
  }

  func stop() throws {
    let process = try #require(process)
    process.signal(SIGTERM)
    #expect(try process.wait().status == 0)
    self.process = nil
  }

  var status: [String] { ["status", "--socket", Self.socket(box), "--json"] }
}
