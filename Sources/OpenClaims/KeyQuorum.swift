/// M of N keys, counted by their bytes: one key is one, in however many encodings, claims and signatures it appears.
///
/// Who owns which key is not known here; where one person may hold several keys, count persons above.
public struct KeyQuorum: Sendable, Hashable {
  /// How many distinct keys must sign, at least 1.
  public let threshold: Int
  /// The keys that count.
  public let keys: Set<ClaimKey>

  /// `KeyQuorum(2, of: keys)`. A threshold below 1 would be satisfied by nobody, one above the number of distinct keys
  /// never; both are refused.
  public init(_ threshold: Int, of keys: some Sequence<ClaimKey>) throws(ClaimError) {
    let distinct = Set(keys)
    guard threshold >= 1, threshold <= distinct.count else {
      throw .thresholdOutOfRange(threshold: threshold, keys: distinct.count)
    }
    self.threshold = threshold
    self.keys = distinct
  }

  /// The keys of the quorum among those that signed the claims. The claims must say the same; that is for the caller
  /// to have checked.
  public func signers(of claims: some Sequence<Verified<Claim>>) -> Set<ClaimKey> {
    claims.reduce(into: []) { $0.formUnion(keys.intersection($1.validKeys)) }
  }

  /// Refuses unless enough keys of the quorum have signed this claim.
  public func require(_ claim: Verified<Claim>) throws(ClaimError) {
    let actual = signers(of: [claim]).count
    if actual < threshold { throw .belowThreshold(required: threshold, actual: actual) }
  }
}
