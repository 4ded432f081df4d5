import Foundation
import Glibc

/// A software TPM in a temporary directory, under a manufacturer of its own. It ends when it is forgotten, or when this
/// process does, and nothing is left of it.
public final class SoftwareTPM: @unchecked Sendable {
  /// The script that runs it said something else than it should.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Whether swtpm is installed.
  public static let isReady = Subprocess.find("swtpm") != nil && Subprocess.find("swtpm_setup") != nil
  /// Why a test is skipped without it.
  public static let absence = "needs swtpm: scripts/setup test"

  /// How it is reached: `swtpm:path=...`.
  public let tcti: String
  /// The certificate of its manufacturer's root, PEM.
  public let root: String
  /// The certificate between the root and those of endorsement keys, PEM.
  public let issuer: String
  private let directory: TemporaryDirectory
  private let process: Process
  private let input: FileHandle
  private let output: FileHandle
  // Commands are given by one thread at a time.
  private let lock = NSLock()
  private var rest: [UInt8] = []

  /// Makes and starts it; it takes connections when this returns.
  ///
  /// - Parameter manufacturer: a directory with the keys of a manufacturer that several TPMs share; made if it is empty.
  public convenience init(manufacturer: TemporaryDirectory? = nil) throws {
    let directory = try TemporaryDirectory()
    try self.init(directory, authority: manufacturer?.path ?? directory.file("ca"))
  }

  /// A TPM with the same seeds, keys and manufacturer as every other twin of this process, and a state of its own. It is
  /// there at once, where a TPM of its own takes a second to make.
  public static func twin() throws -> SoftwareTPM {
    let template = try template.get()
    let directory = try TemporaryDirectory()
    try FileManager.default.copyItem(atPath: template.file("state"), toPath: directory.file("state"))
    return try SoftwareTPM(directory, authority: template.file("ca"))
  }

  /// What twins are copies of: made once, and stopped.
  private static let template = Result { () throws -> TemporaryDirectory in
    let directory = try TemporaryDirectory()
    for command in ["start", "stop"] {
      let result = try Subprocess.run(script, [directory.path, command])
      guard result.status == 0 else { throw Failure(description: result.errors) }
    }
    return directory
  }

  private static let script = Vectors.packageRoot + "/scripts/software-tpm"

  /// Both ends close-on-exec: another program that is started meanwhile would keep them open.
  private static func pipe() throws -> (read: FileHandle, write: FileHandle) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (
      FileHandle(fileDescriptor: ends[0], closeOnDealloc: true),
      FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    )
  }

  private init(_ directory: TemporaryDirectory, authority: String) throws {
    self.directory = directory
    let (input, output) = (try Self.pipe(), try Self.pipe())
    process = Process()
    process.executableURL = URL(fileURLWithPath: Self.script)
    process.arguments = [directory.path, "run"]
    var environment = ProcessInfo.processInfo.environment
    environment["CA"] = authority
    process.environment = environment
    process.standardInput = input.read
    process.standardOutput = output.write
    process.standardError = try FileHandle(
      forWritingTo: URL(fileURLWithPath: directory.write([], to: "errors")))
    try Self.withoutBlockedSignals { [process] in try process.run() }
    self.input = input.write
    self.output = output.read
    try? input.read.close()
    try? output.write.close()
    var said: [String: String] = [:]
    var pending: [UInt8] = []
    while said.count < 3 {
      guard let line = Self.line(from: self.output, &pending) else { break }
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      if words.count == 2 { said[words[0]] = words[1] }
    }
    guard let tcti = said["tcti"], let root = said["root"], let issuer = said["issuer"] else {
      try? self.input.close()
      throw Failure(description: String(decoding: try directory.read("errors"), as: UTF8.self))
    }
    self.tcti = tcti
    self.root = try String(contentsOfFile: root, encoding: .utf8)
    self.issuer = try String(contentsOfFile: issuer, encoding: .utf8)
  }

  /// A thread of a pool blocks signals, and its children would inherit that: the TPM could not be asked to end.
  private static func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
  }

  // The script also ends the TPM when its standard input ends, as when this process dies. The directory goes when it is gone.
  deinit {
    try? command("quit")
    try? input.close()
  }

  /// Kills it, as when the power fails.
  public func kill() throws { try command("kill") }
  /// Ends it in order, as when the machine is switched off.
  public func stop() throws { try command("stop") }
  /// Starts it again with what it had stored: a reset, as when the machine boots.
  public func start() throws { try command("start") }

  /// The process that is the TPM now.
  public var processIdentifier: Int32? {
    let text = try? String(contentsOfFile: directory.file("pid"), encoding: .utf8)
    return text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  /// The environment with which tpm2-tools reach it.
  public var toolEnvironment: [String: String] {
    var environment = ProcessInfo.processInfo.environment
    environment["TPM2TOOLS_TCTI"] = tcti
    environment["TSS2_LOG"] = "all+none"
    return environment
  }

  private func command(_ name: String) throws {
    lock.lock()
    defer { lock.unlock() }
    input.write(Data((name + "\n").utf8))
    guard let answer = Self.line(from: output, &rest), answer == "ok" else {
      throw Failure(description: "\(name): " + String(decoding: try directory.read("errors"), as: UTF8.self))
    }
  }

  private static func line(from handle: FileHandle, _ pending: inout [UInt8]) -> String? {
    while true {
      if let end = pending.firstIndex(of: 10) {
        defer { pending.removeFirst(end + 1) }
        return String(decoding: pending[..<end], as: UTF8.self)
      }
      let data = handle.availableData
      if data.isEmpty { return nil }
      pending += data
    }
  }
}
