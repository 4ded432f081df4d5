import BoxService
import CanonicalJSON
import Storage
import Terminal
import TrustedPlatform

/// `doctor`: what is wrong with a data directory, without changing it.
enum DoctorCommand {
  static let command = Command(
    "doctor", "check a data directory and say what to do about it", arguments: [Settings.data, .json], run: run)

  private struct Finding {
    var name: String
    var fault: String?
    /// What to do about it.
    var remedy: String
    /// What was found, where that is no question of right or wrong.
    var detail: String?
  }

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = Settings.dataDirectory(arguments)
    let directory = DataDirectory(path: path)
    var findings: [Finding] = []
    func check(_ name: String, otherwise remedy: String, _ body: () throws -> Void) {
      do {
        try body()
        findings.append(Finding(name: name, fault: nil, remedy: remedy))
      } catch {
        findings.append(Finding(name: name, fault: "\(error)", remedy: remedy))
      }
    }
    guard WholeFile.exists(directory.configurationPath) || WholeFile.exists(directory.logPath) else {
      throw CommandError("there is no box in \(path)", hints: ["name its directory with --data or SAFEBOX_DATA"])
    }
    check("configuration", otherwise: "restore box.json from the backup; it governs nothing") {
      _ = try directory.configuration()
    }
    findings += machine(try? directory.configuration())
    check("clients", otherwise: "restore clients.json, or remove it and add the clients again") {
      _ = try directory.clients()
    }
    var origin: String?
    check("public keys", otherwise: "put back public.json from any copy: it was given to everybody") {
      origin = try PublicKeys(parsing: try Files.read(directory.publicPath, limit: 65536)).box
    }
    if let origin {
      check("private keys and their modes", otherwise: "restore keys/ from the offline backup; chmod 600 each file") {
        _ = try directory.keys(origin: origin)
        try directory.masterKey(try directory.configuration())
      }
    }
    check("directory mode", otherwise: "chmod 700 \(path)") {
      let mode = try Directory(opening: path).mode()
      guard mode & 0o077 == 0 else {
        throw CommandError("\(path) has mode \(String(mode, radix: 8))")
      }
    }
    let logRemedy = "keep a copy of log/ as it is; `safebox audit export` and `audit verify` name the entry"
    check("log can be read", otherwise: logRemedy) {
      let reader = try LogReader(path: directory.logPath)
      guard try reader.size() > 0 else { throw CommandError("the log is empty") }
    }
    check("log folds and its root is the signed one", otherwise: logRemedy) {
      try DoctorInspection.run(directory)
    }
    check("exports", otherwise: "read `safebox exports` of the running box and docs/audit-export.md") {
      try DoctorInspection.exports(directory)
    }
    if let configuration = try? directory.configuration() {
      func look(_ name: String, otherwise remedy: String, _ body: () async throws -> Void) async {
        var failure: (any Error)?
        do { try await body() } catch { failure = error }
        check(name, otherwise: remedy) { if let failure { throw failure } }
      }
      if let release = configuration.keyRelease {
        await look("broker of the key", otherwise: "ask the broker's owners; docs/key-release.md") {
          try await DoctorInspection.broker(release, at: WallClock.milliseconds())
        }
      }
      await look("the running box", otherwise: "read the reason; the log can be read meanwhile") {
        try await DoctorInspection.running(configuration)
      }
    }
    let faults = findings.filter { $0.fault != nil }
    if arguments.wantsJSON {
      let list: [JSON] = findings.map { finding in
        var object: JSONObject = ["check": .string(finding.name), "fault": .null]
        object["detail"] = finding.detail.map { .string($0) }
        if let fault = finding.fault {
          object["fault"] = .string(fault)
          object["remedy"] = .string(finding.remedy)
        }
        return .object(object)
      }
      Terminal.standard.write(JSON.array(list).canonicalString() + "\n")
    } else {
      for finding in findings {
        Terminal.standard.write(
          finding.fault.map { fault in
            "FAULT  \(finding.name): \(TerminalText.escaped(fault))\n       \(TerminalText.escaped(finding.remedy))\n"
          } ?? "ok     \(finding.name)\(finding.detail.map { ": \(TerminalText.escaped($0))" } ?? "")\n")
      }
    }
    return faults.isEmpty ? .ok : .failed
  }

  /// The machine that the box rests on must be here; what else is here is worth knowing.
  private static func machine(_ configuration: BoxConfiguration?) -> [Finding] {
    let named = configuration?.attestation
    let detection = PlatformDetection(tcti: named?.tcti)
    let remedy = "start the box on its own machine: what its log was kept on cannot be replaced (docs/operations.md)"
    let kinds = named?.platforms.map(\.kind) ?? []
    return detection.findings.map { finding in
      let (name, detail) = (finding.kind.rawValue, finding.state.detail)
      guard kinds.contains(finding.kind) else {
        return Finding(
          name: "platform \(name)", fault: nil, remedy: "", detail: "\(finding.state.name), \(detail)")
      }
      return Finding(name: "machine \(name)", fault: finding.isPresent ? nil : detail, remedy: remedy, detail: detail)
    }
  }
}
