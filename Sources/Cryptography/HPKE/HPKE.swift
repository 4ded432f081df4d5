/// Hybrid public key encryption (RFC 9180), base mode, single shot: whoever holds the private key can open, and only they.
///
/// KEM: DHKEM(X25519, HKDF-SHA256). KDF: HKDF-SHA256. AEAD: AES-GCM; what this program writes is AES-256-GCM. The sender is
/// not authenticated: whoever needs that signs, or asks over a connection that is.
public enum HPKE {
  /// Bytes of an encapsulated key (RFC 9180 section 7.1).
  public static let encapsulatedBytes = 32
  /// What a sealed message is longer than the message.
  public static let overhead = encapsulatedBytes + 16
  /// The longest `info`: enough for a domain and a digest, and within the library's limit for HKDF.
  public static let maxInfoBytes = 512

  /// The authenticated cipher (RFC 9180 section 7.3).
  public enum AEAD: UInt16, Sendable, Hashable {
    case aes128GCM = 1
    case aes256GCM = 2

    var keyBytes: Int { self == .aes128GCM ? 16 : 32 }
  }

  /// `enc || ct`: seals a message to a public key.
  ///
  /// - Parameters:
  ///   - info: what both sides know of the occasion; at most ``maxInfoBytes``.
  ///   - aad: authenticated with the message.
  /// - Throws: `wrongLength`; `weakSharedSecret` for a public key of small order.
  public static func seal(
    _ message: SecretBytes, to publicKey: [UInt8], info: [UInt8], aad: [UInt8], aead: AEAD = .aes256GCM
  ) throws(CryptographyError) -> [UInt8] {
    try seal(message, to: publicKey, info: info, aad: aad, aead: aead, ephemeral: X25519.PrivateKey.generate())
  }

  /// With an ephemeral key that is given, as the RFC's vectors want it. It must never be used twice.
  static func seal(
    _ message: SecretBytes, to publicKey: [UInt8], info: [UInt8], aad: [UInt8], aead: AEAD,
    ephemeral: X25519.PrivateKey
  ) throws(CryptographyError) -> [UInt8] {
    let shared = try ephemeral.sharedSecret(with: publicKey)
    let context = try KeySchedule(
      diffieHellman: shared, encapsulated: ephemeral.publicKey, recipient: publicKey, info: info, aead: aead)
    return ephemeral.publicKey + (try context.seal(message, aad: aad))
  }

  /// Opens what `seal` made.
  ///
  /// - Throws: `wrongLength` for fewer than 48 bytes; `authenticationFailed` for another key, `info` or `aad`, or a byte
  ///   that was changed.
  public static func open(
    _ sealed: [UInt8], with privateKey: X25519.PrivateKey, info: [UInt8], aad: [UInt8], aead: AEAD = .aes256GCM
  ) throws(CryptographyError) -> SecretBytes {
    guard sealed.count >= overhead else {
      throw .wrongLength(of: "HPKE message", expected: "at least \(overhead)", actual: sealed.count)
    }
    let encapsulated = [UInt8](sealed.prefix(encapsulatedBytes))
    let shared = try privateKey.sharedSecret(with: encapsulated)
    let context = try KeySchedule(
      diffieHellman: shared, encapsulated: encapsulated, recipient: privateKey.publicKey, info: info, aead: aead)
    return try context.open([UInt8](sealed.dropFirst(encapsulatedBytes)), aad: aad)
  }

  /// The key and the nonce of the first message (RFC 9180 sections 4.1 and 5.1).
  struct KeySchedule {
    let key: SecretBytes
    let baseNonce: [UInt8]

    init(
      diffieHellman: SecretBytes, encapsulated: [UInt8], recipient: [UInt8], info: [UInt8], aead: AEAD
    ) throws(CryptographyError) {
      guard info.count <= maxInfoBytes else {
        throw .wrongLength(of: "HPKE info", expected: "at most \(maxInfoBytes)", actual: info.count)
      }
      let kem = LabeledHKDF(suite: Array("KEM".utf8) + [0x00, 0x20])
      let extracted = kem.extract(salt: [], label: "eae_prk", diffieHellman)
      let shared = try kem.expand(extracted, label: "shared_secret", encapsulated + recipient, count: 32)
      let schedule = LabeledHKDF(
        suite: Array("HPKE".utf8) + [0x00, 0x20, 0x00, 0x01, UInt8(aead.rawValue >> 8), UInt8(aead.rawValue & 0xFF)])
      let nothing = SecretBytes(copying: [] as [UInt8])
      // Mode base: no pre-shared key, and its identifier is empty.
      let context =
        [0x00] + Self.bytes(of: schedule.extract(salt: [], label: "psk_id_hash", nothing))
        + Self.bytes(of: schedule.extract(salt: [], label: "info_hash", SecretBytes(copying: info)))
      let secret = schedule.extract(salt: Self.bytes(of: shared), label: "secret", nothing)
      key = try schedule.expand(secret, label: "key", context, count: aead.keyBytes)
      baseNonce = Self.bytes(of: try schedule.expand(secret, label: "base_nonce", context, count: SealedBox.ivCount))
    }

    func seal(_ message: SecretBytes, aad: [UInt8]) throws(CryptographyError) -> [UInt8] {
      // The first message's nonce is the base nonce itself; it is not sent, because the other side derives it.
      let sealed = try AESGCM.seal(message, key: key, iv: baseNonce, aad: aad)
      return [UInt8](sealed.dropFirst(SealedBox.ivCount))
    }

    func open(_ sealed: [UInt8], aad: [UInt8]) throws(CryptographyError) -> SecretBytes {
      try AESGCM.openSecret(baseNonce + sealed, key: key, aad: aad)
    }

    private static func bytes(of secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { Array($0) } }
  }
}

/// HKDF with the labels of RFC 9180 section 4.
struct LabeledHKDF {
  private static let version = Array("HPKE-v1".utf8)
  let suite: [UInt8]

  /// LabeledExtract.
  func extract(salt: [UInt8], label: String, _ input: SecretBytes) -> SecretBytes {
    let prefix = Self.version + suite + Array(label.utf8)
    let keyed = SecretBytes(count: prefix.count + input.count) { buffer in
      buffer.copyBytes(from: prefix)
      input.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[prefix.count...]).copyMemory(from: $0) }
    }
    // HKDF-Extract is HMAC under the salt; an empty salt is a block of zeros (RFC 5869 section 2.2).
    let salt = salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt
    return SecretBytes(
      copying: keyed.withUnsafeBytes { HMACSHA256.authenticationCode(for: Array($0), key: SecretBytes(copying: salt)) })
  }

  /// LabeledExpand.
  func expand(
    _ secret: SecretBytes, label: String, _ info: [UInt8], count: Int
  ) throws(CryptographyError) -> SecretBytes {
    let labeled = [UInt8(count >> 8), UInt8(count & 0xFF)] + Self.version + suite + Array(label.utf8) + info
    // HKDF-Expand (RFC 5869 section 2.3); no more than one block is ever asked for here.
    guard (1...32).contains(count) else { throw .wrongLength(of: "derived key", expected: "1 to 32", actual: count) }
    return SecretBytes(copying: HMACSHA256.authenticationCode(for: labeled + [1], key: secret).prefix(count))
  }
}
