import CanonicalJSON
import Glibc
import Synchronization

/// A directory of the OCI runtime specification: `config.json`, and a root file system with the worker and nothing else.
///
/// It lies in a new directory of mode 0700 and goes with this value, as does what the runtime keeps there.
final class OCIBundle: Sendable {
  /// What is given to `runsc --bundle`.
  let directory: String
  /// What is given to `runsc --root`.
  var state: String { directory + "/state" }
  private let words = Mutex<String?>(nil)

  init(worker: String) throws(SandboxFailure) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/safebox-gvisor-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .unavailable(.gvisor, reason: "\(parent): \(SystemError.text(errno))")
    }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do throws(SandboxFailure) {
      try Self.fill(directory, worker: worker)
    } catch {
      Self.remove(directory)
      throw error
    }
  }

  private static func fill(_ directory: String, worker: String) throws(SandboxFailure) {
    for name in ["/rootfs", "/state"] where mkdir(directory + name, 0o755) != 0 {
      throw .unavailable(.gvisor, reason: "\(directory)\(name): \(SystemError.text(errno))")
    }
    try copy(worker, to: directory + "/rootfs/worker")
    try write(configuration.canonicalBytes(), to: directory + "/config.json")
  }

  deinit { Self.remove(directory) }

  /// Where the runtime's errors go. A file for each container: the next one is started while this one's is still read.
  func log(of container: String) -> String { "\(directory)/\(container).log" }

  /// The last line that the runtime wrote about a container that is gone.
  var lastWords: String? { words.withLock { $0 } }

  /// Keeps the last words about a container, and removes what the runtime could not tidy up itself.
  func forget(_ container: String) {
    if let line = SystemFile.read(log(of: container))?.split(separator: "\n").last {
      words.withLock { $0 = String(line) }
    }
    unlink(log(of: container))
    for name in SystemFile.names(in: state) where name.hasPrefix(container + "_") { unlink("\(state)/\(name)") }
  }

  /// OCI runtime specification 1.0: config.md, config-linux.md.
  static let configuration: JSON = [
    "ociVersion": "1.0.2",
    "hostname": "jail",
    "root": ["path": "rootfs", "readonly": true],
    "mounts": [],
    "process": [
      "terminal": false,
      "user": ["uid": 65534, "gid": 65534],
      "args": ["/worker", "--stdio"],
      "env": .array(JailLauncher.environment.map { .string($0) }),
      "cwd": "/",
      "noNewPrivileges": true,
      "capabilities": ["bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []],
      "rlimits": [
        ["type": "RLIMIT_AS", "soft": .integer(addressSpace), "hard": .integer(addressSpace)],
        ["type": "RLIMIT_NOFILE", "soft": 8, "hard": 8],
        ["type": "RLIMIT_CORE", "soft": 0, "hard": 0],
        ["type": "RLIMIT_FSIZE", "soft": 0, "hard": 0],
      ],
    ],
    "linux": [
      "namespaces": [
        ["type": "pid"], ["type": "network"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
      ]
    ],
  ]

  private static let addressSpace = Int64(JailLauncher.addressSpace)

  private static func copy(_ source: String, to target: String) throws(SandboxFailure) {
    let input = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw .unavailable(.gvisor, reason: "\(source): \(SystemError.text(errno))") }
    defer { close(input) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(input, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .unavailable(.gvisor, reason: "\(source): \(SystemError.text(errno))") }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    try write(bytes, to: target, mode: 0o755)
  }

  private static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(SandboxFailure) {
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard output >= 0 else { throw .unavailable(.gvisor, reason: "\(path): \(SystemError.text(errno))") }
    defer { close(output) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .unavailable(.gvisor, reason: "\(path): \(SystemError.text(errno))") }
      written += count
    }
  }

  private static func remove(_ directory: String) {
    for name in SystemFile.names(in: directory + "/state") { unlink("\(directory)/state/\(name)") }
    unlink(directory + "/rootfs/worker")
    for name in SystemFile.names(in: directory) { unlink("\(directory)/\(name)") }
    for name in ["/rootfs", "/state", ""] { rmdir(directory + name) }
  }
}
