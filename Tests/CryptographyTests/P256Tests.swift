import Cryptography
import TestSupport
import Testing

@Suite struct P256Tests {
  @Test func signaturesOfAFreshKeyAreValidForItsMessageOnly() throws {
    let key = P256.PrivateKey.generate()
    let message = Array("message".utf8)
    let signature = try key.sign(message)
    #expect(signature.isLowS)
    #expect(key.publicKey.isValid(signature, for: message))
    #expect(key.publicKey.isValid(signature, forDigest: SHA256.hash(message)))
    #expect(key.publicKey.isValid(try key.sign(digest: SHA256.hash(message)), for: message))
    #expect(!key.publicKey.isValid(signature, for: Array("massage".utf8)))
    #expect(!P256.PrivateKey.generate().publicKey.isValid(signature, for: message))
  }

  /// RFC 6979 appendix A.2.5.
  @Test func knownKeyAndSignature() throws {
    let key = try P256.PrivateKey(
      rawScalar: hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
    let x = try hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
    let y = try hex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
    #expect(key.publicKey.x963 == [4] + x + y)
    let signature = try ECDSASignature(
      p1363: hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716")
        + hex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"))
    #expect(key.publicKey.isValid(signature, for: Array("sample".utf8)))
    #expect(!key.publicKey.isValid(signature, for: Array("test".utf8)))
  }

  @Test func keysSurviveTheirEncodings() throws {
    let key = P256.PrivateKey.generate()
    let der = key.pkcs8DER.withUnsafeBytes { [UInt8]($0) }
    #expect(der.count == 138)
    for copy in [
      try P256.PrivateKey(pkcs8DER: der), try P256.PrivateKey(pkcs8PEM: key.pkcs8PEM),
      try P256.PrivateKey(scalar: key.rawScalar),
    ] {
      #expect(copy.publicKey == key.publicKey)
      #expect(copy.rawScalar.isEqual(to: key.rawScalar))
      #expect(key.publicKey.isValid(try copy.sign([1]), for: [1]))
    }
    let publicKey = key.publicKey
    #expect(try P256.PublicKey(spkiDER: publicKey.spkiDER) == publicKey)
    #expect(try P256.PublicKey(x963: publicKey.x963).hashValue == publicKey.hashValue)
    #expect(publicKey.spkiDER.count == 91)
    #expect(publicKey != P256.PrivateKey.generate().publicKey)
  }

  @Test func privateNumbersAreInRange() throws {
    let order = try hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
    var below = order
    below[31] -= 1
    #expect(try P256.PrivateKey(rawScalar: below).rawScalar.count == 32)
    for bytes in [[UInt8](repeating: 0, count: 32), order, [UInt8](repeating: 0xFF, count: 32)] {
      #expect(throws: CryptographyError.invalidKey("the P-256 private number is not in 1..<n")) {
        _ = try P256.PrivateKey(rawScalar: bytes)
      }
    }
    for count in [0, 31, 33] {
      #expect(throws: CryptographyError.wrongLength(of: "P-256 private key", expected: "32", actual: count)) {
        _ = try P256.PrivateKey(rawScalar: pattern(count))
      }
    }
  }

  @Test func publicKeysHaveOneEncoding() throws {
    let key = P256.PrivateKey.generate().publicKey
    let spki = key.spkiDER
    let compressed: [UInt8] = [2 + key.x963[64] % 2] + key.x963[1...32]
    let identifier = Array(spki[2..<23])
    var refused: [[UInt8]] = [
      [], spki + [0], spki.dropLast(), key.x963, [0x30, 0x81, 0x59] + spki[2...],
      [0x30, 0x39] + identifier + [3, 0x22, 0] + compressed,
      // Hybrid form (SEC 1 section 2.3.3), infinity, unused bits, another curve of the same size.
      Array(spki[..<26]) + [6 + key.x963[64] % 2] + key.x963[1...],
      [0x30, 0x19] + identifier + [3, 2, 0, 0],
      Array(spki[..<25]) + [1] + spki[26...],
      try hex("3056301006072a8648ce3d020106052b8104000a034200") + key.x963,
    ]
    for position in 0..<26 {
      var altered = spki
      altered[position] ^= 1
      refused.append(altered)
    }
    for bytes in refused {
      #expect(throws: CryptographyError.self) { _ = try P256.PublicKey(spkiDER: bytes) }
    }
  }

