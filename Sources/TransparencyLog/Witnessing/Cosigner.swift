import Cryptography

/// A witness's key that cosigns checkpoints (C2SP tlog-cosignature, type 0x04).
///
/// The key must serve nothing else: the signed message does not hold the cosigner's name.
public struct Cosigner: Sendable {
  private let key: Ed25519.PrivateKey
  /// The public half.
  public let verifierKey: VerifierKey

  public init(name: String, key: Ed25519.PrivateKey) throws(VerifierKey.Failure) {
    verifierKey = try VerifierKey(name: name, cosignatureV1: key.publicKey)
    self.key = key
  }

  /// Cosigns a checkpoint text. The caller has checked its consistency and made its record durable before this leaves.
  ///
  /// - Parameter seconds: Now, in seconds since 1970; at most 2^63 - 1.
  public func cosign(checkpointText text: [UInt8], at seconds: UInt64) throws(NoteError) -> NoteSignature {
    guard seconds <= Self.latestTime else { throw .signingFailed("the time \(seconds) is out of range") }
    let signature: [UInt8]
    do { signature = try key.sign(Self.message(text: text, at: seconds)) } catch { throw .signingFailed("\(error)") }
    return NoteSignature(
      checkedName: verifierKey.name, keyID: verifierKey.keyID, signature: seconds.bigEndianBytes + signature)
  }

  private static let latestTime: UInt64 = 1 << 63 - 1

  /// What is signed: a header, the time, the checkpoint text (tlog-cosignature, "Ed25519 signed message").
  static func message(text: [UInt8], at seconds: UInt64) -> [UInt8] {
    Array("cosignature/v1\ntime \(seconds)\n".utf8) + text
  }

  /// Time and Ed25519 signature of a cosignature; nil when it has not 72 octets or the time is above 2^63 - 1.
  static func split(_ signature: [UInt8]) -> (time: UInt64, signature: [UInt8])? {
    guard signature.count == 72 else { return nil }
    let time = UInt64(bigEndianBytes: signature[..<8])
    guard time <= latestTime else { return nil }
    return (time, Array(signature[8...]))
  }
}
