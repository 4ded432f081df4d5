public import CanonicalJSON
import Governance
import HTTPClient
import ObjectStorage

/// The exports of a box, as its configuration writes them: an array of objects, each strict. Secrets are named by the paths
/// of their files and read when the sink is made.
public struct ExportConfiguration: Sendable, Hashable {
  /// One export.
  public struct Export: Sendable, Hashable {
    /// What kind of sink, and its settings.
    public enum Sink: Sendable, Hashable {
      case file(FileSink.Options)
      case syslog(SyslogSink.Transport, facility: SyslogMessage.Facility)
      case s3(Bucket)
      case http(Collector)
    }

    /// 1 to 64 of `a-z0-9-`.
    public var name: String
    public var sink: Sink
    public var batch: BatchLimits
    public var alarm: LagLimits
  }

  /// A bucket with Object Lock.
  public struct Bucket: Sendable, Hashable {
    public var bucket: S3Bucket
    public var prefix: String
    public var accessKey: String
    /// Path of a file with the secret key, readable by its owner alone.
    public var secretKeyFile: String
    /// PEM file of the only authorities to trust; nil for the system's.
    public var authorities: String?
    public var retainDays: Int
  }

  /// Something that takes posts.
  public struct Collector: Sendable, Hashable {
    public var url: HTTPURL
    public var format: AuditFormat
    /// Path of a file with a bearer token, readable by its owner alone.
    public var tokenFile: String?
    public var authorities: String?
  }

  public let exports: [Export]
  /// The array that was read.
  public let json: JSON

  /// Without exports.
  public init() { (exports, json) = ([], []) }

  /// Reads the array; names of fields in errors begin with `path`.
  public init(json: JSON, path: String = "exports") throws(FieldError) {
    guard let elements = json.array, elements.count <= ExportPump.maxExports else {
      throw FieldError(
        field: path, expected: "an array of at most \(ExportPump.maxExports) exports", actual: json.summary)
    }
    var exports: [Export] = []
    for (index, element) in elements.enumerated() {
      let export = try Export(json: element, path: "\(path)[\(index)]")
      guard !exports.contains(where: { $0.name == export.name }) else {
        throw FieldError(
          field: "\(path)[\(index)].name", expected: "a name given once", actual: JSON.string(export.name).summary)
      }
      exports.append(export)
    }
    (self.exports, self.json) = (exports, json)
  }
}

extension ExportConfiguration.Export {
  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    name = try reader.exportName()
    switch try reader.choice("type", ["file", "syslog", "s3", "http"]) {
    case "file": sink = .file(try FileSink.Options(&reader))
    case "syslog": sink = try Self.syslog(&reader)
    case "s3": sink = .s3(try ExportConfiguration.Bucket(&reader))
    default: sink = .http(try ExportConfiguration.Collector(&reader))
    }
    // Objects are few and large: each one stays for years. Lines can go at once.
    let linger: Int64 = if case .s3 = sink { 60_000 } else { 0 }
    batch = try BatchLimits(&reader, linger: linger)
    alarm = try LagLimits(&reader)
    try reader.finish()
  }

  private static func syslog(_ reader: inout ObjectReader) throws(FieldError) -> Sink {
    let transport = try reader.choice("transport", ["tcp", "tls", "udp", "unix"])
    let facility = try reader.optionalChoice("facility", SyslogMessage.Facility.allCases.map(\.rawValue))
    let chosen = facility.flatMap(SyslogMessage.Facility.init) ?? .audit
    if transport == "unix" {
      let path = try reader.optionalPath("path") ?? "/dev/log"
      return .syslog(.unix(path: path), facility: chosen)
    }
    let host = try reader.host("host")
    let range: ClosedRange<Int64> = 1...65_535
    let port = UInt16(try reader.optionalInteger("port", in: range) ?? (transport == "tls" ? 6514 : 514))
    switch transport {
    case "tls":
      // Named, because a public authority's certificate for that host is no proof of whose collector it is.
      let authorities = try reader.path("authorities")
      return .syslog(.tls(host: host, port: port, authorities: authorities), facility: chosen)
    case "tcp": return .syslog(.tcp(host: host, port: port), facility: chosen)
    default: return .syslog(.udp(host: host, port: port), facility: chosen)
    }
  }
}

