import Acquisition
import CanonicalJSON
import Cryptography
import HTTPClient
import Models
import ObjectStorage
import Runners
import Snapshots
import Storage
import SystemOperations

/// What the operator says in the configuration about acquiring, running and keeping (docs/system-operations.md). It widens
/// nothing that the owners decide: it says which places of this machine and its networks may be used for it.
struct OperatorSettings: Sendable {
  var acquisition = AcquisitionConfiguration()
  /// Directory of the programs that are put into containers.
  var adapters = "/usr/lib/safebox"
  /// The group whose members may connect to runners.
  var socketGroup: UInt32 = 0
  var retention = RetentionPolicy(last: 10, daily: 7, weekly: 4)
  /// Scopes of which no snapshot is taken before an operation: where the file system can only copy, and there is much.
  var withoutSnapshots: Set<String> = []

  init(_ configuration: SystemConfiguration) throws {
    try read(acquisition: configuration.acquisition)
    var runners = ObjectReader(members: configuration.runners, path: "runners")
    if let path = try runners.optionalString("adapters", maxBytes: 1024) { adapters = path }
    if let group = try runners.optionalInteger("socketGroup", in: 0...Int64(UInt32.max)) {
      socketGroup = UInt32(group)
    }
    try runners.finish()
    try read(snapshots: configuration.snapshots)
  }

  private mutating func read(acquisition members: JSONObject) throws {
    var reader = ObjectReader(members: members, path: "acquisition")
    for (index, value) in (try reader.optionalArray("localRoots", maxCount: 16) ?? []).enumerated() {
      guard let path = value.string, path.hasPrefix("/") else {
        throw FieldError(
          field: "acquisition.localRoots[\(index)]", expected: "an absolute path", actual: value.summary)
      }
      acquisition.localRoots.append(path)
    }
    for (index, value) in (try reader.optionalArray("allow", maxCount: 64) ?? []).enumerated() {
      acquisition.allowances.insert(try Self.allowance(value, at: "acquisition.allow[\(index)]"))
    }
    acquisition.permitsPlainHTTP = try reader.optionalBool("plainHTTP", default: true)
    if let endpoint = try reader.optionalString("huggingFaceEndpoint", maxBytes: 1024) {
      acquisition.huggingFaceEndpoint = endpoint
    }
    for (index, value) in (try reader.optionalArray("credentials", maxCount: 64) ?? []).enumerated() {
      acquisition.credentials.append(try Self.credential(value, at: "acquisition.credentials[\(index)]"))
    }
    try reader.finish()
  }

  /// `host:port`, exactly as it stands in a source.
  private static func allowance(_ value: JSON, at field: String) throws(FieldError) -> EgressPolicy.Allowance {
    guard let text = value.string, let url = try? HTTPURL("http://\(text)"), url.target == "/",
      text.utf8.contains(UInt8(ascii: ":"))
    else { throw FieldError(field: field, expected: "host:port", actual: value.summary) }
    return .host(url.host, port: url.port)
  }

  private static func credential(_ value: JSON, at field: String) throws -> EndpointCredential {
    var reader = try ObjectReader(value, path: field)
    let origin = try HTTPURL(try reader.string("origin", maxBytes: 1024))
    let secret: EndpointCredential.Secret
    if let path = try reader.optionalString("bearerFile", maxBytes: 1024) {
      secret = .bearer(try Self.secret(path, at: reader.pathOf("bearerFile")))
    } else {
      let key = try reader.string("accessKey", maxBytes: 128)
      let path = try reader.string("secretKeyFile", maxBytes: 1024)
      secret = .s3(
        try S3Credentials(accessKey: key, secretKey: Self.secret(path, at: reader.pathOf("secretKeyFile"))))
    }
    try reader.finish()
    return EndpointCredential(origin: origin, secret)
  }

  /// The first line of a file that nobody else may read.
  private static func secret(_ path: String, at field: String) throws -> SecretBytes {
    guard let bytes = try WholeFile.read(path, limit: 4096, secret: true) else {
      throw FieldError(field: field, expected: "a file", actual: "nothing at \(path)")
    }
    return SecretBytes(copying: bytes.prefix { $0 != 10 && $0 != 13 })
  }

  private mutating func read(snapshots members: JSONObject) throws {
    var reader = ObjectReader(members: members, path: "snapshots")
    let last = try reader.optionalInteger("last", in: 1...1000) ?? 10
    let daily = try reader.optionalInteger("daily", in: 0...1000) ?? 7
    let weekly = try reader.optionalInteger("weekly", in: 0...1000) ?? 4
    retention = RetentionPolicy(last: Int(last), daily: Int(daily), weekly: Int(weekly))
    for (index, value) in (try reader.optionalArray("never", maxCount: 3) ?? []).enumerated() {
      guard let scope = value.string, ["models", "directories"].contains(scope) else {
        throw FieldError(
          field: "snapshots.never[\(index)]", expected: "models or directories", actual: value.summary)
      }
      withoutSnapshots.insert(scope)
    }
    try reader.finish()
  }
}
