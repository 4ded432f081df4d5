import CanonicalJSON
import TestSupport
import Testing

@testable import Cryptography

/// Hybrid public key encryption: the RFC's vector, another implementation, and what must not open.
@Suite struct HPKETests {
  private static func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }
  private static func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes) }
  private static func array(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { Array($0) } }

  /// RFC 9180 appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode.
  @Test func theVectorOfTheRFC() throws {
    let info = try Self.bytes("4f6465206f6e2061204772656369616e2055726e")
    let ephemeral = try X25519.PrivateKey(
      try Self.bytes("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"))
    let recipient = try X25519.PrivateKey(
      try Self.bytes("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"))
    #expect(
      ephemeral.publicKey
        == (try Self.bytes("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")))
    #expect(
      recipient.publicKey
        == (try Self.bytes("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")))
    let schedule = try HPKE.KeySchedule(
      diffieHellman: try ephemeral.sharedSecret(with: recipient.publicKey), encapsulated: ephemeral.publicKey,
      recipient: recipient.publicKey, info: info, aead: .aes128GCM)
    #expect(Self.array(schedule.key) == (try Self.bytes("4531685d41d65f03dc48f6b8302c05b0")))
    #expect(schedule.baseNonce == (try Self.bytes("56d890e5accaaf011cff4b7d")))

    let message = try Self.bytes("4265617574792069732074727574682c20747275746820626561757479")
    let aad = try Self.bytes("436f756e742d30")
    let sealed = try HPKE.seal(
      Self.secret(message), to: recipient.publicKey, info: info, aad: aad, aead: .aes128GCM, ephemeral: ephemeral)
    #expect(
      Array(sealed.dropFirst(32))
        == (try Self.bytes(
          "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a")))
    let opened = try HPKE.open(sealed, with: recipient, info: info, aad: aad, aead: .aes128GCM)
    #expect(Self.array(opened) == message)
  }

  /// AES-256-GCM, which the RFC has no vector of, against another implementation in both directions.
  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func anotherImplementationAgrees() throws {
    let (mine, theirs) = (X25519.PrivateKey.generate(), X25519.PrivateKey.generate())
    let message = SecureRandom.bytes(100)
    let info = Array("info".utf8)
    let forThem = try HPKE.seal(Self.secret(message), to: theirs.publicKey, info: info, aad: [])
    let peer = try PythonPeer(
      "hpke_peer",
      [
        "to": .string(Hex.encode(mine.publicKey)), "message": .string(Hex.encode(message)),
        "info": .string(Hex.encode(info)), "sealed": .string(Hex.encode(forThem)),
        "key": .string(Hex.encode(Self.array(theirs.secret))),
      ])
    #expect(peer.ready["opened"]?.string == Hex.encode(message))
    let forMe = try Self.bytes(try #require(peer.ready["sealed"]?.string))
    #expect(Self.array(try HPKE.open(forMe, with: mine, info: info, aad: [])) == message)
  }

  @Test func whatWasChangedOrIsForSomethingElseDoesNotOpen() throws {
    let key = X25519.PrivateKey.generate()
    let message = SecureRandom.bytes(32)
    let sealed = try HPKE.seal(Self.secret(message), to: key.publicKey, info: [1], aad: [2])
    #expect(sealed.count == message.count + HPKE.overhead)
    #expect(Self.array(try HPKE.open(sealed, with: key, info: [1], aad: [2])) == message)
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      // X25519 ignores the top bit of a coordinate; the key schedule does not.
      #expect(throws: CryptographyError.self) { try HPKE.open(changed, with: key, info: [1], aad: [2]) }
    }
    for (info, aad) in [([1], [3]), ([3], [2]), ([], [2]), ([1], [])] as [([UInt8], [UInt8])] {
      #expect(throws: CryptographyError.authenticationFailed) { try HPKE.open(sealed, with: key, info: info, aad: aad) }
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try HPKE.open(sealed, with: .generate(), info: [1], aad: [2])
    }
    #expect(throws: CryptographyError.self) {
      try HPKE.open(Array(sealed.prefix(47)), with: key, info: [1], aad: [2])
    }
    #expect(throws: CryptographyError.weakSharedSecret) {
      try HPKE.seal(Self.secret(message), to: [UInt8](repeating: 0, count: 32), info: [], aad: [])
    }
    #expect(throws: CryptographyError.self) {
      try HPKE.seal(Self.secret(message), to: key.publicKey, info: [UInt8](repeating: 0, count: 513), aad: [])
    }
  }

  @Test func twoMessagesShareNothing() throws {
    let key = X25519.PrivateKey.generate()
    let message = Self.secret([1, 2, 3])
    let first = try HPKE.seal(message, to: key.publicKey, info: [], aad: [])
    #expect(first != (try HPKE.seal(message, to: key.publicKey, info: [], aad: [])))
  }

  /// Only the first block is ever made: a longer key would come out short.
  @Test func oneBlockIsDerivedAtMost() throws {
    let schedule = LabeledHKDF(suite: [])
    let secret = Self.secret([UInt8](repeating: 7, count: 32))
    #expect(Self.array(try schedule.expand(secret, label: "key", [], count: 32)).count == 32)
    for count in [0, 33] {
      #expect(throws: CryptographyError.wrongLength(of: "derived key", expected: "1 to 32", actual: count)) {
        try schedule.expand(secret, label: "key", [], count: count)
      }
    }
  }
}
