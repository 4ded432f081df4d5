import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@Suite struct P384Tests {
  /// RFC 6979 appendix A.2.6.
  private func key() throws -> P384.PublicKey {
    try P384.PublicKey(
      x963: [4]
        + hex(
          "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
            + "def8f0ea9055866064a254515480bc13")
        + hex(
          "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
            + "288b231c3ae0d4fe7344fd2533264720"))
  }

  @Test func knownSignature() throws {
    let key = try key()
    let signature = try P384.Signature(
      p1363: hex(
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
          + "81a648152e44acf96e36dd1e80fabe46")
        + hex(
          "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
            + "a329c145786e679e7b82c71a38628ac8"))
    #expect(key.isValid(signature, for: Array("sample".utf8)))
    #expect(!key.isValid(signature, for: Array("simple".utf8)))
    #expect(!key.isValid(signature, for: Array("sample".utf8), hash: .sha512))
    #expect(try P384.Signature(strictDER: signature.der) == signature)
    #expect(try P384.PublicKey(spkiDER: key.spkiDER) == key)
    let zero = try P384.Signature(p1363: [UInt8](repeating: 0, count: 96))
    #expect(!key.isValid(zero, for: Array("sample".utf8)))
  }

  @Test func otherEncodingsAreRefused() throws {
    let key = try key()
    var off = key.x963
    off[96] ^= 1
    #expect(throws: CryptographyError.invalidKey("the point is not on P-384")) { _ = try P384.PublicKey(x963: off) }
    let p256 = P256.PrivateKey.generate().publicKey
    for bytes in [[], key.spkiDER + [0], p256.spkiDER, [0x31] + key.spkiDER.dropFirst()] {
      #expect(throws: CryptographyError.self) { _ = try P384.PublicKey(spkiDER: bytes) }
    }
    #expect(throws: CryptographyError.wrongLength(of: "P-384 signature", expected: "96", actual: 64)) {
      _ = try P384.Signature(p1363: pattern(64))
    }
  }
}

@Suite struct Secp256k1Tests {
  private func key(_ last: UInt8) throws -> Secp256k1.PrivateKey {
    try Secp256k1.PrivateKey(scalar: SecretBytes(copying: [UInt8](repeating: 0, count: 31) + [last]))
  }

  /// The deterministic signature that every implementation of RFC 6979 on this curve gives, and the address of key 1.
  @Test func knownAnswers() throws {
    let key = try key(1)
    let digest = SHA256.hash(utf8: "Satoshi Nakamoto").bytes
    let signed = try key.sign(digest: digest)
    #expect(
      Hex.encode(signed.signature.p1363)
        == "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        + "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
    #expect(key.publicKey.isValid(signed.signature, digest: digest))
    #expect(try signed.recoverPublicKey(digest: digest) == key.publicKey)
    #expect(Hex.encode(key.publicKey.ethereumAddress) == "7e5f4552091a69125d5dfcb7b8c2659029395bdf")
    #expect(
      Hex.encode(key.publicKey.compressed) == "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
  }

  @Test func recoveryYieldsTheSignerOnlyForItsDigestAndIdentifier() throws {
    let key = Secp256k1.PrivateKey.generate()
    let digest = Keccak256.hash(pattern(50))
    let signed = try key.sign(digest: digest)
    #expect(try signed.recoverPublicKey(digest: digest) == key.publicKey)
    #expect(try signed.recoverPublicKey(digest: Keccak256.hash([])) != key.publicKey)
    let other = try Secp256k1.RecoverableSignature(signature: signed.signature, recoveryID: signed.recoveryID ^ 1)
    #expect(try other.recoverPublicKey(digest: digest) != key.publicKey)
    #expect(throws: CryptographyError.malformed("recovery identifier", reason: "4 is above 3")) {
      _ = try Secp256k1.RecoverableSignature(signature: signed.signature, recoveryID: 4)
    }
    // No point has an x so large that it needs the overflow bit for this r.
    #expect(throws: CryptographyError.invalidKey("the signature belongs to no secp256k1 key")) {
      _ = try Secp256k1.RecoverableSignature(signature: signed.signature, recoveryID: 2).recoverPublicKey(
        digest: digest)
    }
    for count in [0, 31, 33] {
      #expect(throws: CryptographyError.wrongLength(of: "digest", expected: "32", actual: count)) {
        _ = try key.sign(digest: pattern(count))
      }
      #expect(throws: CryptographyError.wrongLength(of: "digest", expected: "32", actual: count)) {
        _ = try signed.recoverPublicKey(digest: pattern(count))
      }
      #expect(!key.publicKey.isValid(signed.signature, digest: pattern(count)))
    }
  }

  @Test func highSIsTheSameSignatureUnderAnotherText() throws {
    let key = try key(2)
    let digest = SHA256.hash([]).bytes
    let low = try key.sign(digest: digest).signature
    #expect(low.isLowS)
    let order = try hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
    var mirrored = low.p1363
    var borrow = 0
    for (position, digit) in order.enumerated().reversed() {
      let difference = Int(digit) - Int(mirrored[32 + position]) - borrow
      mirrored[32 + position] = UInt8((difference + 256) % 256)
      borrow = difference < 0 ? 1 : 0
    }
    let high = try Secp256k1.Signature(p1363: mirrored)
    #expect(!high.isLowS)
    #expect(high.lowS == low)
    #expect(key.publicKey.isValid(high, digest: digest))
    let one = [UInt8](repeating: 0, count: 31) + [1]
    for bytes in [order + one, one + order, one + [UInt8](repeating: 0, count: 32)] {
      #expect(throws: CryptographyError.self) { _ = try Secp256k1.Signature(p1363: bytes) }
    }
  }

  @Test func keysAreCheckedAndHaveTwoForms() throws {
    let key = try key(3).publicKey
    #expect(try Secp256k1.PublicKey(key.x963) == key)
    #expect(try Secp256k1.PublicKey(key.compressed) == key)
    var off = key.x963
    off[64] ^= 1
    for bytes in [[], off, [6 + key.x963[64] % 2] + key.x963[1...], Array(key.x963.dropLast())] {
      #expect(throws: CryptographyError.self) { _ = try Secp256k1.PublicKey(bytes) }
    }
    for bytes in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xFF, count: 32), pattern(31)] {
      #expect(throws: CryptographyError.self) { _ = try Secp256k1.PrivateKey(scalar: SecretBytes(copying: bytes)) }
    }
  }
}

