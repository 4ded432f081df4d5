import Cryptography
import Testing

@Suite struct CipherTests {
  let key = SecretBytes(copying: pattern(32))

  @Test func sealedBytesAreVectorCiphertextAndTag() throws {
    let iv = pattern(12)
    for count in [0, 1, 16, 1000] {
      for sealed in [
        try AESGCM.seal(pattern(count), key: key, iv: iv, aad: [1]),
        try ChaChaPoly.seal(pattern(count), key: key, iv: iv, aad: [1]),
      ] {
        #expect(sealed.count == 12 + count + 16)
        #expect(sealed.starts(with: iv))
      }
    }
    #expect(try AESGCM.open(AESGCM.seal([], key: key, aad: []), key: key, aad: []) == [])
    #expect(try AESGCM.seal([1], key: key, aad: []) != AESGCM.seal([1], key: key, aad: []))
    #expect(try ChaChaPoly.seal([1], key: key, aad: []) != ChaChaPoly.seal([1], key: key, aad: []))
  }

  @Test func anyChangedBitIsRefused() throws {
    let sealed = try AESGCM.seal(pattern(20), key: key, aad: [1, 2])
    let poly = try ChaChaPoly.seal(pattern(20), key: key, aad: [1, 2])
    #expect(try AESGCM.open(sealed, key: key, aad: [1, 2]) == pattern(20))
    #expect(try ChaChaPoly.open(poly, key: key, aad: [1, 2]) == pattern(20))
    for bit in 0..<sealed.count * 8 {
      var altered = sealed
      altered[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: CryptographyError.authenticationFailed) { _ = try AESGCM.open(altered, key: key, aad: [1, 2]) }
      altered = poly
      altered[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: CryptographyError.authenticationFailed) {
        _ = try ChaChaPoly.open(altered, key: key, aad: [1, 2])
      }
    }
    for aad: [UInt8] in [[], [1], [1, 3], [1, 2, 3]] {
      #expect(throws: CryptographyError.authenticationFailed) { _ = try AESGCM.open(sealed, key: key, aad: aad) }
      #expect(throws: CryptographyError.authenticationFailed) { _ = try ChaChaPoly.open(poly, key: key, aad: aad) }
    }
    let other = SecretBytes(copying: pattern(33).dropFirst())
    #expect(throws: CryptographyError.authenticationFailed) { _ = try AESGCM.open(sealed, key: other, aad: [1, 2]) }
    #expect(throws: CryptographyError.authenticationFailed) { _ = try ChaChaPoly.open(poly, key: other, aad: [1, 2]) }
  }

  @Test func otherSizesAreRefused() throws {
    for count in [0, 15, 17, 31, 33] {
      let key = SecretBytes(copying: pattern(count))
      #expect(throws: CryptographyError.wrongLength(of: "AES key", expected: "16, 24 or 32", actual: count)) {
        _ = try AESGCM.seal([], key: key, aad: [])
      }
      #expect(throws: CryptographyError.wrongLength(of: "ChaCha20 key", expected: "32", actual: count)) {
        _ = try ChaChaPoly.open(pattern(40), key: key, aad: [])
      }
    }
    for count in [0, 11, 13, 16] {
      #expect(throws: CryptographyError.wrongLength(of: "initialisation vector", expected: "12", actual: count)) {
        _ = try AESGCM.seal([], key: key, iv: pattern(count), aad: [])
      }
    }
    for count in [0, 12, 27] {
      #expect(throws: CryptographyError.wrongLength(of: "sealed bytes", expected: "at least 28", actual: count)) {
        _ = try AESGCM.open(pattern(count), key: key, aad: [])
      }
    }
  }

  /// RFC 4231 test case 2, and codes that were cut or lengthened.
  @Test func messageAuthentication() throws {
    let key = SecretBytes(copying: Array("Jefe".utf8))
    let message = Array("what do ya want for nothing?".utf8)
    let code = HMACSHA256.authenticationCode(for: message, key: key)
    #expect(Hex.encode(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(HMACSHA256.isValid(code, for: message, key: key))
    #expect(!HMACSHA256.isValid(code.dropLast(), for: message, key: key))
    #expect(!HMACSHA256.isValid(code + [0], for: message, key: key))
    #expect(!HMACSHA256.isValid([], for: message, key: key))
    #expect(!HMACSHA256.isValid(code, for: message + [0], key: key))
    #expect(HMACSHA256.authenticationCode(for: [], key: SecretBytes(copying: [])).count == 32)
  }

  @Test func derivationHasLimits() throws {
    for count in [0, -1, 255 * 32 + 1] {
      #expect(throws: CryptographyError.wrongLength(of: "derived key", expected: "1 to 8160", actual: count)) {
        _ = try HKDFSHA256.derive(from: key, salt: [], info: [], count: count)
      }
    }
    #expect(try HKDFSHA256.derive(from: key, salt: [], info: pattern(1024), count: 8160).count == 8160)
    #expect(throws: CryptographyError.wrongLength(of: "HKDF info", expected: "at most 1024", actual: 1025)) {
      _ = try HKDFSHA256.derive(from: key, salt: [], info: pattern(1025), count: 32)
    }
    // RFC 5869 section 2.2: no salt is a string of zeros.
    let zeros = [UInt8](repeating: 0, count: 32)
    let left = try HKDFSHA256.derive(from: key, salt: [], info: [1], count: 32)
    #expect(left.isEqual(to: try HKDFSHA256.derive(from: key, salt: zeros, info: [1], count: 32)))
    #expect(try HKDFSHA256.derive(from: SecretBytes(copying: []), salt: [1], info: [], count: 32).count == 32)
  }

  /// RFC 7748 section 6.1.
  @Test func keyAgreement() throws {
    let alice = try X25519.PrivateKey(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    let bob = try X25519.PrivateKey(hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    #expect(Hex.encode(alice.publicKey) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    #expect(Hex.encode(bob.publicKey) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    let shared = try alice.sharedSecret(with: bob.publicKey)
    #expect(
      shared.withUnsafeBytes { Hex.encode($0) } == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    #expect(shared.isEqual(to: try bob.sharedSecret(with: alice.publicKey)))
    let fresh = X25519.PrivateKey.generate()
    #expect(try fresh.sharedSecret(with: bob.publicKey).isEqual(to: bob.sharedSecret(with: fresh.publicKey)))
    #expect(throws: CryptographyError.weakSharedSecret) {
      _ = try fresh.sharedSecret(with: [UInt8](repeating: 0, count: 32))
    }
    for count in [0, 31, 33] {
      #expect(throws: CryptographyError.wrongLength(of: "X25519 public key", expected: "32", actual: count)) {
        _ = try fresh.sharedSecret(with: pattern(count))
      }
      #expect(throws: CryptographyError.wrongLength(of: "X25519 private key", expected: "32", actual: count)) {
        _ = try X25519.PrivateKey(pattern(count))
      }
    }
  }
}
