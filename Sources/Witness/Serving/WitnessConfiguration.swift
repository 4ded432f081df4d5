import CanonicalJSON
import Storage
import TransparencyLog

/// What a witness is told by its operator: a JSON file, strictly read.
///
///     { "name": "witness.example/1", "key": "/etc/witness/key.pem", "data": "/var/lib/witness",
///       "listen": { "address": "127.0.0.1", "port": 7420 }, "prefix": "/w",
///       "logs": [ { "origin": "box.example/log", "keys": ["box.example/log+11c2ec29+AZsf..."] } ] }
///
/// `listen` may be `{ "unix": "/run/witness.sock" }`; `prefix` may be left out. Limits: 1 MiB, 4,096 logs.
public struct WitnessConfiguration: Sendable, Hashable {
  /// Where requests come in.
  public enum Endpoint: Sendable, Hashable {
    /// A numeric address; port 0 takes a free one. Plain HTTP: put TLS in front of anything but loopback.
    case tcp(address: String, port: UInt16)
    case unix(path: String)
  }

  /// Why a configuration is refused.
  public enum Failure: Error, CustomStringConvertible {
    case missing(path: String)
    case json(JSONError)
    case field(FieldError)

    public var description: String {
      switch self {
      case .missing(let path): "\(path) does not exist"
      case .json(let error): "\(error)"
      case .field(let error): "\(error)"
      }
    }
  }

  /// The name in every cosignature.
  public var name: String
  /// Path of the private key.
  public var keyFile: String
  /// Path of the directory that holds the records.
  public var directory: String
  public var endpoint: Endpoint
  /// Path before `/add-checkpoint`: empty, or beginning with a slash and not ending in one.
  public var prefix: String
  public var logs: [LogKeys]

  public init(
    name: String, keyFile: String, directory: String, endpoint: Endpoint, prefix: String = "", logs: [LogKeys]
  ) {
    self.name = name
    self.keyFile = keyFile
    self.directory = directory
    self.endpoint = endpoint
    self.prefix = prefix
    self.logs = logs
  }

  /// Reads a configuration file.
  public init(file path: String) throws {
    guard let bytes = try WholeFile.read(path, limit: 1 << 20) else { throw Failure.missing(path: path) }
    try self.init(parsing: bytes)
  }

  public init(parsing bytes: [UInt8]) throws(Failure) {
    let json: JSON
    do { json = try JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20)) } catch { throw .json(error) }
    do { try self.init(json) } catch { throw .field(error) }
  }

  private init(_ json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    name = try reader.string("name", maxBytes: 255)
    keyFile = try reader.string("key")
    directory = try reader.string("data")
    endpoint = try Self.endpoint(reader.object("listen"))
    prefix = try reader.optionalString("prefix", maxBytes: 255) ?? ""
    guard prefix.isEmpty || (prefix.hasPrefix("/") && !prefix.hasSuffix("/") && !prefix.contains("{")) else {
      throw FieldError(field: "prefix", expected: "a path such as /w, or nothing", actual: prefix)
    }
    var logs: [LogKeys] = []
    var origins: Set<[UInt8]> = []
    for (index, log) in try reader.array("logs", maxCount: 4096).enumerated() {
      let keys = try Self.log(log, path: "logs[\(index)]")
      guard origins.insert(Array(keys.origin.utf8)).inserted else {
        throw FieldError(field: "logs[\(index)].origin", expected: "an origin not listed before", actual: keys.origin)
      }
      logs.append(keys)
    }
    self.logs = logs
    try reader.finish()
  }

  private static func endpoint(_ given: ObjectReader) throws(FieldError) -> Endpoint {
    var reader = given
    let endpoint: Endpoint
    if let path = try reader.optionalString("unix", maxBytes: 107) {
      endpoint = .unix(path: path)
    } else {
      let address = try reader.string("address", maxBytes: 64)
      endpoint = .tcp(address: address, port: UInt16(try reader.integer("port", in: 0...65535)))
    }
    try reader.finish()
    return endpoint
  }

  private static func log(_ json: JSON, path: String) throws(FieldError) -> LogKeys {
    var reader = try ObjectReader(json, path: path)
    let origin = try reader.string("origin")
    var keys: [VerifierKey] = []
    for (index, key) in try reader.array("keys", maxCount: LogKeys.maximumKeys).enumerated() {
      let field = "\(path).keys[\(index)]"
      guard let text = key.string else {
        throw FieldError(field: field, expected: "a verifier key", actual: "no string")
      }
      do { keys.append(try VerifierKey(parsing: text)) } catch {
        throw FieldError(field: field, expected: "a verifier key", actual: "\(error)")
      }
    }
    try reader.finish()
    do { return try LogKeys(origin: origin, keys: keys) } catch {
      throw FieldError(field: "\(path).keys", expected: "keys of the log \(origin)", actual: "\(error)")
    }
  }
}
