import BoxService
import CanonicalJSON
import Storage
import Terminal

/// `doctor`: what is wrong with a data directory, without changing it.
enum DoctorCommand {
  static let command = Command(
    "doctor", "check a data directory and say what to do about it", arguments: [Settings.data, .json], run: run)

  private struct Finding {
    var name: String
    var fault: String?
  }

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = Settings.dataDirectory(arguments)
    let directory = DataDirectory(path: path)
    var findings: [Finding] = []
    func check(_ name: String, _ body: () throws -> Void) {
      do {
        try body()
        findings.append(Finding(name: name, fault: nil))
      } catch {
        findings.append(Finding(name: name, fault: "\(error)"))
      }
    }
    check("configuration") { _ = try directory.configuration() }
    check("clients") { _ = try directory.clients() }
    var origin: String?
    check("public keys") {
      origin = try PublicKeys(parsing: try Files.read(directory.publicPath, limit: 65536)).box
    }
    if let origin { check("private keys and their modes") { _ = try directory.keys(origin: origin) } }
    check("directory mode") {
      let mode = try Directory(opening: path).mode()
      guard mode & 0o077 == 0 else {
        throw CommandError("\(path) has mode \(String(mode, radix: 8)); chmod 700 it")
      }
    }
    check("log can be read") {
      let reader = try LogReader(path: directory.logPath)
      guard try reader.size() > 0 else { throw CommandError("the log is empty") }
    }
    check("log folds and its root is the signed one") {
      try DoctorInspection.run(directory)
    }
    let faults = findings.filter { $0.fault != nil }
    if arguments.wantsJSON {
      let list: [JSON] = findings.map { ["check": .string($0.name), "fault": $0.fault.map { .string($0) } ?? .null] }
      Terminal.standard.write(JSON.array(list).canonicalString() + "\n")
    } else {
      for finding in findings {
        Terminal.standard.write(
          finding.fault.map { "FAULT  \(finding.name): \(TerminalText.escaped($0))\n" } ?? "ok     \(finding.name)\n")
      }
    }
    return faults.isEmpty ? .ok : .failed
  }
}
