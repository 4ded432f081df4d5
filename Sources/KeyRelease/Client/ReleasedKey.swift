import Cryptography
import Governance

/// A key that a broker released to this box, and the release by which it did.
public struct ReleasedKey: Sendable {
  /// In memory alone: whoever writes it to a disk undoes what the release was for.
  public let key: SecretBytes
  /// The action digest of the release: its entries, and their receipt, are in the broker's log under this name.
  public let release: SHA256Digest
  /// What the broker recorded of it: the keys that it was sealed to, the evidence, and what was accepted.
  public let record: KeyReleaseRecord
}
