import Cryptography
import TestSupport
import Testing

/// What TPM 2.0 needs beside the usual: CFB, OAEP with a label, HMAC with several hashes, and two key derivations.
@Suite struct TPMPrimitiveTests {
  private static func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }
  private static func open(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { [UInt8]($0) } }

  /// SP 800-38A, F.3.13 and F.3.17.
  @Test(arguments: [
    (
      "2b7e151628aed2a6abf7158809cf4f3c",
      "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
        + "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"
    ),
    (
      "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
        + "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471"
    ),
  ])
  func cipherFeedback(_ key: String, _ ciphertext: String) throws {
    let plaintext = try Self.bytes(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
    let key = SecretBytes(copying: try Self.bytes(key))
    let iv = (0..<16).map { UInt8($0) }
    #expect(try AESCFB.encrypt(SecretBytes(copying: plaintext), key: key, iv: iv) == Self.bytes(ciphertext))
    // A part of a block is the beginning of the whole.
    let part = try AESCFB.encrypt(SecretBytes(copying: plaintext.prefix(21)), key: key, iv: iv)
    #expect(try part == [UInt8](Self.bytes(ciphertext).prefix(21)))
    #expect(try AESCFB.encrypt(SecretBytes(copying: []), key: key, iv: iv).isEmpty)
  }

  @Test func cipherFeedbackRefusesOtherSizes() {
    let plaintext = SecretBytes(copying: [1])
    for count in [0, 15, 17, 33] {
      #expect(throws: CryptographyError.wrongLength(of: "AES key", expected: "16, 24 or 32", actual: count)) {
        try AESCFB.encrypt(
          plaintext, key: SecretBytes(copying: [UInt8](repeating: 0, count: count)),
          iv: [UInt8](repeating: 0, count: 16))
      }
    }
    #expect(throws: CryptographyError.wrongLength(of: "AES-CFB vector", expected: "16", actual: 12)) {
      try AESCFB.encrypt(plaintext, key: SecretBytes.random(count: 16), iv: [UInt8](repeating: 0, count: 12))
    }
  }

  /// RFC 4231, section 4.3.
  @Test(arguments: [
    (DigestAlgorithm.sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (
      .sha384,
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
    ),
    (
      .sha512,
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    ),
  ])
  func authenticationCodes(_ hash: DigestAlgorithm, _ code: String) throws {
    let message = Array("what do ya want for nothing?".utf8)
    let key = SecretBytes(copying: Array("Jefe".utf8))
    #expect(try Hex.encode(HMACDigest.authenticationCode(for: message, key: key, hash: hash)) == code)
  }

  /// Computed with Python's hmac and hashlib from the formulas of TPM 2.0 part 1, section 11.4.10.
  @Test(arguments: [
    (DigestAlgorithm.sha256, 16, "435071b2e2f41e2890e61c011d351253", "ee5531dcd3b0558482894eac70f69181"),
    (
      .sha256, 48, "fdb1dec905013f7bd13654c65363f200fbcde1a9f185b4991cf6bdbbdc651f9aa864b77e6ab18ec5cb10dad5eb0bd58d",
      "ee5531dcd3b0558482894eac70f6918107e8ee74cb2a357ba2f12122c30f5ee2b29f7631be88658ca9e88138bd52cbff"
    ),
    (
      .sha384, 64,
      "a5a28d78be841555ffc0b137f7f00ed605b975f4fd03fcbf422dcd5b2c2af55a"
        + "22ff222da2ac0f6ea22bc4625e340033b1b15c3db8a6bcdb922efda22c050e92",
      "3c1c31a6358c3620411b09f67757af26b470f793dc26870b61b6424346e9cd12"
        + "cbf07fb17cc93f620e3b0a0570c8873391589f3bb545927f90a89d8ce2d311f5"
    ),
  ])
  func keyDerivation(_ hash: DigestAlgorithm, _ count: Int, _ kdfa: String, _ kdfe: String) throws {
    let key = SecretBytes(copying: (0..<32).map { UInt8($0) })
    let a = try TPMKeyDerivation.kdfa(
      hash, key: key, label: "STORAGE", contextU: [1, 2], contextV: [3], count: count)
    #expect(Hex.encode(Self.open(a)) == kdfa)
    let e = try TPMKeyDerivation.kdfe(
      hash, sharedSecret: key, label: "IDENTITY", partyU: [1, 2], partyV: [3], count: count)
    #expect(Hex.encode(Self.open(e)) == kdfe)
  }

  @Test(arguments: [0, 65]) func derivedKeysHaveOneTo64Bytes(_ count: Int) {
    let key = SecretBytes(copying: [1])
    let error = CryptographyError.wrongLength(of: "derived key", expected: "1 to 64", actual: count)
    #expect(throws: error) {
      try TPMKeyDerivation.kdfa(.sha256, key: key, label: "", contextU: [], contextV: [], count: count)
    }
    #expect(throws: error) {
      try TPMKeyDerivation.kdfe(.sha256, sharedSecret: key, label: "", partyU: [], partyV: [], count: count)
    }
  }

  @Test(.enabled(if: Subprocess.find("openssl") != nil), arguments: [DigestAlgorithm.sha256, .sha384])
  func theHolderOfThePrivateKeyReadsOAEP(_ hash: DigestAlgorithm) throws {
    let directory = try TemporaryDirectory()
    let openssl = try #require(Subprocess.find("openssl"))
    let made = try Subprocess.run(
      openssl, ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", directory.file("key")])
    try #require(made.status == 0, "\(made.errors)")
    let spki = try Subprocess.run(openssl, ["pkey", "-in", directory.file("key"), "-pubout", "-outform", "DER"])
    let key = try RSA.PublicKey(spkiDER: spki.output)
    let secret = SecretBytes.random(count: 32)
    let label = Array("IDENTITY".utf8) + [0]
    func decrypt(_ ciphertext: [UInt8], label: [UInt8]) throws -> Subprocess.Result {
      let file = try directory.write(ciphertext, to: "ciphertext")
      return try Subprocess.run(
        openssl,
        [
          "pkeyutl", "-decrypt", "-inkey", directory.file("key"), "-in", file, "-pkeyopt", "rsa_padding_mode:oaep",
          "-pkeyopt", "rsa_oaep_md:\(hash.rawValue)", "-pkeyopt", "rsa_oaep_label:\(Hex.encode(label))",
        ])
    }
    let ciphertext = try key.encryptOAEP(secret, label: label, hash: hash)
    #expect(ciphertext.count == 256)
    #expect(try decrypt(ciphertext, label: label).output == Self.open(secret))
    #expect(try decrypt(ciphertext, label: Array("IDENTITY".utf8)).status != 0)
    #expect(try key.encryptOAEP(secret, label: label, hash: hash) != ciphertext)
    let room = 256 - 2 * hash.byteCount - 2
    #expect(throws: Never.self) { try key.encryptOAEP(SecretBytes.random(count: room), label: [], hash: hash) }
    #expect(
      throws: CryptographyError.wrongLength(of: "OAEP plaintext", expected: "at most \(room)", actual: room + 1)
    ) { try key.encryptOAEP(SecretBytes.random(count: room + 1), label: [], hash: hash) }
  }
}
