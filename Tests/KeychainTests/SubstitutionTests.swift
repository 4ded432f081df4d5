import CanonicalJSON
import Cryptography
import Keychain
import Testing

@Suite struct SubstitutionTests {
  private let test: TestKeychain
  private let host = "api.example.com"

  init() throws {
    test = try TestKeychain()
    try test.put("token", "s3cr3t/v?lue")
    try test.put("jefe", "Jefe-Jefe")
    try test.put("wallet", "0x00112233", kind: .key)
    try test.put("nested", "{{keychain:token}}")
    try test.put("half", "{{keychain:")
  }

  @Test func placeholdersBecomeValues() throws {
    let resolver = test.resolver()
    let text = try resolver.substitute("a {{keychain:token}} b {{keychain:jefe}}{{keychain:token}}", for: host)
    #expect(text.text == "a s3cr3t/v?lue b Jefe-Jefes3cr3t/v?lue")
    #expect(text.used == ["token@1", "jefe@1"])
    #expect(resolver.used == ["token@1", "jefe@1"])
    #expect(try resolver.substitute("{{keychain}} {{ keychain:token }} {{x}} }}", for: host).used.isEmpty)
  }

  @Test func filters() throws {
    func filtered(_ filter: String, of name: String = "token") throws -> String {
      try test.resolver().substitute("{{keychain:\(name)|\(filter)}}", for: host).text
    }
    #expect(try filtered("base64") == "czNjcjN0L3Y/bHVl")
    #expect(try filtered("base64url") == "czNjcjN0L3Y_bHVl")
    #expect(try filtered("hex") == "7333637233742f763f6c7565")
    // Against OpenSSL: printf 'what do ya want for nothing?' | openssl dgst -sha256 -hmac Jefe-Jefe
    let code = HMACSHA256.authenticationCode(
      for: Array("what do ya want for nothing?".utf8), key: SecretBytes(copying: "Jefe-Jefe".utf8))
    #expect(try filtered("hmac_sha256:what do ya want for nothing?", of: "jefe") == Hex.encode(code))
    #expect(
      try filtered("hmac_sha256:what%20do%20ya%20want%20for%20nothing%3F|hex", of: "jefe") == Hex.encode(code))
    #expect(
      try filtered("hmac_sha256:what do ya want for nothing?|base64", of: "jefe") == Base64.encode(code))
    let json = HMACSHA256.authenticationCode(
      for: Array("{\"a\":{}}|".utf8), key: SecretBytes(copying: "Jefe-Jefe".utf8))
    #expect(try filtered("hmac_sha256:%7B\"a\":%7b%7D%7D%7C", of: "jefe") == Hex.encode(json))
  }

  @Test(arguments: [
    "{{keychain:token", "{{keychain:}}", "{{keychain:Token}}", "{{keychain: token}}", "{{keychain:token }}",
    "{{keychain:token|}}", "{{keychain:token|base64|hex}}", "{{keychain:token|base64|}}",
    "{{keychain:token|hmac_sha256:}}", "{{keychain:token|hmac_sha256:a|hex|hex}}", "{{keychain:token|hmac_sha256:a{b}}",
    "{{keychain:token|hmac_sha256:a%2}}", "{{keychain:token|hmac_sha256:\u{E4}}}", "{{keychain:{{keychain:token}}}}",
    "{{keychain:token}} {{keychain:", "{{keychain:token|hmac_sha256}}", "{{keychain:token|BASE64}}",
    "{{keychain:token|reverse}}", "{{keychain:token|hmac_sha256:a|reverse}}", "{{keychain:to\tken}}",
  ])
  func whatIsNoPlaceholderIsRefused(_ text: String) throws {
    let resolver = test.resolver()
    do {
      _ = try resolver.substitute("x" + text, for: host)
      Issue.record("\(text) was accepted")
    } catch {
      switch error {
      case .malformedPlaceholder, .unknownFilter: break
      default: Issue.record("\(error)")
      }
      #expect(!"\(error)".contains("s3cr3t"))
      #expect("\(error)".contains("{{keychain:"))
    }
    #expect(resolver.used.isEmpty)
  }

  @Test func aValueIsNotLookedAtAgain() throws {
    #expect(try test.resolver().substitute("{{keychain:nested}}", for: host).text == "{{keychain:token}}")
    // Nor together with what follows it.
    #expect(try test.resolver().substitute("{{keychain:half}}token}}", for: host).text == "{{keychain:token}}")
  }

  @Test func failuresNameThePlaceholderAndNoValue() throws {
    let resolver = test.resolver()
    #expect(throws: SecretFailure.unknown(name: "absent")) {
      try resolver.substitute("{{keychain:token}} {{keychain:absent}}", for: host)
    }
    #expect(throws: SecretFailure.isKey(name: "wallet")) {
      try resolver.substitute("{{keychain:wallet|hex}}", for: host)
    }
    #expect(throws: SecretFailure.unboundHost(name: "token", host: "evil.example")) {
      try resolver.substitute("{{keychain:token|hmac_sha256:x}}", for: "evil.example")
    }
    #expect(throws: SecretFailure.unboundHost(name: "wallet", host: "evil.example")) {
      try resolver.value("wallet", for: "evil.example")
    }
    #expect(resolver.used.isEmpty)
    #expect(try resolver.value("wallet", for: host).isEqual(to: SecretBytes(copying: "0x00112233".utf8)))
    #expect(resolver.used == ["wallet@1"])
  }

  @Test func onePlaceholderTooManyIsRefused() throws {
    let most = String(repeating: "{{keychain:token}}", count: 64)
    #expect(try test.resolver().substitute(most, for: host).text.utf8.count == 64 * 12)
    #expect(throws: SecretFailure.tooManyPlaceholders(limit: 64)) {
      try test.resolver().substitute(most + "{{keychain:token}}", for: host)
    }
    #expect(throws: SecretFailure.tooLong(limit: SecretResolver.maxTextBytes)) {
      try test.resolver().substitute(String(repeating: "x", count: SecretResolver.maxTextBytes + 1), for: host)
    }
  }

  @Test func documents() throws {
    let json: JSON = [
      "a": ["{{keychain:token|hex}}", 1, true, nil], "b": ["c": "x{{keychain:jefe}}"],
      "{{keychain:token}}": "{{keychain:bad name}} {{keychain:zero}}",
    ]
    #expect(SecretResolver.names(in: json) == ["jefe", "token", "zero"])
    #expect(test.resolver().names(in: json) == ["jefe", "token", "zero"])
    #expect(throws: SecretFailure.self) { try test.resolver().substitute(json, for: host) }
    var members = try #require(json.object)
    members["{{keychain:token}}"] = nil
    let filled = try test.resolver().substitute(.object(members), for: host)
    #expect(filled.json == ["a": ["7333637233742f763f6c7565", 1, true, nil], "b": ["c": "xJefe-Jefe"]])
    #expect(Set(filled.used) == ["token@1", "jefe@1"])
  }

  @Test func aCallKeepsTheVersionThatItBeganWith() throws {
    let resolver = test.resolver()
    #expect(try resolver.substitute("{{keychain:token}}", for: host).used == ["token@1"])
    try test.put("token", "a newer value")
    #expect(try resolver.substitute("{{keychain:token}}", for: host).text == "s3cr3t/v?lue")
    #expect(try test.value("token") == "a newer value")
  }

  @Test(arguments: [
    ("api.example.com", "api.example.com", true), ("api.example.com", "api.example.com:443", true),
    ("api.example.com:443", "api.example.com", true), ("api.example.com:8443", "api.example.com:8443", true),
    ("api.example.com", "api.example.com:8443", false), ("api.example.com:8443", "api.example.com", false),
    ("api.example.com", "http://api.example.com", false), ("http://api.example.com", "api.example.com", false),
    ("http://api.example.com", "http://api.example.com", true),
    ("http://api.example.com", "http://api.example.com:80", true),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080", true), ("127.0.0.1:8080", "http://127.0.0.1:8080", false),
    ("*.example.com", "a.example.com", true), ("*.example.com", "a.b.example.com", true),
    ("*.example.com", "example.com", false), ("*.example.com", "evilexample.com", false),
    ("*.example.com", "a.example.com.evil.com", false), ("*.example.com", "a.example.com:8443", false),
    ("*.example.com:8443", "a.example.com:8443", true), ("api.example.com", "API.example.com", false),
    ("api.example.com", "api.example.com.", false), ("api.example.com", "api.example.com/", false),
    ("api.example.com", "x@api.example.com", false), ("api.example.com", "api.example.com#", false),
    ("api.example.com", "", false), ("[::1]:8443", "[::1]:8443", true), ("[::1]", "[::1]", true),
    ("api.example.com", "evil.example/api.example.com", false), ("api.example.com", "https://api.example.com", false),
  ])
  func hostsAreBound(_ bound: String, _ destination: String, _ isCovered: Bool) throws {
    try test.put("bound", "value of bound", hosts: ["elsewhere.example.org", bound])
    let substitution = try? test.resolver().substitute("{{keychain:bound}}", for: destination)
    #expect((substitution?.text == "value of bound") == isCovered)
  }

  @Test(arguments: ["*", "*.com", "a.*.com", "*a.com", "https://a.b", "a.b:0", "a.b:x", "a b", "a.b/", "http://"])
  func thisIsNoHost(_ host: String) throws {
    #expect(throws: SecretFailure.self) { try test.put("bound", "value of bound", hosts: [host]) }
  }
}
