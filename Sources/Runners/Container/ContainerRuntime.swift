import CanonicalJSON
import Glibc

/// What stands between a runner and the kernel.
public enum RunnerIsolation: String, Sendable, Hashable, CaseIterable {
  /// The machine's kernel, with namespaces, seccomp and control groups.
  case runc
  /// gVisor's kernel in front of the machine's.
  case runsc
}

/// An OCI runtime: its five commands (OCI runtime.md, "Operations"). All of them block.
public struct ContainerRuntime: Sendable {
  /// What a runtime says of a container.
  public enum State: String, Sendable, Hashable {
    case creating, created, running, paused, stopped
  }

  public let isolation: RunnerIsolation
  /// Absolute path of `runc` or `runsc`.
  public let executable: String
  /// Where the runtime keeps what it knows of its containers.
  public let stateDirectory: String

  /// Finds the runtime in the directories where distributions and administrators put it.
  public init(_ isolation: RunnerIsolation, stateDirectory: String) throws(RunnerFault) {
    let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    let paths = directories.map { "\($0)/\(isolation.rawValue)" }
    guard let found = paths.first(where: { access($0, X_OK) == 0 }) else { throw .runtimeMissing(isolation.rawValue) }
    self.isolation = isolation
    executable = found
    self.stateDirectory = stateDirectory
  }

  /// Makes the container; its program waits. Its output goes to `output`.
  ///
  /// - Returns: the process that the container lives and dies with.
  func create(_ identifier: String, bundle: String, output: Int32) throws(RunnerFault) -> pid_t {
    let log = bundle + "/runtime.log"
    let pidFile = bundle + "/pid"
    unlink(log)
    unlink(pidFile)
    var command = command(["create", "--bundle", bundle, "--pid-file", pidFile, identifier], log: log)
    command.output = output
    let (status, _) = try command.run()
    guard status == 0 else {
      throw .runtime(
        command: "\(isolation.rawValue) create", status: status, words: Self.lastWords(SystemFile.read(log)))
    }
    guard let text = SystemFile.text(pidFile), let pid = Int32(text.split(separator: "\n").first ?? "") else {
      throw .system(call: "read", path: pidFile, error: errno)
    }
    return pid
  }

  /// Lets the program of a created container run.
  func start(_ identifier: String) throws(RunnerFault) { try call(["start", identifier]) }

  /// Sends a signal to the container's first process.
  func kill(_ identifier: String, signal: Int32) throws(RunnerFault) { try call(["kill", identifier, "\(signal)"]) }

  /// Removes a container, after killing it where it runs. One that is not there is no fault.
  func delete(_ identifier: String) throws(RunnerFault) {
    guard try state(identifier) != nil else { return }
    try call(["delete", "--force", identifier])
  }

  /// Nil when there is no such container.
  func state(_ identifier: String) throws(RunnerFault) -> State? {
    let (status, output) = try command(["state", identifier]).run()
    guard status == 0 else { return nil }
    // A line of the runtime's log may stand before the document.
    guard let start = output.firstIndex(of: UInt8(ascii: "{")),
      let json = try? JSON(
        parsing: Array(output[start...]), limits: .document(maxBytes: RuntimeCommand.maxOutputBytes)),
      let state = json["status"]?.string.flatMap({ State(rawValue: $0) })
    else {
      throw .runtime(
        command: "\(isolation.rawValue) state", status: status, words: Self.lastWords(output))
    }
    return state
  }

  /// All containers that the runtime knows in its directory.
  func containers() -> [String] {
    var names = Set<String>()
    for name in SystemFile.names(in: stateDirectory) {
      // runc has a directory for each; runsc files that begin with its name and `_sandbox:`.
      names.insert(String(name.split(separator: "_").first ?? Substring(name)))
    }
    return names.sorted()
  }

  private func call(_ arguments: [String]) throws(RunnerFault) {
    let (status, output) = try command(arguments).run()
    guard status == 0 else {
      throw .runtime(
        command: "\(isolation.rawValue) \(arguments[0])", status: status, words: Self.lastWords(output))
    }
  }

  private func command(_ arguments: [String], log: String? = nil) -> RuntimeCommand {
    var global = ["--root", stateDirectory]
    if let log { global += ["--log", log, "--log-format", "json"] }
    if isolation == .runsc {
      // It may make its one socket in the directory that is bound from outside, and connect to none.
      global += ["--network=none", "--host-uds=create", "--platform=ptrace", "--ignore-cgroups"]
    }
    return RuntimeCommand(executable: executable, arguments: global + arguments)
  }

  /// The message of the last line, which may be a JSON record of the runtime's log.
  static func lastWords(_ bytes: [UInt8]?) -> String {
    guard let line = bytes?.split(separator: 10).last else { return "it said nothing" }
    let record = try? JSON(parsing: Array(line), limits: .document(maxBytes: RuntimeCommand.maxOutputBytes))
    let text = record?["msg"]?.string ?? String(decoding: line, as: UTF8.self)
    return String(text.prefix(1000))
  }
}
