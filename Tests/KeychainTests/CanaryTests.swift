import CanonicalJSON
import Cryptography
import Foundation
import Keychain
import TestSupport
import Testing

/// Drives the keychain with values that occur nowhere else and looks for them everywhere.
@Suite struct CanaryTests {
  /// Every way in which the canary could stand in a file.
  private static func writings(_ canary: String) -> [[UInt8]] {
    let bytes = Array(canary.utf8)
    let texts =
      [canary, Hex.encode(bytes), Hex.encode(bytes).uppercased(), String(canary.reversed())]
      + (0..<3).flatMap { offset in
        // The characters in the middle are the same whatever stands around the bytes.
        let padded = [UInt8](repeating: 0, count: offset) + bytes
        return [Base64.encode(padded), Base64.encodeURL(padded)].map { String($0.dropFirst(4).dropLast(4)) }
      }
    return texts.map { Array($0.utf8) } + [Array(canary.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })]
  }

  private static func scan(_ directory: TemporaryDirectory, for canaries: [String]) throws -> Int {
    let files = FileManager.default.enumerator(atPath: directory.path)?.compactMap { $0 as? String } ?? []
    var scanned = 0
    for file in files {
      guard let data = FileManager.default.contents(atPath: directory.file(file)), !data.isEmpty else { continue }
      scanned += 1
      for canary in canaries {
        for writing in writings(canary) {
          #expect(data.range(of: Data(writing)) == nil, "\(canary) is in \(file)")
        }
      }
    }
    return scanned
  }

  @Test func noValueIsInAnyFileOrDescription() throws {
    var test = try TestKeychain()
    let canaries = (0..<6).map { "canary-\($0)-" + Hex.encode(SecureRandom.bytes(12)) }
    let placeholder = "{{keychain:token}} {{keychain:token|hmac_sha256:p}} {{keychain:token|base64}}"
    var descriptions: [String] = []

    func note(_ values: Any...) {
      for value in values {
        var text = "\(value) \(String(reflecting: value))"
        dump(value, to: &text)
        descriptions.append(text)
      }
    }
    try test.put("token", canaries[0])
    try test.put("token", canaries[1])
    try test.put("key", canaries[2], kind: .key)
    try test.put("gone", canaries[3])
    try test.put("long", String(repeating: canaries[4], count: 1000))
    #expect(try Self.scan(test.directory, for: canaries) >= 1)
    try test.keychain.remove(community: "acme", name: "gone")
    let resolver = test.resolver()
    let substitution = try resolver.substitute(placeholder, for: "api.example.com")
    let json = try resolver.substitute(["a": .string(placeholder)], for: "api.example.com")
    let key = try resolver.value("key", for: "api.example.com")
    let redactor = Redactor(resolver)
    #expect(substitution.text.contains(canaries[1]))
    note(test.keychain, resolver, substitution, json, key, redactor, try test.keychain.list(community: "acme"))
    for text in ["{{keychain:key}}", "{{keychain:token|x}}", "{{keychain:token", "{{keychain:gone}}"] {
      #expect { try resolver.substitute(text, for: "api.example.com") } throws: { error in
        note(error)
        return true
      }
    }
    #expect { try resolver.substitute(placeholder, for: "evil.example") } throws: { error in
      note(error)
      return true
    }
    #expect { try test.put("token", canaries[5], hosts: ["*"]) } throws: { error in
      note(error)
      return true
    }
    let answer: JSON = ["echo": .string("\(substitution.text) \(canaries[2])")]
    note(redactor.redact(answer), redactor.redact(answer.canonicalString()))
    test = try test.reopened()
    #expect(try test.value("token") == canaries[1])
    #expect(try Self.scan(test.directory, for: canaries) >= 1)
    for description in descriptions {
      for canary in canaries {
        for writing in Self.writings(canary) {
          #expect(!description.utf8.contains(writing), "\(description)")
        }
      }
    }
  }
}

extension String.UTF8View {
  fileprivate func contains(_ bytes: [UInt8]) -> Bool { Data(self).range(of: Data(bytes)) != nil }
}
