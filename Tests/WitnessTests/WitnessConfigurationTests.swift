import CanonicalJSON
import Testing
import TransparencyLog

@testable import Witness

@Suite struct WitnessConfigurationTests {
  let log: TestLog

  init() throws { log = try TestLog() }

  private func json() throws -> JSON {
    [
      "name": "w.example/1", "key": "/k.pem", "data": "/d", "listen": ["address": "127.0.0.1", "port": 7420],
      "logs": [["origin": .string(log.origin), "keys": [.string(log.signer.verifierKey.text)]]],
    ]
  }

  private func failure(_ edit: (inout JSONObject) throws -> Void) throws -> String? {
    var object = try #require(json().object)
    try edit(&object)
    do { _ = try WitnessConfiguration(parsing: JSON.object(object).canonicalBytes()) } catch { return "\(error)" }
    return nil
  }

  @Test func reads() throws {
    let configuration = try WitnessConfiguration(parsing: json().canonicalBytes())
    #expect(configuration.name == "w.example/1" && configuration.keyFile == "/k.pem" && configuration.directory == "/d")
    #expect(configuration.endpoint == .tcp(address: "127.0.0.1", port: 7420) && configuration.prefix.isEmpty)
    #expect(configuration.logs == [try log.keys])
    #expect(try failure { $0["listen"] = ["unix": "/run/w.sock"] } == nil)
    #expect(try failure { $0["prefix"] = "/w/1" } == nil)
  }

  @Test func isStrict() throws {
    let entry: JSON = ["origin": .string(log.origin), "keys": [.string(log.signer.verifierKey.text)]]
    let cases: [(String, (inout JSONObject) throws -> Void)] = [
      ("name", { $0["name"] = nil }), ("name", { $0["name"] = 7 }), ("key", { $0["key"] = nil }),
      ("data", { $0["data"] = nil }), ("extra", { $0["extra"] = true }), ("listen", { $0["listen"] = nil }),
      ("listen.port", { $0["listen"] = ["address": "127.0.0.1", "port": 65536] }),
      ("listen.tls", { $0["listen"] = ["address": "127.0.0.1", "port": 1, "tls": true] }),
      ("prefix", { $0["prefix"] = "w" }), ("prefix", { $0["prefix"] = "/w/" }), ("prefix", { $0["prefix"] = "/{x}" }),
      ("logs", { $0["logs"] = nil }), ("logs[1].origin", { $0["logs"] = [entry, entry] }),
      ("logs[0].keys", { $0["logs"] = [["origin": "other", "keys": [.string(log.signer.verifierKey.text)]]] }),
      ("logs[0].keys", { $0["logs"] = [["origin": "other", "keys": []]] }),
      ("logs[0].keys[0]", { $0["logs"] = [["origin": "other", "keys": ["junk"]]] }),
      ("logs[0].keys[0]", { $0["logs"] = [["origin": "other", "keys": [1]]] }),
    ]
    for (field, edit) in cases {
      let message = try #require(try failure(edit), "\(field)")
      #expect(message.contains(field), "\(message)")
    }
    #expect(throws: WitnessConfiguration.Failure.self) { try WitnessConfiguration(parsing: Array("{".utf8)) }
    #expect(throws: WitnessConfiguration.Failure.self) { try WitnessConfiguration(file: "/nonexistent/witness.json") }
  }
}
