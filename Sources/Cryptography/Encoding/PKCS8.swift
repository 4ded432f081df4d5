internal import COpenSSL

/// Unencrypted private keys as PKCS#8 (RFC 5958): P-256 (RFC 5915), Ed25519 (RFC 8410), and reading RSA (RFC 8017).
enum PKCS8 {
  private static let p256Prefix: [UInt8] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
    0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x04, 0x6D, 0x30, 0x6B, 0x02, 0x01, 0x01, 0x04, 0x20,
  ]
  private static let p256PublicPrefix: [UInt8] = [0xA1, 0x44, 0x03, 0x42, 0x00]

  static func encode(p256 scalar: SecretBytes, publicKey: P256.PublicKey) -> SecretBytes {
    let tail = p256PublicPrefix + publicKey.x963
    return SecretBytes(count: p256Prefix.count + scalar.count + tail.count) { output in
      output.copyBytes(from: p256Prefix)
      scalar.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: output[p256Prefix.count...]).copyMemory(from: $0)
      }
      UnsafeMutableRawBufferPointer(rebasing: output[(p256Prefix.count + scalar.count)...]).copyBytes(from: tail)
    }
  }

  static func p256Scalar(_ bytes: [UInt8]) throws(CryptographyError) -> SecretBytes {
    let key = try decode(bytes)
    guard EVP_PKEY_get_base_id(key.pointer) == EVP_PKEY_EC else {
      throw .unsupportedKey(expected: "P-256", actual: typeName(key))
    }
    var name = [CChar](repeating: 0, count: 64)
    var nameCount = 0
    guard EVP_PKEY_get_group_name(key.pointer, &name, name.count, &nameCount) == 1, nameCount < name.count else {
      throw LibraryErrors.clear(.unsupportedKey(expected: "P-256", actual: "an unnamed curve"))
    }
    let curve = String(decoding: name.prefix(nameCount).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard curve == "prime256v1" else { throw .unsupportedKey(expected: "P-256", actual: curve) }
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key.pointer, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 else {
      throw LibraryErrors.clear(.malformed("PKCS#8", reason: "no private number"))
    }
    defer { BN_clear_free(number) }
    let scalar = try SecretBytes(count: 32) { (output) throws(CryptographyError) in
      guard BN_bn2binpad(number, output.baseAddress?.assumingMemoryBound(to: UInt8.self), 32) == 32 else {
        throw LibraryErrors.clear(.invalidKey("the P-256 private number is not in 1..<n"))
      }
    }
    // A file whose public part belongs to another key would sign for a name that it does not hold.
    guard let spki = key.subjectPublicKeyInfo, spki == (try P256.PrivateKey(scalar: scalar)).publicKey.spkiDER else {
      throw .invalidKey("the public part does not belong to the private number")
    }
    return scalar
  }

  static func ed25519Seed(_ bytes: [UInt8]) throws(CryptographyError) -> SecretBytes {
    let key = try decode(bytes)
    guard EVP_PKEY_get_base_id(key.pointer) == EVP_PKEY_ED25519 else {
      throw .unsupportedKey(expected: "Ed25519", actual: typeName(key))
    }
    return try SecretBytes(count: 32) { (output) throws(CryptographyError) in
      var count = 32
      let base = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard EVP_PKEY_get_raw_private_key(key.pointer, base, &count) == 1, count == 32 else {
        throw LibraryErrors.clear(.malformed("PKCS#8", reason: "no private key"))
      }
    }
  }

  static func rsa(_ bytes: [UInt8]) throws(CryptographyError) -> LibraryKey {
    let key = try decode(bytes)
    guard EVP_PKEY_get_base_id(key.pointer) == EVP_PKEY_RSA else {
      throw .unsupportedKey(expected: "RSA", actual: typeName(key))
    }
    return key
  }

  private static func decode(_ bytes: [UInt8]) throws(CryptographyError) -> LibraryKey {
    let decoded: (key: OpaquePointer?, isWhole: Bool) = bytes.withUnsafeBufferPointer { input in
      var position = input.baseAddress
      guard let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &position, input.count) else { return (nil, true) }
      defer { PKCS8_PRIV_KEY_INFO_free(info) }
      let isWhole = position == input.baseAddress.map { $0 + input.count }
      return (EVP_PKCS82PKEY(info), isWhole)
    }
    guard let key = decoded.key else {
      throw LibraryErrors.clear(.malformed("PKCS#8", reason: "is not a private key in DER"))
    }
    let owned = LibraryKey(owning: key)
    guard decoded.isWhole else { throw .malformed("PKCS#8", reason: "bytes follow the key") }
    return owned
  }

  private static func typeName(_ key: LibraryKey) -> String {
    EVP_PKEY_get0_type_name(key.pointer).map { String(cString: $0) } ?? "an unknown algorithm"
  }
}
