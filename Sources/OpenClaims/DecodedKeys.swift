internal import Cryptography
internal import Synchronization

/// Remembers decoded keys. Decoding a point costs a third of verifying a signature, and an auditor meets the same few
/// keys in every entry of a log. Decoding is a function of the bytes alone, so nothing observable depends on this.
final class DecodedKeys: Sendable {
  static let shared = DecodedKeys(capacity: 1024)

  private let capacity: Int
  private let keys = Mutex<[[UInt8]: P256.PublicKey]>([:])

  init(capacity: Int) { self.capacity = capacity }

  /// The key of these bytes. Bytes that are no key are not remembered.
  func key(spkiDER bytes: [UInt8]) throws(CryptographyError) -> P256.PublicKey {
    if let known = keys.withLock({ $0[bytes] }) { return known }
    let key = try P256.PublicKey(spkiDER: bytes)
    keys.withLock { keys in
      // A flood of fresh keys costs its sender's share of time, never memory.
      if keys.count >= capacity { keys.removeAll(keepingCapacity: true) }
      keys[bytes] = key
    }
    return key
  }

  /// The number of keys remembered now.
  var count: Int { keys.withLock { $0.count } }
}
