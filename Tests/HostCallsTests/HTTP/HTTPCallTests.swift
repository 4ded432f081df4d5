import CanonicalJSON
import Cryptography
import Foundation
import Governance
import Testing

@testable import HostCalls

/// Looking by HTTP: a real nginx, and scripted peers for what nginx would not do.
@Suite(.timeLimit(.minutes(5)))
struct HTTPCallTests {
  @Test(.enabled(if: Nginx.isInstalled, "needs nginx: scripts/setup test"))
  func nginxIsReadAsItAnswers() async throws {
    let nginx = try Nginx(
      """
      location = /text { add_header X-A one; add_header X-A two; add_header Set-Cookie a=1; add_header Set-Cookie b=2;
        return 200 "caf\u{E9}"; }
      location = /gone { return 404 "no"; }
      location = /away { return 302 http://127.0.0.1:1/; }
      location = /echo { return 200 "$arg_q|$http_x_test|$request_method"; }
      """, files: ["binary": Data([0, 255, 254]), "big": Data(repeating: 97, count: (1 << 20) + 1)])
    let box = try CallBox()
    let settings: JSON = ["egress": [.string(nginx.address)]]
    func get(_ path: String, _ more: JSONObject = [:], method: String = "HTTP.get") async throws -> HostCallOutcome {
      var arguments = more
      arguments["url"] = .string(nginx.url + path)
      return try await box.look(method, .object(arguments), settings)
    }

    let text = try #require(try await get("/text").value)
    #expect(text["status"] == 200 && text["body"] == "caf\u{E9}" && text["base64"] == nil)
    #expect(text["headers"]?["x-a"] == "one, two" && text["headers"]?["set-cookie"] == ["a=1", "b=2"])
    #expect(try await get("/gone").value?["status"] == 404)
    // A redirect is the answer, not the way.
    let away = try await get("/away").value
    #expect(away?["status"] == 302 && away?["headers"]?["location"] == "http://127.0.0.1:1/")
    let binary = try await get("/binary").value
    #expect(binary?["body"] == .null && binary?["base64"] == "AP/+")
    #expect(try await get("/big").error?.code == "too_large")
    let echo = try await get("/echo", ["params": ["q": "a b&c=d\u{E9}", "n": 1], "headers": ["X-Test": "yes"]])
    #expect(echo.value?["body"] == "a%20b%26c%3Dd%C3%A9|yes|GET")
    let head = try await get("/text", method: "HTTP.head").value
    #expect(head?["status"] == 200 && head?["body"] == "" && head?["headers"]?["content-length"] == "5")
  }

  @Test func textThatEscapesBeyondTheLimitIsRefused() async throws {
    let peer = try ScriptedPeer { _ in
      ScriptedPeer.answer(String(repeating: "\u{1}", count: 300_000), type: "text/plain")
    }
    let box = try CallBox()
    let outcome = try await box.look(
      "HTTP.get", ["url": .string(peer.url)], ["egress": [.string(peer.address)]])
    #expect(outcome.error?.code == "too_large")
  }

  @Test func privateAddressesAreReachedOnlyWhereTheSettingsNameThem() async throws {
    let peer = try ScriptedPeer { _ in ScriptedPeer.answer("secret") }
    let box = try CallBox()
    let port = peer.port
    for (url, egress) in [
      (peer.url, []), (peer.url, ["127.0.0.1:1"]), ("http://localhost:\(port)", [peer.address]),
      ("http://[::1]:\(port)", [peer.address]), ("http://169.254.169.254", [peer.address]),
      ("http://0.0.0.0:\(port)", [peer.address]), ("http://[::ffff:127.0.0.2]:\(port)", [peer.address]),
      (peer.url, ["localhost:\(port)"]),
    ] as [(String, [String])] {
      let outcome = try await box.look(
        "HTTP.get", ["url": .string(url)], ["egress": .array(egress.map(JSON.string))])
      #expect(outcome.error?.code == "unreachable", "\(url) \(egress)")
    }
    #expect(peer.requests.isEmpty)
    // Other spellings of the one address that is named are that address.
    for url in ["http://2130706433:\(port)", "http://0x7f.1:\(port)", "http://[::ffff:127.0.0.1]:\(port)"] {
      let outcome = try await box.look("HTTP.get", ["url": .string(url)], ["egress": [.string(peer.address)]])
      #expect(outcome.value?["status"] == 200, "\(url)")
    }
  }

