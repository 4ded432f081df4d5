import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import HostCalls

/// Secrets leave with the request, go to their host and nowhere else, and do not come back.
@Suite(.timeLimit(.minutes(5)))
struct HTTPSecretTests {
  private static let canary = "canary-5f1d\"9&e"

  private static func echo() throws -> ScriptedPeer {
    try ScriptedPeer { request in
      let lines = request.headers.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
      let base64 = Base64.encode(Array("user:\(canary)".utf8))
      return ScriptedPeer.answer(
        "\(request.target) \(lines) \(request.text) \(base64)", type: "text/plain",
        headers: ["X-Back: \(request.header("Authorization") ?? "")"])
    }
  }

  /// JSON with a fraction leaves as a text, and a placeholder in a member's name is one in that text.
  @Test func aSecretInTheNameOfAMemberIsOneOfThePlan() throws {
    let box = try CallBox()
    let plan = try box.change(
      "HTTP.send", ["method": "POST", "url": "https://e.example/", "body": ["{{keychain:bank}}": .double(1.5)]]
    ).plan
    #expect(plan.secrets == ["bank"])
  }

  @Test func aLookPutsThemInAtTheBorder() async throws {
    let peer = try Self.echo()
    let box = try CallBox()
    try box.put("key", Self.canary, hosts: ["http://\(peer.address)"])
    let arguments: JSON = [
      "url": .string(peer.url + "/x?a={{keychain:key}}"), "params": ["b": "<{{keychain:key|hex}}>"],
      "headers": ["Authorization": "Bearer {{keychain:key}}"],
    ]
    let context = try box.context(["egress": [.string(peer.address)]])
    let plan = try box.table.plan("HTTP.get", arguments: arguments, in: context)
    #expect(plan.secrets == ["key"])
    #expect(!"\(plan)".contains("canary"))
    guard case .observe(let look) = plan.step else { throw CallBox.Unexpected() }
    let outcome = await look()

    let request = try #require(peer.requests.first)
    #expect(request.header("Authorization") == "Bearer \(Self.canary)")
    #expect(
      request.target
        == "/x?a=canary-5f1d%229%26e&b=%3C\(Hex.encode(Array(Self.canary.utf8)))%3E")
    #expect(outcome.secrets == ["key@1"])
    let text = try #require(outcome.value).canonicalString()
    #expect(text.contains("[redacted]"))
    for form in [
      "canary", Hex.encode(Array(Self.canary.utf8)), "5f1d", Base64.encode(Array("user:\(Self.canary)".utf8)),
    ] { #expect(!text.contains(form), "\(form)") }
  }

  @Test func otherHostsDoNotGetThem() async throws {
    let peer = try Self.echo()
    let box = try CallBox()
    try box.put("key", Self.canary, hosts: ["api.example.com"])
    let settings: JSON = ["egress": [.string(peer.address)]]
    let outcome = try await box.look(
      "HTTP.get", ["url": .string(peer.url), "headers": ["A": "{{keychain:key}}"]], settings)
    #expect(outcome.error?.code == "not_granted" && outcome.secrets.isEmpty)
    let missing = try await box.look(
      "HTTP.get", ["url": .string(peer.url + "/?a={{keychain:none}}")], settings)
    #expect(missing.error?.code == "no_secret")
    #expect(peer.requests.isEmpty)
  }

  @Test func aChangeIsProposedWithPlaceholdersAndSentWithValues() async throws {
    let peer = try Self.echo()
    let box = try CallBox()
    try box.put("key", Self.canary, hosts: ["http://\(peer.address)"])
    let (type, params, plan) = try box.change(
      "HTTP.send",
      [
        "method": "POST", "url": .string(peer.url + "/pay?k={{keychain:key}}"),
        "headers": ["Authorization": "Bearer {{keychain:key}}"],
        "body": ["amount": 5, "token": "{{keychain:key}}"], "idempotent": true,
      ])
    #expect(type == "http.request" && plan.secrets == ["key"])
    #expect(params["community"] == "acme" && params["idempotent"] == true)
    #expect(params["body"] == ["amount": 5, "token": "{{keychain:key}}"])

    let executor = HTTPRequestExecutor(
      client: box.services.client, keychain: box.services.keychain, salt: box.services.salt)
    try executor.validate(params: .object(params))
    let order = try box.order(type, params, ["egress": [.string(peer.address)]])
    guard case .executed(let result, let opening) = await executor.execute(order) else {
      throw CallBox.Unexpected()
    }
    let request = try #require(peer.requests.first)
    #expect(request.target == "/pay?k=canary-5f1d%229%26e")
    #expect(request.header("Idempotency-Key") == order.proposal.hex)
    #expect(request.header("Content-Type") == "application/json")
    // In JSON the value is a string's value: its quotation mark cannot end the string.
    #expect(request.text == #"{"amount":5,"token":"canary-5f1d\"9&e"}"#)
    #expect(result["secrets"] == ["key@1"] && result["status"] == 200)
    let value = try #require(opening?.value)
    #expect(value["status"] == 200 && value["headers"]?["x-back"] == "Bearer [redacted]")
    #expect(!value.canonicalString().contains("canary") && !JSON.object(result).canonicalString().contains("canary"))
  }

  @Test func aChangeWithoutItsSecretLeavesNothing() async throws {
    let peer = try Self.echo()
    let box = try CallBox()
    try box.put("key", Self.canary, hosts: ["api.example.com"])
    let (type, params, _) = try box.change(
      "HTTP.send", ["method": "POST", "url": .string(peer.url), "body": "{{keychain:key}}"])
    let order = try box.order(type, params, ["egress": [.string(peer.address)]])
    let executor = HTTPRequestExecutor(
      client: box.services.client, keychain: box.services.keychain, salt: box.services.salt)
    guard case .failed(let result, nil) = await executor.execute(order) else { throw CallBox.Unexpected() }
    #expect(result["reason"]?.string?.contains("not bound to") == true)
    #expect(peer.requests.isEmpty)
  }

  @Test func withoutACommunityTextIsTextAndUrlsAreStrict() throws {
    let box = try CallBox()
    let executor = HTTPRequestExecutor(client: box.services.client, salt: box.services.salt)
    #expect(throws: FieldError.self) {
      try executor.validate(params: ["method": "GET", "url": "https://e.example/?a={{keychain:k}}"])
    }
    try executor.validate(params: ["method": "GET", "url": "https://e.example/?a={{keychain:k}}", "community": "acme"])
    #expect(throws: FieldError.self) {
      try executor.validate(params: ["method": "GET", "url": "https://e.example/", "community": "A B"])
    }
  }

  @Test func jsonWithFractionsIsSentAsItsText() throws {
    let (_, params, _) = try CallBox().change(
      "HTTP.send", ["method": "POST", "url": "https://e.example", "body": ["x": .double(1.5)]])
    #expect(params["body"] == #"{"x":1.5}"# && params["headers"] == ["Content-Type": "application/json"])
  }
}
