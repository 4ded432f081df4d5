import CanonicalJSON
import TestSupport
import Testing

@testable import Cryptography

@Suite struct P256KeyAgreementTests {
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func wycheproof() throws {
    var (agreed, refused) = (0, 0)
    for test in try Wycheproof("ecdh_secp256r1_ecpoint").cases {
      let peer = try test.bytes("public")
      guard test.result == "valid" else {
        // Points of other curves, off the curve, or compressed.
        #expect(throws: CryptographyError.self, test.label) { _ = try P256.PublicKey(x963: peer) }
        refused += 1
        continue
      }
      let scalar = try test.bytes("private")
      let padded = [UInt8](repeating: 0, count: max(0, 32 - scalar.count)) + scalar.suffix(32)
      let key = try P256.PrivateKey(rawScalar: padded)
      let shared = try key.sharedSecret(with: try P256.PublicKey(x963: peer))
      #expect(shared.withUnsafeBytes { [UInt8]($0) } == (try test.bytes("shared")), test.label)
      agreed += 1
    }
    #expect(agreed > 300 && refused > 20)
  }

  @Test func bothSidesAgree() throws {
    let (one, other) = (P256.PrivateKey.generate(), P256.PrivateKey.generate())
    let shared = try one.sharedSecret(with: other.publicKey)
    #expect(shared.isEqual(to: try other.sharedSecret(with: one.publicKey)))
    #expect(!shared.isEqual(to: try one.sharedSecret(with: one.publicKey)))
  }
}

@Suite struct RSASigningTests {
  private static let openssl = Subprocess.find("openssl")

  private func pem(_ arguments: [String]) throws -> String {
    let openssl = try #require(Self.openssl)
    let result = try Subprocess.run(openssl, ["genpkey"] + arguments)
    #expect(result.status == 0)
    return String(decoding: result.output, as: UTF8.self)
  }

  @Test(.enabled(if: RSASigningTests.openssl != nil, "needs openssl"), arguments: [2048, 3072])
  func signaturesAreOpenSSLs(_ bits: Int) throws {
    let pem = try pem(["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)"])
    let key = try RSA.PrivateKey(pkcs8PEM: pem)
    let message = Array("header.claims".utf8)
    for hash in DigestAlgorithm.allCases {
      let signature = try key.signPKCS1(message, hash: hash)
      #expect(signature.count == bits / 8)
      #expect(key.publicKey.isValidPKCS1(signature, for: message, hash: hash))
      #expect(!key.publicKey.isValidPKCS1(signature, for: message + [0], hash: hash))
      // The scheme has no randomness: another implementation gives the same bytes.
      let directory = try TemporaryDirectory()
      let file = try directory.write(Array(pem.utf8), to: "key.pem")
      let name = ["SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"][hash.rawValue] ?? hash.rawValue
      let other = try Subprocess.run(try #require(Self.openssl), ["dgst", "-\(name)", "-sign", file], input: message)
      #expect(other.output == signature)
    }
  }

  @Test(.enabled(if: RSASigningTests.openssl != nil, "needs openssl")) func otherKeysAreRefused() throws {
    for arguments in [
      ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], ["-algorithm", "ED25519"],
      ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ] {
      let text = try pem(arguments)
      #expect(throws: CryptographyError.self) { _ = try RSA.PrivateKey(pkcs8PEM: text) }
    }
    let bytes = try PEM.decode(
      try pem(["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), label: "PRIVATE KEY")
    #expect(throws: CryptographyError.self) { _ = try RSA.PrivateKey(pkcs8DER: bytes + [0]) }
    #expect(throws: CryptographyError.self) { _ = try RSA.PrivateKey(pkcs8DER: [UInt8](bytes.dropLast())) }
  }
}
