import Cryptography
import Keychain
import TestSupport

/// A keychain in a directory of its own.
struct TestKeychain {
  let directory: TemporaryDirectory
  let master: SecretBytes
  let keychain: Keychain

  init() throws {
    directory = try TemporaryDirectory()
    master = .random(count: 32)
    keychain = try Keychain(path: directory.file("keychain"), master: master)
  }

  private init(_ other: TestKeychain, master: SecretBytes) throws {
    directory = other.directory
    self.master = master
    keychain = try Keychain(path: directory.file("keychain"), master: master)
  }

  /// The same directory, opened again.
  func reopened(master: SecretBytes? = nil) throws -> TestKeychain {
    keychain.close()
    return try TestKeychain(self, master: master ?? self.master)
  }

  @discardableResult
  func put(
    _ name: String, _ value: String, hosts: [String] = ["api.example.com"], kind: SecretKind = .text,
    community: String = "acme", at: Int64 = 1000, proposal: SHA256Digest? = nil
  ) throws -> Int64 {
    try keychain.put(
      community: community, name: name, value: SecretBytes(copying: value.utf8), hosts: hosts, kind: kind, at: at,
      proposal: proposal)
  }

  func resolver(_ community: String = "acme") -> SecretResolver { keychain.resolver(community: community) }

  /// The value as a placeholder gives it.
  func value(_ name: String, community: String = "acme") throws -> String {
    try resolver(community).substitute("{{keychain:\(name)}}", for: "api.example.com").text
  }
}
