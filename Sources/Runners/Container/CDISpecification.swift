import CanonicalJSON
import Glibc

/// What the Container Device Interface says of this machine's devices (CNCF CDI specification, versions 0.3 to 1.0).
public struct CDISpecification: Sendable {
  /// Where specifications lie, in the order of precedence: what is generated at run time wins.
  public static let directories = ["/etc/cdi", "/var/run/cdi"]
  /// Greatest length of one file in bytes.
  public static let maxBytes = 4 << 20

  /// A device's node.
  public struct Node: Sendable, Hashable {
    public var path: String
    public var hostPath: String
    /// `c`, `b` or `p`.
    public var type: String
    public var major: Int64
    public var minor: Int64
    public var fileMode: Int64
    /// Some of `rwm`.
    public var permissions: String
  }

  /// What a device needs in a container.
  public struct Edits: Sendable {
    public var environment: [String] = []
    public var nodes: [Node] = []
    /// OCI mounts.
    public var mounts: [JSON] = []
    /// OCI hooks by name (`createContainer`, ...): programs of the host, run by the runtime as root. The directories of
    /// specifications are root's, as the runtime itself is.
    public var hooks: [(name: String, hook: JSON)] = []

    /// Nothing.
    public init() {}

    public static func + (left: Edits, right: Edits) -> Edits {
      var sum = left
      sum.environment += right.environment
      sum.nodes += right.nodes
      sum.mounts += right.mounts
      sum.hooks += right.hooks
      return sum
    }
  }

  /// `vendor/class`.
  public let kind: String
  /// By the device's name, what every container with one of them gets included.
  public let devices: [String: Edits]
  private static let hookNames = [
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
  ]

