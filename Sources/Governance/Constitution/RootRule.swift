import CanonicalJSON
import Cryptography

/// The rule that can always replace a broken policy. It is so many members of one committee and a delay: nothing in it
/// can be scripted, so nothing in it can be broken.
public struct RootRule: Sendable, Hashable {
  public var committee: String
  public var threshold: Int
  /// Seconds, at most 14 days.
  public var delay: Int64

  public init(committee: String, threshold: Int, delay: Int64) {
    self.committee = committee
    self.threshold = threshold
    self.delay = delay
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    committee = try reader.name("committee")
    threshold = Int(try reader.integer("threshold", in: 1...Int64(Constitution.Limits.signers)))
    delay = try reader.integer("delay", in: 0...Rule.Limits.delay)
    try reader.finish()
  }

  var json: JSON {
    ["committee": .string(committee), "threshold": .integer(Int64(threshold)), "delay": .integer(delay)]
  }

  /// What a statement of `governance.recover` names as its policy: SHA-256 of JCS `{"root":ROOT}`.
  public var digest: SHA256Digest { .of(["root": json]) }

  /// The signatures it takes.
  var quorum: Quorum { Quorum(threshold, of: committee) }
}
