import Cryptography
import Foundation
import Governance
import Storage
import TestSupport
import Testing

@testable import Keychain

/// Keys of communities below one root: rotated without loss, erased for good.
@Suite struct CommunityKeysTests {
  private final class World {
    let directory: TemporaryDirectory
    let root: SecretBytes
    var keys: CommunityKeys
    var keychain: Keychain

    init() throws {
      directory = try TemporaryDirectory()
      root = .random(count: 32)
      keys = try CommunityKeys(path: directory.file("keys"), root: root)
      keychain = try Keychain(path: directory.file("keychain"), master: root, communities: keys)
    }

    func reopen() throws {
      keychain.close()
      keys.close()
      keys = try CommunityKeys(path: directory.file("keys"), root: root)
      keychain = try Keychain(path: directory.file("keychain"), master: root, communities: keys)
    }

    func put(_ name: String, _ value: String, community: String = "acme") throws {
      try keychain.put(
        community: community, name: name, value: SecretBytes(copying: value.utf8), hosts: ["api.example.com"],
        kind: .text, at: 1)
    }

    func value(_ name: String, community: String = "acme") throws -> String {
      try keychain.open(community: community, name: name).value.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    func salt(_ holder: KeyHolder, _ generation: Int64) throws -> [UInt8] {
      let connection = try SQLiteConnection(path: directory.file("keys/community-keys.sqlite"), access: .readWrite)
      return try #require(
        try connection.statement("SELECT salt FROM salts WHERE holder = ? AND generation = ?")
          .first(.text(holder.description), .integer(generation)) { try $0.blob(0) })
    }

