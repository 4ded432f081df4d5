internal import COpenSSL

/// What both authenticated ciphers share: the layout IV(12) || ciphertext || tag(16), and the library calls.
enum SealedBox {
  static let ivCount = 12
  static let tagCount = 16
  static let overhead = ivCount + tagCount

  static func seal(
    _ plaintext: [UInt8], cipher: OpaquePointer?, key: SecretBytes, iv: [UInt8], aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    try plaintext.withUnsafeBytes { plaintext in
      Result { () throws(CryptographyError) in
        try seal(plaintext, cipher: cipher, key: key, iv: iv, aad: aad)
      }
    }.get()
  }

  static func seal(
    _ plaintext: UnsafeRawBufferPointer, cipher: OpaquePointer?, key: SecretBytes, iv: [UInt8], aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    guard iv.count == ivCount else {
      throw .wrongLength(of: "initialisation vector", expected: "\(ivCount)", actual: iv.count)
    }
    try checkSize(plaintext.count, of: "plaintext")
    try checkSize(aad.count, of: "associated data")
    guard let context = EVP_CIPHER_CTX_new() else { throw .libraryFailure("cipher context") }
    defer { EVP_CIPHER_CTX_free(context) }
    var done = false
    let sealed = [UInt8](unsafeUninitializedCapacity: plaintext.count + overhead) { output, written in
      guard let base = output.baseAddress else { return }
      done =
        start(context, cipher: cipher, key: key, iv: iv, aad: aad, encrypting: 1)
        && update(context, plaintext, to: base + ivCount)
        && finish(context)
        && EVP_CIPHER_CTX_ctrl(
          context, EVP_CTRL_AEAD_GET_TAG, Int32(tagCount), base + ivCount + plaintext.count) == 1
      if done {
        base.initialize(from: iv, count: ivCount)
        written = plaintext.count + overhead
      }
    }
    guard done else { throw .libraryFailure("encryption") }
    return sealed
  }

  /// How many bytes are in the sealed ones.
  static func plaintextCount(of sealed: [UInt8]) throws(CryptographyError) -> Int {
    guard sealed.count >= overhead else {
      throw .wrongLength(of: "sealed bytes", expected: "at least \(overhead)", actual: sealed.count)
    }
    try checkSize(sealed.count, of: "sealed bytes")
    return sealed.count - overhead
  }

  /// Decrypts into `output`, which has room for `plaintextCount`.
  static func open(
    _ sealed: [UInt8], cipher: OpaquePointer?, key: SecretBytes, aad: [UInt8],
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptographyError) {
    let count = try plaintextCount(of: sealed)
    try checkSize(aad.count, of: "associated data")
    guard let context = EVP_CIPHER_CTX_new() else { throw .libraryFailure("cipher context") }
    defer { EVP_CIPHER_CTX_free(context) }
    var tag = [UInt8](sealed.suffix(tagCount))
    // The library wants an address even for no bytes.
    let done = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { nothing in
      sealed.withUnsafeBytes { sealed -> Bool in
        guard let base = output.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nothing.baseAddress else {
          return false
        }
        return start(context, cipher: cipher, key: key, iv: [UInt8](sealed.prefix(ivCount)), aad: aad, encrypting: 0)
          && update(context, UnsafeRawBufferPointer(rebasing: sealed[ivCount..<ivCount + count]), to: base)
          && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagCount), &tag) == 1
          && finish(context)
      }
    }
    guard done else {
      // Bytes that failed authentication are an attacker's choice: they never leave this function.
      OPENSSL_cleanse(output.baseAddress, output.count)
      throw .authenticationFailed
    }
  }

  /// Decrypts into an array.
  static func open(
    _ sealed: [UInt8], cipher: OpaquePointer?, key: SecretBytes, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    let count = try plaintextCount(of: sealed)
    var plaintext = [UInt8](repeating: 0, count: count)
    try plaintext.withUnsafeMutableBytes { output in
      Result { () throws(CryptographyError) in
        try open(sealed, cipher: cipher, key: key, aad: aad, into: output)
      }
    }.get()
    return plaintext
  }

  /// The library counts in `int`.
  private static func checkSize(_ count: Int, of field: String) throws(CryptographyError) {
    guard count <= Int(Int32.max) - overhead else {
      throw .wrongLength(of: field, expected: "less than 2 GiB of", actual: count)
    }
  }

  private static func start(
    _ context: OpaquePointer, cipher: OpaquePointer?, key: SecretBytes, iv: [UInt8], aad: [UInt8], encrypting: Int32
  ) -> Bool {
    let keyed = key.withUnsafeBytes {
      EVP_CipherInit_ex2(context, cipher, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, encrypting, nil)
    }
    var count: Int32 = 0
    return keyed == 1 && (aad.isEmpty || EVP_CipherUpdate(context, nil, &count, aad, Int32(aad.count)) == 1)
  }

  private static func update(
    _ context: OpaquePointer, _ input: UnsafeRawBufferPointer, to output: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    guard let base = input.baseAddress?.assumingMemoryBound(to: UInt8.self), !input.isEmpty else { return true }
    var count: Int32 = 0
    return EVP_CipherUpdate(context, output, &count, base, Int32(input.count)) == 1 && Int(count) == input.count
  }

  private static func finish(_ context: OpaquePointer) -> Bool {
    var count: Int32 = 0
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { scratch in
      EVP_CipherFinal_ex(context, scratch.baseAddress, &count) == 1 && count == 0
    }
  }
}