extension FileSink.Options {
  init(_ reader: inout ObjectReader) throws(FieldError) {
    let path = try reader.path("path")
    let format = try reader.format()
    let rotate = try reader.optionalInteger("rotateBytes", in: 65_536...(1 << 40))
    let keep = try reader.optionalInteger("keep", in: 1...10_000)
    self.init(path: path, format: format, rotateBytes: rotate ?? 64 << 20, keep: keep.map(Int.init))
  }
}

extension ExportConfiguration.Bucket {
  init(_ reader: inout ObjectReader) throws(FieldError) {
    let name = try reader.string("bucket", maxBytes: 63)
    let region = try reader.optionalString("region", maxBytes: 64) ?? "us-east-1"
    let endpoint = try reader.optionalString("endpoint", maxBytes: 1024)
    let style = try reader.optionalChoice("style", S3Bucket.Style.allCases.map(\.rawValue))
    do {
      bucket = try S3Bucket(
        name: name, region: region, endpoint: endpoint, style: style.flatMap(S3Bucket.Style.init))
    } catch {
      throw FieldError(field: reader.pathOf(error.field), expected: error.expected, actual: error.actual)
    }
    prefix = try reader.optionalString("prefix", maxBytes: 512) ?? ""
    do {
      // A key as it will be: what is wrong with the prefix is wrong with it.
      _ = try S3Location(bucket: bucket, key: prefix + "0-0.jsonl")
    } catch {
      throw FieldError(field: reader.pathOf("prefix"), expected: error.expected, actual: error.actual)
    }
    accessKey = try reader.string("accessKey", maxBytes: 128)
    secretKeyFile = try reader.path("secretKeyFile")
    authorities = try reader.optionalPath("authorities")
    let days = ObjectStoreSink.retainDays
    retainDays = Int(
      try reader.integer("retainDays", in: Int64(days.lowerBound)...Int64(days.upperBound)))
  }
}

extension ExportConfiguration.Collector {
  init(_ reader: inout ObjectReader) throws(FieldError) {
    let text = try reader.string("url", maxBytes: 2048)
    do {
      url = try HTTPURL(text)
    } catch {
      throw FieldError(field: reader.pathOf("url"), expected: "an http or https URL", actual: error.description)
    }
    format = try reader.format()
    tokenFile = try reader.optionalPath("tokenFile")
    // Whoever listens on the way would have the token.
    guard tokenFile == nil || url.scheme == .https || url.literal.map(\.isLoopback) == true else {
      throw FieldError(field: reader.pathOf("url"), expected: "https where a token is sent", actual: "http")
    }
    authorities = try reader.optionalPath("authorities")
  }
}

extension BatchLimits {
  fileprivate init(_ reader: inout ObjectReader, linger: Int64) throws(FieldError) {
    self.init(linger: .milliseconds(linger))
    guard var limits = try reader.optionalObject("batch") else { return }
    let (entries, bytes) = (Self.entriesRange, Self.bytesRange)
    self.entries = Int(
      try limits.optionalInteger("entries", in: Int64(entries.lowerBound)...Int64(entries.upperBound))
        ?? Int64(self.entries))
    self.bytes = Int(
      try limits.optionalInteger("bytes", in: Int64(bytes.lowerBound)...Int64(bytes.upperBound)) ?? Int64(self.bytes))
    self.linger = .milliseconds(try limits.optionalInteger("lingerMilliseconds", in: 0...3_600_000) ?? linger)
    try limits.finish()
  }
}

extension LagLimits {
  fileprivate init(_ reader: inout ObjectReader) throws(FieldError) {
    self.init()
    guard var limits = try reader.optionalObject("alarm") else { return }
    entries = UInt64(try limits.optionalInteger("entries", in: 1...1_000_000_000) ?? Int64(entries))
    milliseconds = try limits.optionalInteger("milliseconds", in: 1000...86_400_000) ?? milliseconds
    try limits.finish()
  }
}
