import Cryptography

/// Where a proposal stands: a function of the log's prefix and a time (docs/formats.md section 6). Times are Unix
/// milliseconds.
public enum Status: Sendable, Hashable {
  case open(missing: [Missing])
  /// An execution may start.
  case approved(Satisfaction)
  /// Nothing is missing but time.
  case locked(until: Int64)
  case objected(by: [String])
  case denied(Impossibility)
  case withdrawn(at: Int64)
  case expired(at: Int64)
  case executing(since: Int64)
  case executed(at: Int64)
  case failed(at: Int64)
  /// A crash hid the outcome; `execution.resolve` settles it.
  case unknown(at: Int64)
  /// Its epoch has passed.
  case stale(at: Int64)

  /// The word for it in the API.
  public var name: String {
    switch self {
    case .open: "open"
    case .approved: "approved"
    case .locked: "locked"
    case .objected: "objected"
    case .denied: "denied"
    case .withdrawn: "withdrawn"
    case .expired: "expired"
    case .executing: "executing"
    case .executed: "executed"
    case .failed: "failed"
    case .unknown: "unknown"
    case .stale: "stale"
    }
  }

  /// True when nothing can happen to the proposal any more.
  public var isFinal: Bool {
    switch self {
    case .objected, .denied, .withdrawn, .expired, .executed, .failed, .stale: true
    case .open, .approved, .locked, .executing, .unknown: false
    }
  }

  /// True while votes are taken.
  var takesVotes: Bool {
    switch self {
    case .open, .approved, .locked: true
    default: false
    }
  }
}

extension Evaluation {
  /// The status of a proposal that is open.
  var status: Status {
    switch self {
    case .satisfied(let satisfaction): return .approved(satisfaction)
    case .impossible(let why): return why.objectors.isEmpty ? .denied(why) : .objected(by: why.objectors)
    case .pending(let missing):
      if let until = Missing.untilTime(missing) { return .locked(until: until) }
      return .open(missing: missing)
    }
  }
}

extension Missing {
  /// The moment at which the last of these is there, when nothing but time is missing.
  static func untilTime(_ missing: [Missing]) -> Int64? {
    var until: Int64?
    for one in missing {
      let time: Int64
      switch one {
      case .time(let moment): time = moment
      case .oneOf(let lists):
        // The branch that opens first, if any needs nothing but time.
        guard let first = lists.compactMap({ untilTime($0) }).min() else { return nil }
        time = first
      default: return nil
      }
      until = max(until ?? time, time)
    }
    return until
  }
}
