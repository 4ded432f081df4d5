/// How a platform's security versions stand to what Intel knows (Intel PCS API v4, tcbStatus). `Revoked` is not a status that
/// a policy could accept: it is the absence of one (``TCBStanding``).
public enum TCBStatus: String, Sendable, Hashable, CaseIterable {
  case upToDate = "UpToDate"
  case hardeningNeeded = "SWHardeningNeeded"
  case configurationNeeded = "ConfigurationNeeded"
  case configurationAndHardeningNeeded = "ConfigurationAndSWHardeningNeeded"
  case outOfDate = "OutOfDate"
  case outOfDateConfigurationNeeded = "OutOfDateConfigurationNeeded"
}

/// A status, or that Intel has revoked these security versions.
public enum TCBStanding: Sendable, Hashable {
  case status(TCBStatus)
  case revoked

  /// As Intel writes it.
  public var name: String {
    switch self {
    case .status(let status): status.rawValue
    case .revoked: "Revoked"
    }
  }

  init?(name: String) {
    if name == "Revoked" {
      self = .revoked
    } else if let status = TCBStatus(rawValue: name) {
      self = .status(status)
    } else {
      return nil
    }
  }

  /// What two parts are together: everything that is wrong with either. Commutative, associative and idempotent.
  public func joined(_ other: TCBStanding) -> TCBStanding {
    guard case .status(let left) = self, case .status(let right) = other else { return .revoked }
    return .status(TCBStatus(faults: left.faults.union(right.faults)))
  }
}

extension TCBStatus {
  /// What is wrong, one bit each: the order in which statuses are worse than others is that of these sets.
  struct Faults: OptionSet {
    let rawValue: UInt8
    static let hardening = Faults(rawValue: 1)
    static let configuration = Faults(rawValue: 2)
    static let old = Faults(rawValue: 4)
  }

  var faults: Faults {
    switch self {
    case .upToDate: []
    case .hardeningNeeded: .hardening
    case .configurationNeeded: .configuration
    case .configurationAndHardeningNeeded: [.configuration, .hardening]
    case .outOfDate: .old
    case .outOfDateConfigurationNeeded: [.old, .configuration]
    }
  }

  /// Intel has no word for hardening that an old platform needs too: being out of date says more.
  init(faults: Faults) {
    if faults.contains(.old) {
      self = faults.contains(.configuration) ? .outOfDateConfigurationNeeded : .outOfDate
    } else if faults.contains(.configuration) {
      self = faults.contains(.hardening) ? .configurationAndHardeningNeeded : .configurationNeeded
    } else {
      self = faults.contains(.hardening) ? .hardeningNeeded : .upToDate
    }
  }
}
