import CanonicalJSON
import Foundation
import HTTPClient
import ObjectStorage
import TestSupport
import Testing

@testable import AuditExport

struct ConfigurationTests {
  @Test func everyKindIsRead() throws {
    let configuration = try ExportConfiguration(json: Self.parse(Self.example))
    #expect(configuration.exports.map(\.name) == ["lines", "siem", "local", "archive", "collector"])
    #expect(
      configuration.exports[0].sink
        == .file(.init(path: "/var/log/safebox/audit.jsonl", format: .ocsf, rotateBytes: 1_048_576, keep: 10)))
    #expect(configuration.exports[0].batch == .init(entries: 100, bytes: 65_536, linger: .milliseconds(50)))
    #expect(configuration.exports[0].alarm == .init(entries: 500, milliseconds: 10_000))
    #expect(
      configuration.exports[1].sink
        == .syslog(.tls(host: "siem.example", port: 6514, authorities: "/etc/siem.pem"), facility: .local0))
    #expect(configuration.exports[2].sink == .syslog(.unix(path: "/dev/log"), facility: .audit))
    guard case .s3(let bucket) = configuration.exports[3].sink else {
      Issue.record("not a bucket")
      return
    }
    #expect(bucket.bucket.endpoint.description == "https://s3.eu-central-1.amazonaws.com/" && bucket.retainDays == 2555)
    #expect(configuration.exports[3].batch.linger == .seconds(60))
    #expect(try ExportConfiguration(json: []).exports.isEmpty)
  }

  @Test(arguments: [
    ("{}", "exports"), ("[1]", "exports[0]"), ("[{}]", "exports[0].name"),
    (#"[{"name":"../x","type":"file","path":"/a"}]"#, "exports[0].name"),
    (#"[{"name":"","type":"file","path":"/a"}]"#, "exports[0].name"),
    (#"[{"name":"a","type":"ftp"}]"#, "exports[0].type"), (#"[{"name":"a","type":"file"}]"#, "exports[0].path"),
    (#"[{"name":"a","type":"file","path":"a"}]"#, "exports[0].path"),
    (#"[{"name":"a","type":"file","path":"/a","format":"cef"}]"#, "exports[0].format"),
    (#"[{"name":"a","type":"file","path":"/a","rotateBytes":1}]"#, "exports[0].rotateBytes"),
    (#"[{"name":"a","type":"file","path":"/a","keep":0}]"#, "exports[0].keep"),
    (#"[{"name":"a","type":"file","path":"/a","other":0}]"#, "exports[0].other"),
    (#"[{"name":"a","type":"file","path":"/a","batch":{"entries":0}}]"#, "exports[0].batch.entries"),
    (#"[{"name":"a","type":"file","path":"/a","batch":{"bytes":1}}]"#, "exports[0].batch.bytes"),
    (#"[{"name":"a","type":"file","path":"/a","batch":{"x":1}}]"#, "exports[0].batch.x"),
    (#"[{"name":"a","type":"file","path":"/a","alarm":{"milliseconds":1}}]"#, "exports[0].alarm.milliseconds"),
    (
      #"[{"name":"a","type":"file","path":"/a"},{"name":"a","type":"file","path":"/b"}]"#, "exports[1].name"
    ),
    (#"[{"name":"a","type":"syslog","transport":"carrier"}]"#, "exports[0].transport"),
    (#"[{"name":"a","type":"syslog","transport":"tcp","host":"a/b"}]"#, "exports[0].host"),
    (#"[{"name":"a","type":"syslog","transport":"tcp","host":"h","port":0}]"#, "exports[0].port"),
    (#"[{"name":"a","type":"syslog","transport":"tls","host":"h"}]"#, "exports[0].authorities"),
    (#"[{"name":"a","type":"syslog","transport":"udp","host":"h","facility":"kern"}]"#, "exports[0].facility"),
    (#"[{"name":"a","type":"s3","bucket":"B"}]"#, "exports[0].bucket"),
    (#"[{"name":"a","type":"s3","bucket":"abc","prefix":"../"}]"#, "exports[0].prefix"),
    (
      #"[{"name":"a","type":"s3","bucket":"abc","accessKey":"k","secretKeyFile":"/k"}]"#, "exports[0].retainDays"
    ),
    (
      #"[{"name":"a","type":"s3","bucket":"abc","accessKey":"k","secretKeyFile":"/k","retainDays":0}]"#,
      "exports[0].retainDays"
    ),
    (
      #"[{"name":"a","type":"s3","bucket":"abc","accessKey":"k","secretKey":"s","retainDays":1}]"#,
      "exports[0].secretKeyFile"
    ),
    // There is one mode of locks, so there is no member that names another.
    (
      #"[{"name":"a","type":"s3","bucket":"abc","accessKey":"k","secretKeyFile":"/k","retainDays":1,"mode":"GOVERNANCE"}]"#,
      "exports[0].mode"
    ),
    (#"[{"name":"a","type":"http","url":"https://u:p@h/"}]"#, "exports[0].url"),
    (#"[{"name":"a","type":"http","url":"http://h.example/","tokenFile":"/t"}]"#, "exports[0].url"),
  ])
  func faultsAreNamed(_ text: String, _ field: String) throws {
    #expect {
      try ExportConfiguration(json: Self.parse(text))
    } throws: {
      ($0 as? FieldError)?.field == field
    }
  }

  @Test func tooManyAreRefused() throws {
    let many = (0...ExportPump.maxExports).map {
      JSON.object(["name": .string("e\($0)"), "type": "file", "path": "/a"])
    }
    #expect(throws: FieldError.self) { try ExportConfiguration(json: .array(many)) }
    #expect(try ExportConfiguration(json: .array(many.dropLast())).exports.count == ExportPump.maxExports)
  }

  @Test func secretsAreReadFromFilesOfTheirOwn() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array("canary secret\n".utf8), to: "token")
    let json = try Self.parse(#"[{"name":"a","type":"http","url":"https://h.example/","tokenFile":"\#(path)"}]"#)
    let configuration = try ExportConfiguration(json: json)
    func fault() -> FieldError? {
      do {
        _ = try configuration.makeExports { 0 }
        return nil
      } catch {
        return error
      }
    }
    // A blank, which could begin another header; then nothing in it; then others may read it; then no file.
    #expect(chmod(path, 0o600) == 0)
    let other = try #require(fault())
    #expect(other.field == "exports.a.tokenFile" && !"\(other)".contains("canary"))
    try directory.write(Array("\n".utf8), to: "token")
    #expect(chmod(path, 0o600) == 0)
    #expect(fault()?.field == "exports.a.tokenFile")
    try directory.write(Array("canary-token\n".utf8), to: "token")
    #expect(chmod(path, 0o600) == 0)
    #expect(try configuration.makeExports { 0 }.map(\.name) == ["a"])
    #expect(chmod(path, 0o640) == 0)
    #expect(fault()?.field == "exports.a.tokenFile")
    #expect(remove(path) == 0 && fault()?.field == "exports.a.tokenFile")
  }

  static func parse(_ text: String) throws -> JSON {
    try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: 1 << 16))
  }

  static let example = """
    [
      {"name": "lines", "type": "file", "path": "/var/log/safebox/audit.jsonl", "format": "ocsf",
       "rotateBytes": 1048576, "keep": 10, "batch": {"entries": 100, "bytes": 65536, "lingerMilliseconds": 50},
       "alarm": {"entries": 500, "milliseconds": 10000}},
      {"name": "siem", "type": "syslog", "transport": "tls", "host": "SIEM.example", "authorities": "/etc/siem.pem",
       "facility": "local0"},
      {"name": "local", "type": "syslog", "transport": "unix"},
      {"name": "archive", "type": "s3", "bucket": "audit", "region": "eu-central-1", "style": "path",
       "endpoint": "https://s3.eu-central-1.amazonaws.com", "prefix": "box/", "accessKey": "AKIA1",
       "secretKeyFile": "/etc/safebox/s3", "retainDays": 2555},
      {"name": "collector", "type": "http", "url": "https://collector.example/in", "tokenFile": "/etc/safebox/token"}
    ]
    """
}
