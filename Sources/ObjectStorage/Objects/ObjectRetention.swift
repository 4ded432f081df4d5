/// How long an object cannot be deleted or overwritten (Amazon S3 User Guide, "Locking objects with Object Lock").
///
/// There is one mode. GOVERNANCE can be bypassed with a header by whoever has the permission, so a lock in that mode would be
/// evidence of nothing; it cannot be written down here.
public enum ObjectRetention: Sendable, Hashable {
  /// Nobody, the account's root included, removes the version before that time. Unix milliseconds, after 1970 and
  /// before the year 10000; the service rounds to seconds.
  case compliance(until: Int64)

  static let lastTime: Int64 = 253_402_300_799_000

  var until: Int64 {
    switch self {
    case .compliance(let until): until
    }
  }

  var mode: String {
    switch self {
    case .compliance: "COMPLIANCE"
    }
  }
}
