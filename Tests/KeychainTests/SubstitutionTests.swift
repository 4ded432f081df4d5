import CanonicalJSON
import Cryptography
import Keychain
import TestSupport
import Testing

@Suite struct SubstitutionTests {
  @Test func smoke() throws {
    let directory = try TemporaryDirectory()
    let keychain = try Keychain(path: directory.path + "/keychain", master: .random(count: 32))
    #expect(
      try keychain.put(
        community: "acme", name: "token", value: SecretBytes(copying: "s3cr3t-value".utf8), hosts: ["api.example.com"],
        kind: .text, at: 1) == 1)
    let resolver = keychain.resolver(community: "acme")
    let text = try resolver.substitute("Bearer {{keychain:token}}", for: "api.example.com")
    #expect(text.text == "Bearer s3cr3t-value")
    #expect(text.used == ["token@1"])
    #expect(Redactor(resolver).redact("you sent s3cr3t-value!") == "you sent [redacted]!")
  }
}
