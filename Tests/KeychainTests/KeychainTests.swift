import Cryptography
import Keychain
import Storage
import TestSupport
import Testing

@Suite struct KeychainTests {
  @Test func aSecondPutIsTheNextVersion() throws {
    let test = try TestKeychain()
    #expect(try test.put("token", "first value", at: 10) == 1)
    #expect(try test.put("token", "second value", hosts: ["*.example.org", "h:8443"], at: 20) == 2)
    let info = try #require(try test.keychain.list(community: "acme").first)
    #expect(info.reference == "token@2")
    #expect(info.createdAt == 10 && info.rotatedAt == 20)
    #expect(info.hosts.map(\.text) == ["*.example.org", "h:8443"])
    #expect(try test.resolver().substitute("{{keychain:token}}", for: "h:8443").text == "second value")
  }

  @Test func everythingIsThereAfterItIsOpenedAgain() throws {
    let first = try TestKeychain()
    try first.put("b", "value of b")
    try first.put("a", "value of a", kind: .key)
    let second = try first.reopened()
    #expect(try second.keychain.list(community: "acme").map(\.reference) == ["a@1", "b@1"])
    #expect(try second.value("b") == "value of b")
    #expect(throws: SecretFailure.unavailable) { try first.put("c", "value of c") }
    #expect(throws: SecretFailure.unavailable) { try first.value("b") }
  }

  @Test func versionsGoOnAfterARemoval() throws {
    let test = try TestKeychain()
    try test.put("token", "first value")
    #expect(try test.keychain.remove(community: "acme", name: "token") == 1)
    #expect(try test.keychain.remove(community: "acme", name: "token") == nil)
    #expect(throws: SecretFailure.unknown(name: "token")) { try test.value("token") }
    #expect(try test.keychain.list(community: "acme").isEmpty)
    #expect(try test.put("token", "second value") == 2)
  }

  @Test func aProposalIsCarriedOutOnce() throws {
    let test = try TestKeychain()
    let (put, other, removal) = (SHA256.hash([1]), SHA256.hash([2]), SHA256.hash([3]))
    #expect(try test.put("token", "first value", proposal: put) == 1)
    #expect(try test.put("token", "second value", proposal: other) == 2)
    #expect(try test.put("token", "first value", proposal: put) == 1)
    #expect(try test.value("token") == "second value")
    #expect(try test.keychain.remove(community: "acme", name: "token", proposal: removal) == 2)
    try test.put("token", "third value")
    #expect(try test.keychain.remove(community: "acme", name: "token", proposal: removal) == 2)
    #expect(try test.value("token") == "third value")
    #expect(try test.keychain.version(of: put) == 1)
    #expect(try test.keychain.version(of: SHA256.hash([4])) == nil)
  }

  @Test func communitiesHaveNothingInCommon() throws {
    let test = try TestKeychain()
    try test.put("token", "value of acme")
    try test.put("token", "value of other", community: "other")
    #expect(try test.value("token") == "value of acme")
    #expect(try test.value("token", community: "other") == "value of other")
    #expect(throws: SecretFailure.unknown(name: "token")) { try test.value("token", community: "third") }
  }

  @Test(arguments: [
    "UPDATE secrets SET hosts = '[\"evil.example\"]' WHERE community = 'acme'",
    "UPDATE secrets SET name = 'token' , version = 1 WHERE name = 'other'",
    "UPDATE secrets SET community = 'third' WHERE community = 'acme'",
    "UPDATE secrets SET version = 7 WHERE community = 'acme'",
    "UPDATE secrets SET kind = 'text' WHERE name = 'key'",
    "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'other') WHERE name = 'token'",
  ])
  func whatWasTamperedWithDoesNotOpen(_ statement: String) throws {
    let test = try TestKeychain()
    try test.put("token", "value of token")
    try test.put("key", "value of key", kind: .key)
    try test.put("other", "value of other", community: "other-community")
    try test.put("other", "value of other")
    test.keychain.close()
    do {
      let connection = try SQLiteConnection(
        path: test.directory.file("keychain/keychain.sqlite"), access: .readWrite)
      if statement.contains("name = 'token' ,") {
        try connection.execute("DELETE FROM secrets WHERE name = 'token'")
        try connection.execute("DELETE FROM secrets WHERE community = 'other-community'")
      }
      try connection.execute(statement)
    }
    let tampered = try test.reopened()
    var refusals = 0
    for community in ["acme", "third"] {
      for name in ["token", "key"] {
        for host in ["api.example.com", "evil.example"] {
          do {
            _ = try tampered.resolver(community).value(name, for: host)
          } catch .doesNotOpen {
            refusals += 1
          } catch {}
        }
      }
    }
    #expect(refusals >= 2)
  }

  @Test func anotherMasterKeyOpensNothing() throws {
    let test = try TestKeychain()
    try test.put("token", "value of token")
    let other = try test.reopened(master: .random(count: 32))
    #expect(throws: SecretFailure.doesNotOpen(reference: "token@1")) { try other.value("token") }
  }

  @Test func aSecondProcessIsRefused() throws {
    let test = try TestKeychain()
    #expect(throws: ProcessLock.Failure.self) {
      try Keychain(path: test.directory.file("keychain"), master: test.master)
    }
  }

  @Test func limitsHold() throws {
    let test = try TestKeychain()
    #expect(throws: SecretFailure.valueTooShort(bytes: 7, minimum: 8)) { try test.put("a", "1234567") }
    #expect(throws: SecretFailure.valueTooLong(bytes: 65_537, limit: 65_536)) {
      try test.put("a", String(repeating: "x", count: 65_537))
    }
    #expect(try test.put("a", String(repeating: "x", count: 65_536)) == 1)
    #expect(throws: SecretFailure.valueIsNoText) {
      try test.keychain.put(
        community: "acme", name: "a", value: SecretBytes(copying: [UInt8](repeating: 0xFF, count: 8)), hosts: ["a.b"],
        kind: .text, at: 0)
    }
    for name in ["", "Upper", "a b", "-a", String(repeating: "a", count: 65)] {
      #expect(throws: SecretFailure.self) { try test.put(name, "a long value") }
      #expect(throws: SecretFailure.self) { try test.put("a", "a long value", community: name) }
    }
    for hosts in [[], ["a.b", "a.b"], (0...32).map { "h\($0).example.com" }, ["*.com"], ["UPPER.example"], ["a.b/c"]] {
      #expect(throws: SecretFailure.self) { try test.put("a", "a long value", hosts: hosts) }
    }
    #expect(try test.keychain.list(community: "acme").map(\.version) == [1])
  }

  @Test func aCommunityHasSoManySecretsAndNoMore() throws {
    let first = try TestKeychain()
    try first.put("s0", "a first value")
    first.keychain.close()
    try SQLiteConnection(path: first.directory.file("keychain/keychain.sqlite"), access: .readWrite).execute(
      """
      WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1023)
      INSERT INTO secrets SELECT community, 's' || i, version, kind, hosts, created, rotated, sealed, generation FROM secrets, n
      """)
    let test = try first.reopened()
    #expect(try test.keychain.list(community: "acme").count == Keychain.maxSecrets)
    #expect(throws: SecretFailure.tooManySecrets(limit: 1024)) { try test.put("one-more", "a long value") }
    #expect(try test.put("s0", "another value") == 2)
    #expect(try test.put("one-more", "a long value", community: "other") == 1)
  }
}
