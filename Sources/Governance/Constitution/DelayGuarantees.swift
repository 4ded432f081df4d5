/// A delay that a change has to wait out, and who may object in the meantime.
public struct Wait: Sendable, Hashable {
  /// Seconds.
  public var delay: Int64
  /// Each of these committees may stop the change; empty where the delay had no objectors, as the root's has none.
  public var objectors: [Quorum]
}

/// The delays that action types were guaranteed before they became denied. Without this memory two changes would do what
/// one may not: deny a type at once, then allow it without its delay.
public struct DelayFloors: Sendable, Hashable {
  var waits: [Pattern: Wait] = [:]

  /// No type was ever denied after having had a delay.
  public init() {}
}

extension Policy {
  /// What the delay of an action under this policy cannot fall below, with the objectors who watch it; nil where the
  /// policy never allows anything.
  var guarantee: Wait? {
    let rules = [rule, breakGlass?.rule].compactMap(\.self)
    guard let delay = rules.compactMap(\.guaranteedDelay).min() else { return nil }
    let objectors = rules.flatMap(\.timelocks).map(\.objectors).reduce(into: [Quorum]()) {
      if !$0.contains($1) { $0.append($1) }
    }
    return Wait(delay: delay, objectors: objectors)
  }
}

extension Constitution {
  /// The delay that a type was guaranteed until now: by its policy, or by what covered it before it became denied.
  private func guarantee(of type: String, _ floors: DelayFloors) -> Wait? {
    if let wait = policy(covering: type)?.policy.guarantee { return wait }
    return Pattern.covering(type).compactMap { floors.waits[$0] }.max { $0.delay < $1.delay }
  }

  /// What a change to `new` has to wait out because it shortens the delay that some type is guaranteed. One type stands
  /// for all that fall to the same pattern. A type that was denied and never had a delay had none to shorten.
  func waits(for new: Constitution, _ floors: DelayFloors) -> [Wait] {
    var waits: [Wait] = []
    for type in representatives(with: new, floors) {
      guard let old = guarantee(of: type, floors), let next = new.policy(covering: type)?.policy.guarantee,
        next.delay < old.delay, !waits.contains(old)
      else { continue }
      waits.append(old)
    }
    if new.root.delay < root.delay { waits.append(Wait(delay: root.delay, objectors: [])) }
    return waits
  }

  /// The floors after a change to `new`.
  func floors(after new: Constitution, _ floors: DelayFloors) -> DelayFloors {
    var result = DelayFloors()
    let patterns = Set(policies.values.flatMap(\.covers)).union(floors.waits.keys)
    for pattern in patterns where new.policy(covering: pattern.representative)?.policy.guarantee == nil {
      guard let wait = guarantee(of: pattern.representative, floors), wait.delay > 0 else { continue }
      result.waits[pattern] = wait
    }
    return result
  }

  private func representatives(with new: Constitution, _ floors: DelayFloors) -> [String] {
    let patterns = Set(policies.values.flatMap(\.covers)).union(new.policies.values.flatMap(\.covers))
      .union(floors.waits.keys)
    return patterns.sorted().map(\.representative)
  }
}
