import AuditExport
import CanonicalJSON
import HTTPClient

/// `box.json` in the data directory: where the box listens. It governs nothing; what governs is in the log.
///
/// Unknown members are refused, so that a misspelt name cannot silently leave a default in place.
public struct BoxConfiguration: Sendable, Hashable {
  /// Where a listener binds.
  public enum Listener: Sendable, Hashable {
    /// An IP address and a port; port 0 lets the kernel choose.
    case tcp(address: String, port: Int)
    /// A unix socket path.
    case unix(path: String)

    /// `127.0.0.1:8470`, `[::1]:8470` or `unix:/path`.
    public init(parsing text: String, field: String) throws(FieldError) {
      if text.hasPrefix("unix:") {
        let path = String(text.dropFirst(5))
        guard path.hasPrefix("/"), path.utf8.count < 108 else {
          throw FieldError(field: field, expected: "unix: and an absolute path under 108 bytes", actual: text)
        }
        self = .unix(path: path)
        return
      }
      let malformed = FieldError(
        field: field, expected: "NUMERIC-ADDRESS:PORT or unix:PATH", actual: JSON.string(text).summary)
      guard let colon = text.lastIndex(of: ":") else { throw malformed }
      let digits = text[text.index(after: colon)...]
      guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits), port <= 65535 else {
        throw malformed
      }
      var address = String(text[..<colon])
      if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
      // A name would be looked up, and whoever answers would say where the box listens.
      guard IPAddress(address) != nil else { throw malformed }
      self = .tcp(address: address, port: port)
    }

    /// The text that `init(parsing:field:)` reads.
    public var text: String {
      switch self {
      case .tcp(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
      case .unix(let path): "unix:\(path)"
      }
    }

    /// Whether only this machine can reach the listener.
    public var isLoopback: Bool {
      switch self {
      case .tcp(let address, _): IPAddress(address).map { AddressClass($0) == .loopback } ?? false
      case .unix: true
      }
    }
  }

  /// Paths of a PEM certificate chain and its private key.
  public struct TLSFiles: Sendable, Hashable {
    public var certificate: String
    public var privateKey: String

    public init(certificate: String, privateKey: String) {
      self.certificate = certificate
      self.privateKey = privateKey
    }
  }

  /// Where the privileged process is, and what it looks after.
  public struct System: Sendable, Hashable {
    /// Path of its unix socket.
    public var socket: String
    /// Its root directory, below which runners have their sockets.
    public var root: String

    public init(socket: String, root: String) {
      self.socket = socket
      self.root = root
    }
  }

  /// The API listener. Loopback unless the operator says otherwise.
  public var listen: Listener
  /// The listener for `/healthz`, `/readyz` and `/metrics`.
  public var admin: Listener
  /// TLS for the API listener. Demanded when it is not loopback.
  public var tls: TLSFiles?
  /// The witness policy (C2SP tlog-policy text), or `nil` for none: then nothing proves a single view.
  public var witnessPolicy: String?
  /// The privileged process, or `nil` for none: then nobody installs models or starts runners here.
  public var system: System?
  /// The machine that vouches for the box, or `nil` for none: then nothing says what runs here.
  public var attestation: MachineConfiguration?
  /// The broker that releases the key of the box's data, or `nil` for a key in a file.
  public var keyRelease: KeyReleaseConfiguration?
  /// What makes the box a broker of keys, or `nil` for a box that keeps none for others.
  public var broker: BrokerConfiguration?
  /// Where the log goes beside; none by default.
  public var exports: ExportConfiguration

  public init(
    listen: Listener = .tcp(address: "127.0.0.1", port: 8470),
    admin: Listener = .tcp(address: "127.0.0.1", port: 8471),
    tls: TLSFiles? = nil, witnessPolicy: String? = nil, system: System? = nil, attestation: MachineConfiguration? = nil,
    keyRelease: KeyReleaseConfiguration? = nil, broker: BrokerConfiguration? = nil,
    exports: ExportConfiguration = ExportConfiguration()
  ) {
    self.listen = listen
    self.admin = admin
    self.tls = tls
    self.witnessPolicy = witnessPolicy
    self.system = system
    self.attestation = attestation
    self.keyRelease = keyRelease
    self.broker = broker
    self.exports = exports
  }

  /// Reads `box.json`; at most 64 KiB.
  public init(parsing bytes: [UInt8]) throws {
    let json = try JSON(parsing: bytes, limits: .document(maxBytes: 65536))
    var reader = try ObjectReader(json)
    let version = try reader.string("format", maxBytes: 64)
    guard version == "safebox-config/v1" else {
      throw FieldError(field: "format", expected: "safebox-config/v1", actual: version)
    }
    listen = try Listener(parsing: try reader.string("listen"), field: "listen")
    admin = try Listener(parsing: try reader.string("admin"), field: "admin")
    if var files = try reader.optionalObject("tls") {
      tls = TLSFiles(certificate: try files.string("certificate"), privateKey: try files.string("privateKey"))
      try files.finish()
    } else {
      tls = nil
    }
    witnessPolicy = try reader.optionalString("witnessPolicy", maxBytes: 32768)
    if var process = try reader.optionalObject("system") {
      system = System(socket: try Self.path("socket", &process), root: try Self.path("root", &process))
      try process.finish()
    } else {
      system = nil
    }
    if var machine = try reader.optionalObject("attestation") {
      attestation = try MachineConfiguration(&machine)
    } else {
      attestation = nil
    }
    if var member = try reader.optionalObject("keyRelease") {
      keyRelease = try KeyReleaseConfiguration(&member)
    } else {
      keyRelease = nil
    }
    if var member = try reader.optionalObject("broker") {
      broker = try BrokerConfiguration(&member)
    } else {
      broker = nil
    }
    exports =
      try reader.optionalJSON("exports").map { json throws(FieldError) in try ExportConfiguration(json: json) }
      ?? .init()
    try reader.finish()
    if !listen.isLoopback && tls == nil {
      throw FieldError(
        field: "tls", expected: "certificate and privateKey, because `listen` is not loopback", actual: "nothing")
    }
    if keyRelease != nil && attestation == nil {
      throw FieldError(
        field: "attestation", expected: "a machine, because a broker releases keys only to evidence", actual: "nothing")
    }
    if !admin.isLoopback {
      throw FieldError(field: "admin", expected: "a loopback address or a unix socket", actual: admin.text)
    }
  }

  private static func path(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> String {
    let text = try reader.string(name, maxBytes: 107)
    guard text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw FieldError(field: reader.pathOf(name), expected: "an absolute path", actual: JSON.string(text).summary)
    }
    return text
  }

  /// The bytes that `init(parsing:)` reads.
  public var bytes: [UInt8] {
    var object: JSONObject = [
      "format": "safebox-config/v1", "listen": .string(listen.text), "admin": .string(admin.text),
    ]
    if let tls {
      object["tls"] = ["certificate": .string(tls.certificate), "privateKey": .string(tls.privateKey)]
    }
    if let system { object["system"] = ["socket": .string(system.socket), "root": .string(system.root)] }
    if let attestation { object["attestation"] = attestation.json }
    if let keyRelease { object["keyRelease"] = keyRelease.json }
    if let broker { object["broker"] = broker.json }
    if !exports.exports.isEmpty { object["exports"] = exports.json }
    if let witnessPolicy { object["witnessPolicy"] = .string(witnessPolicy) }
    return JSON.object(object).canonicalBytes() + [10]
  }
}
