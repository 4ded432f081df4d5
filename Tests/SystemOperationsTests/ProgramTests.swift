import CanonicalJSON
import Cryptography
import Foundation
import Governance
import OpenClaims
import SystemOperations
import TestSupport
import Testing

/// The program as it is installed: what it makes, and what a SIGKILL at any step leaves.
@Suite struct ProgramTests {
  private static let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()
  private static let program = directory.appendingPathComponent("safebox-system").path
  private static let probe = directory.appendingPathComponent("OperationCrashProbe").path

  /// An installation of the program for a log.
  private struct Installation {
    let directory: TemporaryDirectory
    let key: ClaimKey
    var configuration: String { directory.file("system.json") }

    init(_ log: BoxLog) throws {
      directory = try TemporaryDirectory()
      let keys = try BoxLog.keys(log.origin)
      let document: JSON = [
        "format": "safebox-public/v1", "box": .string(log.origin), "ed25519": .string(keys.ed25519),
        "es256": .string(keys.es256),
      ]
      let file = try directory.write(document.canonicalBytes(), to: "public.json")
      let result = try Subprocess.run(
        ProgramTests.program,
        [
          "init", "--public", file, "--genesis", log.genesis.hex, "--uid", "0", "--json",
          "--root", directory.file("root"), "--socket", "/run/safebox-system/system.sock",
          "--configuration", directory.file("system.json"),
        ])
      try #require(result.status == 0, "\(result.errors)")
      let said = try JSON(parsing: result.output, limits: .document(maxBytes: 65536))
      key = try ClaimKey(parsing: said["key"]?.string ?? "")
    }

    /// Runs a program of this installation with lines on its standard input.
    func run(_ command: [String], _ lines: [JSON]) throws -> [JSON] {
      let input: [UInt8] = lines.flatMap { line -> [UInt8] in line.canonicalBytes() + [0x0A] }
      return try Subprocess.run("/usr/bin/env", command, input: input).output.split(separator: 0x0A).map {
        try JSON(parsing: Array($0), limits: .document(maxBytes: 1 << 20))
      }
    }

    var hasDirectory: Bool {
      FileManager.default.fileExists(atPath: directory.file("root/directories/reports"))
    }
  }

  private func ordered() throws -> (BoxLog, SHA256Digest) {
    var log = try BoxLog(at: Int64(Date().timeIntervalSince1970 * 1000))
    let id = try log.order("directory.create", ["name": "reports"])
    return (log, id)
  }

  private func lines(_ log: BoxLog, _ id: SHA256Digest) throws -> [JSON] {
    [["log": try log.push().json], ["operation": OperationRequest(proposal: id).json]]
  }

  @Test func initPinsABoxAndKeepsItsKeyToItself() throws {
    let (log, _) = try ordered()
    let installation = try Installation(log)
    let read = try ConfigurationFile.read(installation.configuration)
    #expect(read.box == log.origin)
    #expect(read.genesis == log.genesis)
    let attributes = try FileManager.default.attributesOfItem(atPath: installation.directory.file("root/system.key"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    for command in [["unit"], ["sudoers"]] {
      let result = try Subprocess.run(Self.program, command + ["--configuration", installation.configuration])
      #expect(result.status == 0, "\(result.errors)")
    }
    let page = try Subprocess.run(Self.program, ["operations", "--root", "/srv/box"])
    #expect(String(decoding: page.output, as: UTF8.self) == OperationsPage.text(root: "/srv/box"))
  }

  @Test func performCarriesOutNoOtherOperationThanThatOfItsCommandLine() throws {
    let (log, id) = try ordered()
    let installation = try Installation(log)
    let answers = try installation.run(
      [Self.program, "perform", "model.install", "--configuration", installation.configuration], lines(log, id))
    #expect(answers.first?["position"]?["size"]?.integer == 0)
    #expect(answers.last?["refused"]?["code"] == "operation")
    #expect(!installation.hasDirectory)
    let right = try installation.run([Self.probe, installation.configuration], Array(lines(log, id).suffix(1)))
    #expect(right.first?["position"]?["size"]?.integer == Int64(log.size))
    try check(right.last, installation, log, id)
    #expect(installation.hasDirectory)
  }

  private func check(_ line: JSON?, _ installation: Installation, _ log: BoxLog, _ id: SHA256Digest) throws {
    let reported = try ReportedResult(line: #require(line?.object))
    _ = try SystemReport(
      claim: reported.report, key: installation.key, box: log.origin, proposal: id, result: reported.result)
    #expect(installation.hasDirectory == (reported.result.outcome == .executed))
  }

  /// Killed at each call by which it changes the disk, in turn, until it comes through; each time the next start leaves a
  /// result on record, and it is true.
  @Test(arguments: ["mkdirat", "fchmod", "linkat", "renameat", "fsync"])
  func aSIGKILLAtAnyStepLeavesATrueRecord(_ call: String) throws {
    let strace = try #require(Subprocess.find("strace"), "strace is not installed")
    let (log, id) = try ordered()
    var kills = 0
    while true {
      try #require(kills < 40, "it never came through")
      let installation = try Installation(log)
      let probe = [Self.probe, installation.configuration]
      // strace counts the calls of each thread for itself.
      let tracer = [
        strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
        "inject=\(call):signal=KILL:when=\(kills + 1)",
      ]
      let killed = try installation.run(tracer + probe, lines(log, id))
      let isThrough = killed.last?["report"] != nil
      // Whatever it left: the log is pushed again as far as it is missing, and asked.
      let next = try installation.run(probe, []).first?["position"]?["next"]?.integer ?? 0
      var again: [JSON] = [["operation": OperationRequest(proposal: id).json]]
      if next < Int64(log.size) { again.insert(["log": try log.push(from: UInt64(next)).json], at: 0) }
      let answer = try installation.run(probe, again)
      try check(answer.last, installation, log, id)
      // And it stays what it is.
      #expect(try installation.run(probe, Array(again.suffix(1))).last == answer.last)
      if isThrough { break }
      kills += 1
    }
    #expect(kills > 0)
  }
}