  @Test func pointsAreOnTheCurve() throws {
    let x963 = P256.PrivateKey.generate().publicKey.x963
    var off = x963
    off[64] ^= 1
    let zero = [UInt8](repeating: 0, count: 64)
    // x = p is x = 0 unreduced, and (0, sqrt b) is a point: the same key under a second name.
    let p = try hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
    let root = try hex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")
    #expect(try P256.PublicKey(x963: [4] + zero[..<32] + root).x963.count == 65)
    for bytes in [off, [4] + zero, [4] + p + root] {
      #expect(throws: CryptographyError.invalidKey("the point is not on P-256")) {
        _ = try P256.PublicKey(x963: bytes)
      }
    }
    #expect(throws: CryptographyError.notCanonical("P-256 point")) {
      _ = try P256.PublicKey(x963: [6 + x963[64] % 2] + x963[1...])
    }
    #expect(throws: CryptographyError.wrongLength(of: "P-256 point", expected: "65", actual: 33)) {
      _ = try P256.PublicKey(x963: [2] + x963[1...32])
    }
  }

  @Test func privateKeyFilesAreCheckedWhole() throws {
    let key = P256.PrivateKey.generate()
    let der = key.pkcs8DER.withUnsafeBytes { [UInt8]($0) }
    let other = P256.PrivateKey.generate().publicKey.x963
    #expect(throws: CryptographyError.invalidKey("the public part does not belong to the private number")) {
      _ = try P256.PrivateKey(pkcs8DER: der[..<73] + other)
    }
    #expect(throws: CryptographyError.malformed("PKCS#8", reason: "bytes follow the key")) {
      _ = try P256.PrivateKey(pkcs8DER: der + [0])
    }
    for bytes in [[], [UInt8](der.dropLast()), [0x30, 0]] {
      #expect(throws: CryptographyError.self) { _ = try P256.PrivateKey(pkcs8DER: bytes) }
    }
    #expect(throws: CryptographyError.self) { _ = try P256.PrivateKey(pkcs8PEM: key.pkcs8PEM + "x") }
    // A key of the same size on secp256k1.
    let otherCurve = try hex(
      "308184020100301006072a8648ce3d020106052b8104000a046d306b0201010420"
        + "3bc3128e5329ad0c341f7722b2afb2024d69aeae0c79323037aedb7b6bcf3db8"
        + "a14403420004ca30514537a73f33e938eaccce450caaf00a93b3aff8f71b0cece929944d467e"
        + "b10ba5137c34b1aa96992085e85a3bcaf31e73936b2a4a44a57d116504c3e9c2")
    #expect(throws: CryptographyError.unsupportedKey(expected: "P-256", actual: "secp256k1")) {
      _ = try P256.PrivateKey(pkcs8DER: otherCurve)
    }
    // An Ed25519 key (RFC 8410 section 10.3) is not a P-256 key, and the other way round.
    let edwards = try hex(
      "302e020100300506032b657004220420" + "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842")
    #expect(throws: CryptographyError.unsupportedKey(expected: "P-256", actual: "ED25519")) {
      _ = try P256.PrivateKey(pkcs8DER: edwards)
    }
    #expect(throws: CryptographyError.unsupportedKey(expected: "Ed25519", actual: "EC")) {
      _ = try Ed25519.PrivateKey(pkcs8DER: der)
    }
    let seed = try Ed25519.PrivateKey(pkcs8DER: edwards)
    #expect(
      Hex.encode(seed.publicKey.bytes) == "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
  }

  @Test func oneKeyServesManyThreads() async throws {
    let key = P256.PrivateKey.generate()
    let fixed = try key.sign([7])
    let failures = try await withThrowingTaskGroup(of: Int.self) { group in
      for task in 0..<8 {
        group.addTask {
          var failures = 0
          for index in 0..<50 {
            let message: [UInt8] = [UInt8(task), UInt8(index)]
            if !key.publicKey.isValid(try key.sign(message), for: message) { failures += 1 }
            if !key.publicKey.isValid(fixed, for: [7]) { failures += 1 }
            if key.publicKey.isValid(fixed, for: message) { failures += 1 }
            if try P256.PublicKey(spkiDER: key.publicKey.spkiDER) != key.publicKey { failures += 1 }
          }
          return failures
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(failures == 0)
  }

  @Test(.enabled(if: Subprocess.find("openssl") != nil, "the openssl command is absent"))
  func theCommandLineToolReadsAndWritesTheSame() throws {
    let tool = try #require(Subprocess.find("openssl"))
    let directory = try TemporaryDirectory()
    let made = try Subprocess.run(
      tool, ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    try #require(made.status == 0)
    let text = String(decoding: made.output, as: UTF8.self)
    let key = try P256.PrivateKey(pkcs8PEM: text)
    #expect(key.pkcs8PEM == text)
    let spki = try Subprocess.run(tool, ["pkey", "-pubout", "-outform", "DER"], input: made.output)
    #expect(spki.output == key.publicKey.spkiDER)

    let path = try directory.write(made.output, to: "key.pem")
    let publicPath = try directory.write(
      Array(PEM.encode(key.publicKey.spkiDER, label: "PUBLIC KEY").utf8), to: "public.pem")
    let message = pattern(1000)
    let signed = try Subprocess.run(tool, ["dgst", "-sha256", "-sign", path], input: message)
    #expect(key.publicKey.isValid(try ECDSASignature(strictDER: signed.output), for: message))
    let signature = try directory.write(try key.sign(message).der, to: "signature")
    let checked = try Subprocess.run(
      tool, ["dgst", "-sha256", "-verify", publicPath, "-signature", signature], input: message)
    #expect(checked.status == 0)
  }
}