  /// Reads the JSON form of a specification.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, maxDepth: 16))
    } catch {
      throw FieldError(field: "", expected: "JSON of at most \(Self.maxBytes) bytes", actual: error.description)
    }
    // Versions add members, so unknown ones are passed over, unlike in formats of our own.
    guard let version = json["cdiVersion"]?.string, version.hasPrefix("0.") || version.hasPrefix("1.") else {
      throw FieldError(field: "cdiVersion", expected: "0.x or 1.x", actual: json["cdiVersion"]?.summary ?? "nothing")
    }
    guard let kind = json["kind"]?.string, kind.split(separator: "/", omittingEmptySubsequences: false).count == 2
    else {
      throw FieldError(field: "kind", expected: "vendor/class", actual: json["kind"]?.summary ?? "nothing")
    }
    self.kind = kind
    let common = try Self.edits(json["containerEdits"], at: "containerEdits")
    var devices: [String: Edits] = [:]
    for (index, device) in (json["devices"]?.array ?? []).enumerated() {
      guard let name = device["name"]?.string, devices[name] == nil else {
        throw FieldError(
          field: "devices[\(index)].name", expected: "a name of its own", actual: device["name"]?.summary ?? "nothing")
      }
      devices[name] = try common + Self.edits(device["containerEdits"], at: "devices[\(index)].containerEdits")
    }
    self.devices = devices
  }

  /// What the devices with these names need.
  ///
  /// - Throws: ``RunnerFault/deviceUnknown(_:)``, or a `FieldError` of a specification.
  public static func edits(for names: [String], directories: [String] = Self.directories) throws -> Edits {
    guard !names.isEmpty else { return Edits() }
    var known: [String: Edits] = [:]
    for directory in directories {
      for name in SystemFile.names(in: directory) where name.hasSuffix(".json") {
        guard let bytes = SystemFile.read("\(directory)/\(name)", limit: maxBytes + 1) else { continue }
        let specification = try CDISpecification(parsing: bytes)
        for (device, edits) in specification.devices { known["\(specification.kind)=\(device)"] = edits }
      }
    }
    var all = Edits()
    for name in names {
      guard let edits = known[name] else { throw RunnerFault.deviceUnknown(name) }
      all = all + edits
    }
    return all
  }

  private static func edits(_ json: JSON?, at field: String) throws(FieldError) -> Edits {
    var edits = Edits()
    guard let json else { return edits }
    for (index, variable) in (json["env"]?.array ?? []).enumerated() {
      let text = try ObjectReader.text(variable, at: "\(field).env[\(index)]", maxBytes: 4096)
      guard text.contains("=") else {
        throw FieldError(field: "\(field).env[\(index)]", expected: "NAME=value", actual: variable.summary)
      }
      edits.environment.append(text)
    }
    for (index, node) in (json["deviceNodes"]?.array ?? []).enumerated() {
      edits.nodes.append(try Self.node(node, at: "\(field).deviceNodes[\(index)]"))
    }
    for (index, mount) in (json["mounts"]?.array ?? []).enumerated() {
      let at = "\(field).mounts[\(index)]"
      let source = try absolute(mount["hostPath"], at: at + ".hostPath")
      let destination = try absolute(mount["containerPath"], at: at + ".containerPath")
      // Whatever the specification says, a runner changes nothing of the host's.
      edits.mounts.append([
        "source": .string(source), "destination": .string(destination), "type": "bind",
        "options": ["rbind", "ro", "nosuid", "nodev"],
      ])
    }
    for (index, hook) in (json["hooks"]?.array ?? []).enumerated() {
      let at = "\(field).hooks[\(index)]"
      guard let name = hook["hookName"]?.string, hookNames.contains(name) else {
        throw FieldError(
          field: at + ".hookName", expected: "one of \(hookNames)", actual: hook["hookName"]?.summary ?? "nothing")
      }
      var object: JSONObject = ["path": .string(try absolute(hook["path"], at: at + ".path"))]
      for member in ["args", "env", "timeout"] { object[member] = hook[member] }
      edits.hooks.append((name, .object(object)))
    }
    return edits
  }

  private static func absolute(_ json: JSON?, at field: String) throws(FieldError) -> String {
    let text = try ObjectReader.text(json ?? .null, at: field, maxBytes: 4095)
    guard text.hasPrefix("/"), !text.split(separator: "/").contains("..") else {
      throw FieldError(field: field, expected: "an absolute path", actual: JSON.string(text).summary)
    }
    return text
  }

  private static func node(_ json: JSON, at field: String) throws(FieldError) -> Node {
    let path = try absolute(json["path"], at: field + ".path")
    let hostPath =
      try json["hostPath"].map { json throws(FieldError) in try absolute(json, at: field + ".hostPath") } ?? path
    let permissions = json["permissions"]?.string ?? "rw"
    guard !permissions.isEmpty, permissions.allSatisfy({ "rwm".contains($0) }) else {
      throw FieldError(field: field + ".permissions", expected: "some of rwm", actual: JSON.string(permissions).summary)
    }
    if let type = json["type"]?.string, let major = json["major"]?.integer, let minor = json["minor"]?.integer {
      return Node(
        path: path, hostPath: hostPath, type: type, major: major, minor: minor,
        fileMode: json["fileMode"]?.integer ?? 0o666, permissions: permissions)
    }
    // CDI: what is left out is what the host's node is.
    var status = stat()
    guard lstat(hostPath, &status) == 0, [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT) else {
      throw FieldError(field: field + ".hostPath", expected: "a device of this machine", actual: hostPath)
    }
    return Node(
      path: path, hostPath: hostPath, type: status.st_mode & S_IFMT == S_IFCHR ? "c" : "b",
      major: Int64(status.st_rdev >> 8 & 0xfff | status.st_rdev >> 32 & ~0xfff),
      minor: Int64(status.st_rdev & 0xff | status.st_rdev >> 12 & ~0xff & 0xffff_ffff),
      fileMode: Int64(status.st_mode & 0o777), permissions: permissions)
  }
}
