import Foundation

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
  private let process: ChildProcess
  // Commands are given by one thread at a time.
  private let lock = NSLock()

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

  private init(_ directory: TemporaryDirectory, authority: String) throws {
    self.directory = directory
    var environment = ProcessInfo.processInfo.environment
    environment["CA"] = authority
    process = try ChildProcess(
      Self.script, [directory.path, "run"], environment: environment, input: .pipe, output: .pipe,
      errors: .file(directory.file("errors")))
    var said: [String: String] = [:]
    while said.count < 3, let line = process.line() {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      if words.count == 2 { said[words[0]] = words[1] }
    }
    guard let tcti = said["tcti"], let root = said["root"], let issuer = said["issuer"] else {
      process.closeInput()
      throw Failure(description: String(decoding: try directory.read("errors"), as: UTF8.self))
    }
    self.tcti = tcti
    self.root = try String(contentsOfFile: root, encoding: .utf8)
    self.issuer = try String(contentsOfFile: issuer, encoding: .utf8)
  }

  // The script also ends the TPM when its standard input ends, as when this process dies. The directory goes when it is gone.
  deinit {
    try? command("quit")
    process.closeInput()
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
    process.write(Array((name + "\n").utf8))
    guard process.line() == "ok" else {
      throw Failure(description: "\(name): " + String(decoding: try directory.read("errors"), as: UTF8.self))
    }
  }
}