@Suite struct RSATests {
  /// SHA-256 with RSASSA-PSS and with PKCS#1 over the bytes of `pattern(64)`.
  @Test(.enabled(if: Subprocess.find("openssl") != nil, "the openssl command is absent"))
  func theCommandLineToolsSignaturesAreValid() throws {
    let tool = try #require(Subprocess.find("openssl"))
    let made = try Subprocess.run(tool, ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    let directory = try TemporaryDirectory()
    let path = try directory.write(made.output, to: "key.pem")
    let spki = try Subprocess.run(tool, ["pkey", "-pubout", "-outform", "DER"], input: made.output).output
    let key = try RSA.PublicKey(spkiDER: spki)
    #expect(key.spkiDER == spki)
    let message = pattern(64)
    for hash in DigestAlgorithm.allCases {
      let pkcs1 = try Subprocess.run(tool, ["dgst", "-\(hash.rawValue)", "-sign", path], input: message).output
      let pss = try Subprocess.run(
        tool,
        [
          "dgst", "-\(hash.rawValue)", "-sign", path, "-sigopt", "rsa_padding_mode:pss", "-sigopt",
          "rsa_pss_saltlen:digest",
        ], input: message
      ).output
      let unsalted = try Subprocess.run(
        tool,
        [
          "dgst", "-\(hash.rawValue)", "-sign", path, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:0",
        ],
        input: message
      ).output
      #expect(key.isValidPKCS1(pkcs1, for: message, hash: hash))
      #expect(key.isValidPSS(pss, for: message, hash: hash))
      #expect(!key.isValidPSS(unsalted, for: message, hash: hash))
      #expect(!key.isValidPSS(pkcs1, for: message, hash: hash))
      #expect(!key.isValidPKCS1(pss, for: message, hash: hash))
      #expect(!key.isValidPKCS1(pkcs1, for: pattern(65), hash: hash))
      #expect(!key.isValidPKCS1(pkcs1.dropLast(), for: message, hash: hash))
      #expect(!key.isValidPKCS1([0] + pkcs1, for: message, hash: hash))
      for other in DigestAlgorithm.allCases where other != hash {
        #expect(!key.isValidPKCS1(pkcs1, for: message, hash: other))
        #expect(!key.isValidPSS(pss, for: message, hash: other))
      }
    }
    #expect(throws: CryptographyError.self) { _ = try RSA.PublicKey(spkiDER: spki + [0]) }
    #expect(throws: CryptographyError.self) { _ = try RSA.PublicKey(spkiDER: spki.dropLast()) }
  }

  @Test func weakAndOddKeysAreRefused() throws {
    let exponent: [UInt8] = [1, 0, 1]
    func modulus(_ bits: Int) -> [UInt8] {
      [UInt8](repeating: 0xC3, count: bits / 8)
    }
    #expect(try RSA.PublicKey(modulus: modulus(2048), exponent: exponent).spkiDER.count == 294)
    for bits in [512, 1024, 2040, 8200, 16384] {
      #expect(
        throws: CryptographyError.self, "\(bits) bits"
      ) { _ = try RSA.PublicKey(modulus: modulus(bits), exponent: exponent) }
    }
    for exponent: [UInt8] in [[], [1], [3], [1, 0, 0], [1, 0, 0, 0, 1], [0xFF, 0xFF]] {
      #expect(throws: CryptographyError.self, "\(exponent)") {
        _ = try RSA.PublicKey(modulus: modulus(2048), exponent: exponent)
      }
    }
    #expect(throws: CryptographyError.unsupportedKey(expected: "RSA", actual: "1.2.840.10045.2.1")) {
      _ = try RSA.PublicKey(spkiDER: P256.PrivateKey.generate().publicKey.spkiDER)
    }
    // The same key with its algorithm's NULL left out, and with a length in long form.
    let spki = try RSA.PublicKey(modulus: modulus(2048), exponent: exponent).spkiDER
    var bare = Array(spki[..<17]) + spki[19...]
    bare[3] -= 2
    bare[5] -= 2
    var long = Array(spki[..<4]) + [0x30, 0x81, 13] + spki[6...]
    long[3] += 1
    for bytes in [bare, long] {
      #expect(throws: CryptographyError.self) { _ = try RSA.PublicKey(spkiDER: bytes) }
    }
  }
}
