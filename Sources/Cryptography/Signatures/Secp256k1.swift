internal import CSecp256k1

/// ECDSA over secp256k1 with recovery of the signer (SEC 1 section 4.1.6): what EVM chains sign with.
///
/// Digests are 32 bytes, normally Keccak-256 of the message; hashing is the caller's, since chains differ.
public enum Secp256k1 {
  /// The numbers r and s, both in 1..<n.
  public struct Signature: Sendable, Hashable {
    /// The 64 bytes r || s.
    public let p1363: [UInt8]

    /// Reads exactly 64 bytes r || s.
    public init(p1363 bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 64, let r = Scalar256(bigEndian: bytes[..<32]), let s = Scalar256(bigEndian: bytes[32...])
      else { throw .wrongLength(of: "secp256k1 signature", expected: "64", actual: bytes.count) }
      guard !r.isZero, r < .secp256k1Order, !s.isZero, s < .secp256k1Order else {
        throw .malformed("secp256k1 signature", reason: "r or s is not in 1..<n")
      }
      p1363 = bytes
    }

    /// Reads strict DER: one encoding for each pair, nothing after it.
    public init(strictDER bytes: [UInt8]) throws(CryptographyError) {
      let (r, s) = try DERSignature.decode(bytes, scalarCount: 32)
      try self.init(p1363: [r, s].flatMap { [UInt8](repeating: 0, count: 32 - $0.count) + $0 })
    }

    /// Whether s is at most half the order: chains refuse the other half (BIP 62, EIP-2).
    public var isLowS: Bool { normalized.wasLow }

    /// The one of (r, s) and (r, n - s) with the low s.
    public var lowS: Signature {
      var library = normalized.signature
      var bytes = [UInt8](repeating: 0, count: 64)
      _ = secp256k1_ecdsa_signature_serialize_compact(Library.context, &bytes, &library)
      return (try? Signature(p1363: bytes)) ?? self
    }

    var normalized: (signature: secp256k1_ecdsa_signature, wasLow: Bool) {
      var input = secp256k1_ecdsa_signature()
      var output = secp256k1_ecdsa_signature()
      _ = secp256k1_ecdsa_signature_parse_compact(Library.context, &input, p1363)
      let wasHigh = secp256k1_ecdsa_signature_normalize(Library.context, &output, &input)
      return (output, wasHigh == 0)
    }
  }

  /// A signature from which the signer's key can be computed.
  public struct RecoverableSignature: Sendable, Hashable {
    /// r and s.
    public let signature: Signature
    /// 0 to 3: which of the points with that r (Ethereum's `v` is this plus 27, or plus 35 and twice the chain).
    public let recoveryID: UInt8

    /// - Throws: `malformed` for an identifier above 3.
    public init(signature: Signature, recoveryID: UInt8) throws(CryptographyError) {
      guard recoveryID <= 3 else { throw .malformed("recovery identifier", reason: "\(recoveryID) is above 3") }
      self.signature = signature
      self.recoveryID = recoveryID
    }

    /// The key that made this signature of the digest.
    ///
    /// Any digest yields some key for most signatures: compare the result with the key or address you expect.
    /// - Throws: `wrongLength` for a digest that is not 32 bytes, `invalidKey` when there is no such point.
    public func recoverPublicKey(digest: [UInt8]) throws(CryptographyError) -> PublicKey {
      try Library.checkDigest(digest)
      var parsed = secp256k1_ecdsa_recoverable_signature()
      var point = secp256k1_pubkey()
      guard
        secp256k1_ecdsa_recoverable_signature_parse_compact(
          Library.context, &parsed, signature.p1363, Int32(recoveryID)) == 1,
        secp256k1_ecdsa_recover(Library.context, &point, &parsed, digest) == 1
      else { throw .invalidKey("the signature belongs to no secp256k1 key") }
      return PublicKey(point)
    }
  }

  /// A point of the curve.
  public struct PublicKey: Sendable, Hashable {
    /// The point as 65 bytes 04 || X || Y.
    public let x963: [UInt8]

    /// Reads 65 bytes 04 || X || Y, or 33 bytes 02 or 03 || X, of a point on the curve.
    public init(_ bytes: [UInt8]) throws(CryptographyError) {
      var point = secp256k1_pubkey()
      // The library also reads the hybrid forms 06 and 07: a second text for the same key.
      guard bytes.count == 65 && bytes[0] == 4 || bytes.count == 33 else {
        throw .malformed("secp256k1 public key", reason: "is neither 33 nor 65 bytes of a point")
      }
      guard secp256k1_ec_pubkey_parse(Library.context, &point, bytes, bytes.count) == 1 else {
        throw .invalidKey("the point is not on secp256k1")
      }
      self.init(point)
    }

