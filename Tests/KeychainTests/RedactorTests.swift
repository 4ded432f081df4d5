import CanonicalJSON
import Cryptography
import Testing

@testable import Keychain

@Suite struct RedactorTests {
  private func redactor(_ values: String...) -> Redactor {
    Redactor(secrets: values.map { SecretBytes(copying: $0.utf8) })
  }

  /// Ways of writing a text down, each beside others.
  private static func writings(_ value: String) -> [String] {
    let bytes = Array(value.utf8)
    func percent(_ keeps: (UInt8) -> Bool, _ isUpper: Bool) -> String {
      bytes.map { byte in
        let hex = Hex.encode([byte])
        return keeps(byte) ? String(UnicodeScalar(byte)) : "%" + (isUpper ? hex.uppercased() : hex)
      }.joined()
    }
    func isLetter(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) }
    var writings = [
      value, Hex.encode(bytes), Hex.encode(bytes).uppercased(), Base64.encode(bytes), Base64.encodeURL(bytes),
      percent(isLetter, true), percent(isLetter, false), percent({ _ in false }, true),
      percent({ isLetter($0) || $0 == 0x20 }, true).replacing(" ", with: "+"),
      JSON.string(value).canonicalString(),
      value.unicodeScalars.flatMap { Array(String($0).utf16) }.map { unit in
        "\\u" + String(String(0x10000 + Int(unit), radix: 16).dropFirst())
      }.joined(),
      value.replacing("\\", with: "\\\\").replacing("/", with: "\\/").replacing("\"", with: "\\\""),
      Base64.encode(bytes).replacing("=", with: "%3D"),
      Base64.encode(bytes).replacing("/", with: "\\/"),
    ]
    for prefix in ["u:", "us:", "usr:"] {
      for suffix in ["", "z", "zz", "zzz"] {
        writings.append(Base64.encode(Array((prefix + value + suffix).utf8)))
        writings.append(Base64.encodeURL(Array((prefix + value + suffix).utf8)))
      }
    }
    return writings
  }

  private static let values = [
    "s3cr3t-canary-value", "12345678", "a/b+c?d&e=f g%h", "tab\tquote\"back\\slash/\u{E4}\u{1F511}!", "aaaaaaaa",
    "abababab", "\u{FB}\u{FF}\u{FE}\u{FB}\u{FF}",
  ]

  /// What of a value must be gone: no run of its bytes that would still serve.
  private func leaks(_ value: String, in output: String) -> Bool {
    let bytes = Array(value.utf8)
    let core = String(Base64.encode(bytes).dropLast(4))
    return output.contains(value) || output.lowercased().contains(Hex.encode(bytes))
      || (core.count >= 8 && output.contains(core))
  }

  @Test(arguments: values) func everyWritingIsFound(_ value: String) {
    let redactor = redactor(value)
    for writing in Self.writings(value) {
      for (before, after) in [("", ""), ("<", ">"), ("before \n", "\n after"), ("\\\\", "\\"), ("%", "%4")] {
        let output = redactor.redact(before + writing + after)
        #expect(output.contains(Redactor.marker), "\(before)\(writing)\(after)")
        #expect(output.hasPrefix(before) && output.hasSuffix(after), "\(output)")
        #expect(!leaks(value, in: output), "\(writing) gave \(output)")
        // Nothing but the edges of base64 among other bytes stays.
        #expect(output.utf8.count <= before.utf8.count + after.utf8.count + Redactor.marker.utf8.count + 14)
      }
    }
  }

  @Test(arguments: values) func howeverItIsSplit(_ value: String) {
    let redactor = redactor(value)
    for writing in Self.writings(value) {
      let bytes = Array("be\\fore%4\(writing)\\u00afte\(writing)\(writing)".utf8)
      let whole = redactor.redact(bytes)
      for size in [1, 2, 3, 5, 8, 13] {
        var stream = redactor.stream()
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
          output += stream.feed(bytes[start..<min(start + size, bytes.count)])
        }
        output += stream.finish()
        #expect(!leaks(value, in: String(decoding: output, as: UTF8.self)))
        #expect(output == whole, "\(size): \(String(decoding: output, as: UTF8.self))")
      }
      for cut in stride(from: 1, to: bytes.count, by: 5) {
        var stream = redactor.stream()
        let output = stream.feed(bytes[..<cut]) + stream.feed(bytes[cut...]) + stream.finish()
        #expect(output == whole)
      }
    }
  }

  @Test func innocentTextPassesAtOnce() {
    let redactor = redactor("s3cr3t-canary-value")
    var stream = redactor.stream()
    #expect(stream.feed(Array("an innocent text, 100 % of it\n".utf8)) == Array("an innocent text, 100 % of it\n".utf8))
    #expect(stream.feed(Array("a s3cr".utf8)) == Array("a ".utf8))
    #expect(stream.feed(Array("et".utf8)) == Array("s3cret".utf8))
    #expect(stream.feed(Array("s3cr3t-canary-valu".utf8)).isEmpty)
    #expect(stream.feed(Array("e".utf8)).isEmpty)
    #expect(stream.feed(Array(" and on".utf8)) == Array("[redacted] and on".utf8))
    #expect(stream.finish().isEmpty)
    #expect(Redactor(secrets: []).isEmpty)
    #expect(Redactor(secrets: []).redact("anything") == "anything")
  }

  @Test func randomStreamsAgreeWithAPlainSearch() {
    var random = SystemRandomNumberGenerator()
    let secrets = ["abcabcab", "cabcabca", "bcabcabcabca", "aabbaabb"]
    let redactor = Redactor(secrets: secrets.map { SecretBytes(copying: $0.utf8) })
    for _ in 0..<400 {
      let text = (0..<200).map { _ in ["a", "b", "c", "abc", "%61", "\\u0062"].randomElement(using: &random) ?? "" }
        .joined()
      var stream = redactor.stream()
      var output: [UInt8] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...9, using: &random)
        output += stream.feed(rest.prefix(count))
        rest = rest.dropFirst(count)
      }
      output += stream.finish()
      #expect(output == redactor.redact(Array(text.utf8)))
      let decoded = String(decoding: output, as: UTF8.self)
      for secret in secrets {
        #expect(!decoded.contains(secret))
        #expect(!decoded.replacing("%61", with: "a").contains(secret))
        #expect(!decoded.replacing("\\u0062", with: "b").contains(secret))
      }
      // What has none in any reading comes through as it was.
      let readings = [text, text.replacing("%61", with: "a"), text.replacing("\\u0062", with: "b")]
      if !readings.contains(where: { reading in secrets.contains { reading.contains($0) } }) {
        #expect(decoded == text)
      }
    }
  }

  @Test func theLargestSecretInASlowStream() {
    let value = (0..<8192).map { String(UInt64($0) &* 0x9E37_79B9_7F4A_7C15, radix: 36) }.joined().prefix(65_536)
    let redactor = redactor(String(value))
    let bytes = Array("begin \(value) end \(Hex.encode(Array(value.utf8))) end".utf8)
    var stream = redactor.stream()
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 100) {
      output += stream.feed(bytes[start..<min(start + 100, bytes.count)])
    }
    output += stream.finish()
    #expect(String(decoding: output, as: UTF8.self) == "begin [redacted] end [redacted] end")
  }

  @Test func documents() {
    let redactor = redactor("s3cr3t-canary", "12345678")
    let json: JSON = [
      "echo": "Bearer s3cr3t-canary", "list": [["deep": "czNjcjN0LWNhbmFyeQ=="], 12_345_678, 7, true, nil],
      "name s3cr3t-canary": 1,
    ]
    #expect(
      redactor.redact(json) == [
        "echo": "Bearer [redacted]", "list": [["deep": "[redacted]"], "[redacted]", 7, true, nil],
        "name [redacted]": 1,
      ])
  }

  @Test func whatTheFiltersMadeIsFoundToo() throws {
    let test = try TestKeychain()
    try test.put("token", "s3cr3t-canary-value")
    try test.put("unused", "another-canary-value")
    let resolver = test.resolver()
    let code = try resolver.substitute("{{keychain:token|hmac_sha256:payload}}", for: "api.example.com").text
    let other = try resolver.substitute("{{keychain:token|base64}}", for: "api.example.com").text
    let redactor = Redactor(resolver)
    for text in [code, other, Base64.encode(Array(other.utf8)), Hex.encode(Array(code.utf8)), "s3cr3t-canary-value"] {
      #expect(redactor.redact("<\(text)>") == "<[redacted]>")
    }
    #expect(redactor.redact("another-canary-value") == "another-canary-value")
    #expect(Redactor(resolver, used: ["token@2"]).isEmpty)
    _ = try resolver.value("unused", for: "api.example.com")
    #expect(Redactor(resolver, used: ["unused@1"]).redact("another-canary-value") == "[redacted]")
  }
}