  @Test func factsAreWhatTheUrlSays() throws {
    let box = try CallBox()
    func facts(_ url: String) throws -> [[String: String]] {
      try box.table.plan("HTTP.get", arguments: ["url": .string(url)], in: try box.context()).facts
    }
    #expect(try facts("https://API.Example.com:443/a/b?x=/c") == [["hosts": "api.example.com", "paths": "/a/b"]])
    #expect(try facts("https://api.example.com:8443") == [["hosts": "api.example.com:8443", "paths": "/"]])
    #expect(try facts("http://[::1]:80/x#y") == [["hosts": "[::1]", "paths": "/x"]])
    let send = try box.change("HTTP.send", ["method": "PUT", "url": "https://e.example/p"])
    #expect(send.plan.facts == [["hosts": "e.example", "paths": "/p", "methods": "PUT"]])
    #expect(box.table["HTTP.send"]?.dimensions == ["hosts", "paths", "methods"])
  }

  @Test func pathsThatServersReadOtherwiseAreRefused() throws {
    let box = try CallBox()
    for path in [
      "/pub/../admin", "/pub/./x", "/pub/%2e%2e/admin", "/pub/%2E./admin", "/pub/..%2fadmin", "/pub/..%5cadmin",
      "/pub/%252e%252e/admin", "/pub/..;/admin", "/..", "/pub/..", "/pub/..;a=b",
    ] {
      let refusal = try box.refusal("HTTP.get", ["url": .string("https://e.example\(path)")])
      #expect(refusal?.code == "bad_argument" && refusal?.message.hasPrefix("arguments.url") == true, "\(path)")
    }
    for path in ["/a..b", "/...", "/.well-known/x", "/a/%2f/b", "/x?a=../b"] {
      #expect(try box.refusal("HTTP.get", ["url": .string("https://e.example\(path)")]) == nil, "\(path)")
    }
  }

  @Test(
    arguments: [
      ("arguments", .null), ("arguments.url", [:]), ("arguments.url", ["url": "ftp://e.example"]),
      ("arguments.url", ["url": "https://{{keychain:k}}.example/"]),
      ("arguments.url", ["url": "https://e.example/{{keychain:k}}"]),
      ("arguments.url", ["url": "https://user@e.example/"]),
      ("arguments.body", ["url": "https://e.example", "body": "x"]),
      ("arguments.timeout", ["url": "https://e.example", "timeout": 0]),
      ("arguments.timeout", ["url": "https://e.example", "timeout": .double(1.5)]),
      ("arguments.headers.Host", ["url": "https://e.example", "headers": ["Host": "x"]]),
      (
        "arguments.headers.X-HTTP-Method-Override",
        ["url": "https://e.example", "headers": ["X-HTTP-Method-Override": "PUT"]]
      ),
      ("arguments.headers.x-original-url", ["url": "https://e.example", "headers": ["x-original-url": "/admin"]]),
      ("arguments.headers.X", ["url": "https://e.example", "headers": ["X": "a\r\nb"]]),
      ("arguments.headers", ["url": "https://e.example", "headers": ["X y": "a"]]),
      ("arguments.params.a", ["url": "https://e.example", "params": ["a": [1]]]),
    ] as [(String, JSON)])
  func badArgumentsNameTheirField(field: String, arguments: JSON) throws {
    let refusal = try CallBox().refusal("HTTP.get", arguments)
    #expect(refusal?.code == "bad_argument")
    #expect(refusal?.message.hasPrefix("\(field): ") == true, "\(refusal?.message ?? "")")
  }

  @Test func aCutOrSlowAnswerIsAnError() async throws {
    let box = try CallBox()
    for (steps, code) in [
      ([.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), .hangUp], "upstream"), ([.hangUp], "upstream"),
      ([.write("nonsense\r\n\r\n"), .hangUp], "upstream"), ([.gate], "timeout"),
    ] as [([ScriptedPeer.Step], String)] {
      let peer = try ScriptedPeer { _ in steps }
      let outcome = try await box.look(
        "HTTP.get", ["url": .string(peer.url), "timeout": code == "timeout" ? 1 : 60],
        ["egress": [.string(peer.address)]])
      #expect(outcome.error?.code == code, "\(outcome.result)")
    }
  }
}