    init(_ point: secp256k1_pubkey) {
      x963 = Library.serialize(point, count: 65, form: SECP256K1_EC_UNCOMPRESSED)
    }

    /// The point as 33 bytes 02 or 03 || X.
    public var compressed: [UInt8] { Library.serialize(point, count: 33, form: SECP256K1_EC_COMPRESSED) }

    /// The 20 bytes that name the key on EVM chains: the end of Keccak-256 of X || Y.
    public var ethereumAddress: [UInt8] { [UInt8](Keccak256.hash([UInt8](x963.dropFirst())).suffix(20)) }

    /// Whether the signature, with low or high s, belongs to the 32-byte digest. Ask `isLowS` where a chain does.
    public func isValid(_ signature: Signature, digest: [UInt8]) -> Bool {
      guard digest.count == 32 else { return false }
      var library = signature.normalized.signature
      var point = point
      return secp256k1_ecdsa_verify(Library.context, &library, digest, &point) == 1
    }

    private var point: secp256k1_pubkey {
      var point = secp256k1_pubkey()
      _ = secp256k1_ec_pubkey_parse(Library.context, &point, x963, x963.count)
      return point
    }
  }

  /// A number in 1..<n that signs. Wiped when the last reference goes away.
  public final class PrivateKey: Sendable {
    /// The public key that belongs to it.
    public let publicKey: PublicKey
    /// The 32 big-endian bytes of the number.
    public let scalar: SecretBytes

    /// A fresh key. Stops the process when the random generator fails.
    public static func generate() -> PrivateKey {
      // A random number is outside 1..<n once in 2^127 times.
      for _ in 0..<2 {
        if let key = try? PrivateKey(scalar: SecretBytes.random(count: 32)) { return key }
      }
      preconditionFailure("the random generator failed")
    }

    /// Takes 32 big-endian bytes of a number in 1..<n.
    public init(scalar: SecretBytes) throws(CryptographyError) {
      guard scalar.count == 32 else {
        throw .wrongLength(of: "secp256k1 private key", expected: "32", actual: scalar.count)
      }
      var point = secp256k1_pubkey()
      let made = scalar.withUnsafeBytes { bytes -> Int32 in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        return secp256k1_ec_pubkey_create(Library.context, &point, base)
      }
      guard made == 1 else { throw .invalidKey("the secp256k1 private number is not in 1..<n") }
      publicKey = PublicKey(point)
      self.scalar = scalar
    }

    /// Signs a 32-byte digest with the nonce of RFC 6979: low s, and the same digest always yields the same bytes.
    public func sign(digest: [UInt8]) throws(CryptographyError) -> RecoverableSignature {
      try Library.checkDigest(digest)
      var signature = secp256k1_ecdsa_recoverable_signature()
      let signed = scalar.withUnsafeBytes { bytes -> Int32 in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        return secp256k1_ecdsa_sign_recoverable(Library.context, &signature, digest, base, nil, nil)
      }
      guard signed == 1 else { throw .libraryFailure("signing") }
      var bytes = [UInt8](repeating: 0, count: 64)
      var recoveryID: Int32 = 0
      _ = secp256k1_ecdsa_recoverable_signature_serialize_compact(Library.context, &bytes, &recoveryID, &signature)
      return try RecoverableSignature(
        signature: Signature(p1363: bytes), recoveryID: UInt8(truncatingIfNeeded: recoveryID))
    }
  }

  private enum Library {
    /// One context for all threads: it is not written after this initialiser, which blinds it against timing probes.
    nonisolated(unsafe) static let context: OpaquePointer = {
      guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY)) else {
        preconditionFailure("libsecp256k1 made no context")
      }
      let blinded = SecretBytes.random(count: 32).withUnsafeBytes {
        secp256k1_context_randomize(context, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
      }
      precondition(blinded == 1, "libsecp256k1 refused to blind its context")
      return context
    }()

    static func checkDigest(_ digest: [UInt8]) throws(CryptographyError) {
      guard digest.count == 32 else { throw .wrongLength(of: "digest", expected: "32", actual: digest.count) }
    }

    static func serialize(_ point: secp256k1_pubkey, count: Int, form: Int32) -> [UInt8] {
      var point = point
      var bytes = [UInt8](repeating: 0, count: count)
      var written = count
      _ = secp256k1_ec_pubkey_serialize(context, &bytes, &written, &point, UInt32(form))
      return bytes
    }
  }
}
