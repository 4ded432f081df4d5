import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Every Wycheproof file of a primitive that the room exposes. `acceptable` occurs for X25519 only; the choice is there.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct WycheproofTests {
  private func bytes(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { [UInt8]($0) } }

  // MARK: Signatures

  @Test func ecdsaP256InDER() throws {
    for test in try Wycheproof("ecdsa_secp256r1_sha256").cases {
      let key = try P256.PublicKey(spkiDER: test.groupBytes("publicKeyDer"))
      let signature = try? ECDSASignature(strictDER: test.bytes("sig"))
      let isValid = try signature.map { key.isValid($0, for: try test.bytes("msg")) } ?? false
      #expect(isValid == (test.result == "valid"), test.label)
      if let signature, isValid {
        #expect(signature.der == (try test.bytes("sig")), test.label)
        #expect(try ECDSASignature(p1363: signature.p1363) == signature, test.label)
        #expect(key.isValid(signature.lowS, for: try test.bytes("msg")), test.label)
        #expect(signature.lowS.isLowS, test.label)
      }
    }
  }

  @Test func ecdsaP256InP1363() throws {
    for test in try Wycheproof("ecdsa_secp256r1_sha256_p1363").cases {
      let key = try P256.PublicKey(spkiDER: test.groupBytes("publicKeyDer"))
      let signature = try? ECDSASignature(p1363: test.bytes("sig"))
      let isValid = try signature.map { key.isValid($0, for: try test.bytes("msg")) } ?? false
      #expect(isValid == (test.result == "valid"), test.label)
      if let signature { #expect(try ECDSASignature(strictDER: signature.der) == signature, test.label) }
    }
  }

  @Test(arguments: ["ecdsa_secp256k1_sha256", "ecdsa_secp256k1_sha256_p1363", "ecdsa_secp256k1_sha256_bitcoin"])
  func ecdsaSecp256k1(file: String) throws {
    for test in try Wycheproof(file).cases {
      let key = try Secp256k1.PublicKey(hex(test.group["publicKey"]?["uncompressed"]?.string))
      let bytes = try test.bytes("sig")
      let signature =
        file.hasSuffix("p1363")
        ? try? Secp256k1.Signature(p1363: bytes) : try? Secp256k1.Signature(strictDER: bytes)
      let digest = SHA256.hash(try test.bytes("msg")).bytes
      var isValid = signature.map { key.isValid($0, digest: digest) } ?? false
      if file.hasSuffix("bitcoin") { isValid = isValid && signature?.isLowS == true }
      #expect(isValid == (test.result == "valid"), test.label)
    }
  }

  @Test func ed25519() throws {
    for test in try Wycheproof("ed25519").cases {
      let key = try Ed25519.PublicKey(hex(test.group["publicKey"]?["pk"]?.string))
      #expect(key.isValid(try test.bytes("sig"), for: try test.bytes("msg")) == (test.result == "valid"), test.label)
    }
  }

  // MARK: Ciphers

  @Test func aesGCM() throws {
    try checkCipher(
      "aes_gcm", seal: { try AESGCM.seal($0, key: $1, iv: $2, aad: $3) },
      open: { try AESGCM.open($0, key: $1, aad: $2) })
  }

  @Test func chaCha20Poly1305() throws {
    try checkCipher(
      "chacha20_poly1305", seal: { try ChaChaPoly.seal($0, key: $1, iv: $2, aad: $3) },
      open: { try ChaChaPoly.open($0, key: $1, aad: $2) })
  }

  /// Vectors of other sizes than 12 bytes are valid for AES-GCM in general and refused here: our layout has no room
  /// for them. Valid cases must decrypt, and encrypt to the very same bytes.
  private func checkCipher(
    _ file: String, seal: ([UInt8], SecretBytes, [UInt8], [UInt8]) throws -> [UInt8],
    open: ([UInt8], SecretBytes, [UInt8]) throws -> [UInt8]
  ) throws {
    var valid = 0
    for test in try Wycheproof(file).cases {
      let key = SecretBytes(copying: try test.bytes("key"))
      let iv = try test.bytes("iv")
      let aad = try test.bytes("aad")
      let message = try test.bytes("msg")
      let sealed = iv + (try test.bytes("ct")) + (try test.bytes("tag"))
      #expect(try test.groupInteger("tagSize") == 128)
      guard iv.count == 12 else {
        #expect(throws: CryptographyError.wrongLength(of: "initialisation vector", expected: "12", actual: iv.count)) {
          _ = try seal(message, key, iv, aad)
        }
        continue
      }
      if test.result == "valid" {
        valid += 1
        #expect(try open(sealed, key, aad) == message, test.label)
        #expect(try seal(message, key, iv, aad) == sealed, test.label)
      } else {
        #expect(throws: CryptographyError.authenticationFailed, test.label) { _ = try open(sealed, key, aad) }
      }
    }
    #expect(valid > 100)
  }

  // MARK: Authentication and derivation

  /// Shortened codes are valid in the collection; here only whole ones are, and the short ones must be prefixes.
  @Test func hmac() throws {
    for test in try Wycheproof("hmac_sha256").cases {
      let key = SecretBytes(copying: try test.bytes("key"))
      let message = try test.bytes("msg")
      let tag = try test.bytes("tag")
      let code = HMACSHA256.authenticationCode(for: message, key: key)
      #expect((Array(code.prefix(tag.count)) == tag) == (test.result == "valid"), test.label)
      #expect(
        HMACSHA256.isValid(tag, for: message, key: key) == (test.result == "valid" && tag.count == 32), test.label)
    }
  }

  @Test func hkdf() throws {
    for test in try Wycheproof("hkdf_sha256").cases {
      let secret = SecretBytes(copying: try test.bytes("ikm"))
      let count = Int(try #require(test.json["size"]?.integer))
      let derived = try? HKDFSHA256.derive(
        from: secret, salt: test.bytes("salt"), info: test.bytes("info"), count: count)
      #expect((derived != nil) == (test.result == "valid"), test.label)
      if let derived { #expect(bytes(derived) == (try test.bytes("okm")), test.label) }
    }
  }

  // MARK: Key agreement

  /// `acceptable` covers what RFC 7748 leaves to the implementation. Points of small order are refused because the
  /// secret would not depend on our key; twist points, unreduced coordinates and edge cases agree as computed.
  @Test func x25519() throws {
    var refused = 0
    for test in try Wycheproof("x25519").cases {
      let key = try X25519.PrivateKey(try test.bytes("private"))
      let peer = try test.bytes("public")
      if test.flags.contains("ZeroSharedSecret") {
        #expect(test.result == "acceptable")
        #expect(throws: CryptographyError.weakSharedSecret, test.label) { _ = try key.sharedSecret(with: peer) }
        refused += 1
      } else {
        #expect(bytes(try key.sharedSecret(with: peer)) == (try test.bytes("shared")), test.label)
      }
    }
    #expect(refused > 0)
  }
}