    /// Whether the bytes stand in any file.
    func isOnDisk(_ bytes: [UInt8]) throws -> Bool {
      let needle = Data(bytes)
      let names = try FileManager.default.subpathsOfDirectory(atPath: directory.path)
      return try names.contains { name in
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: directory.file(name), isDirectory: &isDirectory)
        guard !isDirectory.boolValue else { return false }
        return try Data(contentsOf: URL(fileURLWithPath: directory.file(name))).range(of: needle) != nil
      }
    }
  }

  private static func proposal(_ text: String) -> SHA256Digest { SHA256.hash(utf8: text) }
  private static func bytes(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { Array($0) } }

  @Test func keysOfHoldersPurposesAndGenerationsHaveNothingInCommon() throws {
    let world = try World()
    var seen: Set<[UInt8]> = []
    for holder in [KeyHolder.community("acme"), .tenant("acme"), .community("other")] {
      let generation = try world.keys.current(holder)
      #expect(generation == 1)
      for purpose in ["keychain", "blobs"] {
        let key = try world.keys.key(holder, generation: generation, purpose: purpose)
        #expect(seen.insert(Self.bytes(key)).inserted)
        #expect(try world.keys.key(holder, generation: generation, purpose: purpose).isEqual(to: key))
      }
    }
    // Another root gives other keys below the same salts.
    world.keys.close()
    world.keychain.close()
    let other = try CommunityKeys(path: world.directory.file("keys"), root: .random(count: 32))
    #expect(
      !seen.contains(Self.bytes(try other.key(.community("acme"), generation: 1, purpose: "keychain"))))
    #expect(throws: CommunityKeys.Failure.noGeneration(.community("acme"), 2)) {
      try other.key(.community("acme"), generation: 2, purpose: "keychain")
    }
    #expect(throws: CommunityKeys.Failure.invalidPurpose("a/b")) {
      try other.key(.community("acme"), generation: 1, purpose: "a/b")
    }
  }

  @Test func aRotationSealsEverythingAgainAndDestroysTheSaltBefore() throws {
    let world = try World()
    let holder = KeyHolder.community("acme")
    try world.put("token", "the first value")
    try world.put("token", "of another community", community: "other")
    let old = try world.salt(holder, 1)
    let kept = try world.salt(.community("other"), 1)
    #expect(try world.isOnDisk(old))
    let generation = try world.keys.rotate(holder, proposal: Self.proposal("a")) {
      try world.keychain.reseal(holder, generation: $0)
    }
    #expect(generation == 2)
    #expect(try world.value("token") == "the first value")
    #expect(try !world.isOnDisk(old))
    #expect(try world.isOnDisk(kept))
    try world.reopen()
    #expect(try world.value("token") == "the first value")
    #expect(try world.value("token", community: "other") == "of another community")
    // The same proposal again is the same rotation.
    #expect(
      try world.keys.rotate(holder, proposal: Self.proposal("a")) { _ in Issue.record("sealed again") } == 2)
    #expect(
      try world.keys.rotate(holder, proposal: Self.proposal("b")) {
        try world.keychain.reseal(holder, generation: $0)
      } == 3)
    #expect(try world.value("token") == "the first value")
  }

  @Test func aRotationThatWasCutOffGoesOnWhereItWas() throws {
    struct PowerFailure: Error {}
    let world = try World()
    let holder = KeyHolder.community("acme")
    try world.put("first", "value number one")
    try world.put("second", "value number two")
    #expect(throws: PowerFailure.self) {
      try world.keys.rotate(holder, proposal: Self.proposal("a")) { generation in
        try world.keychain.reseal(holder, generation: generation)
        throw PowerFailure()
      }
    }
    try world.reopen()
    // Both generations open, so nothing is lost; what is put now is of the new one.
    try world.put("third", "value number three")
    #expect(try world.value("first") == "value number one")
    #expect(
      try world.keys.rotate(holder, proposal: Self.proposal("a")) {
        try world.keychain.reseal(holder, generation: $0)
      } == 2)
    #expect(throws: CommunityKeys.Failure.noGeneration(holder, 1)) {
      try world.keys.key(holder, generation: 1, purpose: "keychain")
    }
    for (name, value) in [("first", "one"), ("second", "two"), ("third", "three")] {
      #expect(try world.value(name) == "value number \(value)")
    }
  }

  /// Crypto-erasure: with every file that is left, the released root key and the ciphertext from before, nothing opens.
  @Test func whatWasErasedDoesNotOpenWithAllThatIsLeft() throws {
    let world = try World()
    let holder = KeyHolder.community("acme")
    try world.put("token", "a value that is erased")
    let salt = try world.salt(holder, 1)
    world.keychain.close()
    // Somebody kept the sealed values, not the salts.
    let copy = world.directory.file("copy")
    try FileManager.default.copyItem(atPath: world.directory.file("keychain"), toPath: copy)
    #expect(try world.keys.erase(holder, proposal: Self.proposal("a")) == 1)
    #expect(try !world.isOnDisk(salt))
    let rest = try Keychain(path: copy, master: world.root, communities: world.keys)
    #expect(throws: SecretFailure.self) { try rest.open(community: "acme", name: "token") }
    // Neither with a generation that is made now, nor without generations.
    #expect(try world.keys.current(holder) == 2)
    #expect(throws: SecretFailure.self) { try rest.open(community: "acme", name: "token") }
    rest.close()
    let connection = try SQLiteConnection(path: "\(copy)/keychain.sqlite", access: .readWrite)
    for generation: Int64 in [0, 2] {
      try connection.statement("UPDATE secrets SET generation = ?").run(.integer(generation))
      let tried = try Keychain(path: copy, master: world.root, communities: world.keys)
      #expect(throws: SecretFailure.doesNotOpen(reference: "token@1")) {
        try tried.open(community: "acme", name: "token")
      }
      tried.close()
    }
    // Erasing again for the same proposal must not take what was made since.
    #expect(try world.keys.erase(holder, proposal: Self.proposal("a")) == 0)
    _ = try world.keys.key(holder, generation: 2, purpose: "keychain")
    // And with the salt it would open: that is what was destroyed.
    try SQLiteConnection(path: world.directory.file("keys/community-keys.sqlite"), access: .readWrite)
      .statement("INSERT INTO salts(holder, generation, salt) VALUES (?, 1, ?)")
      .run(.text(holder.description), .blob(salt))
    try connection.statement("UPDATE secrets SET generation = 1").run()
    let with = try Keychain(path: copy, master: world.root, communities: world.keys)
    #expect(try with.open(community: "acme", name: "token").info.version == 1)
  }

  @Test func aKeychainFromBeforeReadsOnAndIsTakenOverByARotation() throws {
    let directory = try TemporaryDirectory()
    let root = SecretBytes.random(count: 32)
    let before = try Keychain(path: directory.file("keychain"), master: root)
    try before.put(
      community: "acme", name: "token", value: SecretBytes(copying: "an older value".utf8), hosts: ["a.example.com"],
      kind: .text, at: 1)
    before.close()
    let file = try SQLiteConnection(path: directory.file("keychain/keychain.sqlite"), access: .readWrite)
    try file.execute("ALTER TABLE secrets DROP COLUMN generation")
    try file.execute("PRAGMA user_version = 1")
    let keys = try CommunityKeys(path: directory.file("keys"), root: root)
    let keychain = try Keychain(path: directory.file("keychain"), master: root, communities: keys)
    #expect(try keychain.open(community: "acme", name: "token").value.count == 14)
    try keys.rotate(.community("acme"), proposal: Self.proposal("a")) {
      try keychain.reseal(.community("acme"), generation: $0)
    }
    #expect(try keychain.open(community: "acme", name: "token").value.count == 14)
    try keys.erase(.community("acme"), proposal: Self.proposal("b"))
    #expect(throws: SecretFailure.self) { try keychain.open(community: "acme", name: "token") }
  }
}
