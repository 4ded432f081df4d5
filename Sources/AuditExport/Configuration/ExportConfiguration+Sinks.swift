import CanonicalJSON
import Cryptography
import HTTPClient
import ObjectStorage
import Storage

extension ExportConfiguration {
  /// Longest secret file, in bytes.
  private static let maxSecretBytes = 8192

  /// The exports with their sinks. Reads the files of secrets; connects nowhere.
  ///
  /// - Parameter clock: Unix milliseconds.
  /// - Throws: a field error that names the export and the file, never what is in it.
  public func makeExports(clock: @escaping @Sendable () -> Int64) throws(FieldError) -> [ExportPump.Export] {
    var made: [ExportPump.Export] = []
    for export in exports {
      made.append(
        ExportPump.Export(
          name: export.name, sink: try Self.sink(export, clock: clock), batch: export.batch, alarm: export.alarm))
    }
    return made
  }

  private static func sink(
    _ export: Export, clock: @escaping @Sendable () -> Int64
  ) throws(FieldError) -> any ExportSink {
    switch export.sink {
    case .file(let options): return FileSink(options)
    case .syslog(let transport, let facility): return SyslogSink(transport, facility: facility)
    case .s3(let bucket):
      let secret = try secret(bucket.secretKeyFile, field: "exports.\(export.name).secretKeyFile")
      let credentials = try S3Credentials(accessKey: bucket.accessKey, secretKey: secret)
      let base = bucket.bucket
      let host = base.style == .virtual ? "\(base.name).\(base.endpoint.host)" : base.endpoint.host
      let store = ObjectStore(
        bucket: base, credentials: credentials, client: client(bucket.authorities),
        policy: .only([(host, base.endpoint.port)]), clock: clock)
      return ObjectStoreSink(store: store, prefix: bucket.prefix, retainDays: bucket.retainDays, clock: clock)
    case .http(let collector):
      var token: SecretBytes?
      if let file = collector.tokenFile {
        let field = "exports.\(export.name).tokenFile"
        let read = try secret(file, field: field)
        // It stands in a header.
        guard read.withUnsafeBytes({ $0.allSatisfy { (0x21...0x7E).contains($0) } }) else {
          throw FieldError(field: field, expected: "a token of visible ASCII", actual: "other bytes")
        }
        token = read
      }
      return HTTPSink(
        url: collector.url, format: collector.format, token: token, client: client(collector.authorities),
        policy: .only([(collector.url.host, collector.url.port)]))
    }
  }

  private static func client(_ authorities: String?) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.trustedCertificates = authorities
    configuration.maxConnections = 2
    return HTTPClient(configuration)
  }

  private static func secret(_ path: String, field: String) throws(FieldError) -> SecretBytes {
    let bytes: [UInt8]
    do {
      guard let read = try WholeFile.read(path, limit: maxSecretBytes, secret: true) else {
        throw FieldError(field: field, expected: "a file", actual: "nothing at \(path)")
      }
      bytes = read
    } catch let error as FieldError {
      throw error
    } catch {
      throw FieldError(field: field, expected: "a file that its owner alone may read", actual: "\(error)")
    }
    // One line feed at the end is an editor's.
    let secret = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
    guard !secret.isEmpty else { throw FieldError(field: field, expected: "a secret", actual: "an empty file") }
    return SecretBytes(copying: secret)
  }
}
