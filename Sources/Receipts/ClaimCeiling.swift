import CanonicalJSON
import Governance

/// Something that people would like to believe about a box, and whether it proves it now.
public struct CeilingClaim: Sendable, Hashable {
  public enum State: Sendable, Hashable {
    case proved(evidence: String)
    case notProved(reason: String)
  }

  /// Stable.
  public let id: String
  public let title: String
  public let state: State

  /// Whether the box proves it now.
  public var isProved: Bool { if case .proved = state { true } else { false } }

  public var json: JSON {
    switch state {
    case .proved(let evidence):
      ["id": .string(id), "title": .string(title), "state": "proved", "evidence": .string(evidence)]
    case .notProved(let reason):
      ["id": .string(id), "title": .string(title), "state": "not-proved", "reason": .string(reason)]
    }
  }
}

/// The most that a box may claim of itself, computed from facts and never written by hand: nobody can leave out what does
/// not flatter.
public enum ClaimCeiling {
  /// Every claim, always all of them and in this order.
  public static func claims(from facts: BoxFacts) -> [CeilingClaim] {
    [
      CeilingClaim(id: "log-intact", title: "The log is the one that the box signed", state: logIntact(facts)),
      CeilingClaim(
        id: "decisions-recomputable", title: "Every decision can be recomputed by a stranger",
        state: .proved(
          evidence: "the log holds every statement and signature; epoch \(facts.constitution.epoch), constitution "
            + "\(facts.constitution.digest.hex)")),
      CeilingClaim(id: "one-log", title: "Everybody is shown the same log", state: oneLog(facts)),
      CeilingClaim(id: "no-rollback", title: "The log was not set back to an earlier state", state: noRollback(facts)),
      CeilingClaim(id: "four-eyes", title: "No single person can make the box act", state: fourEyes(facts)),
      CeilingClaim(
        id: "no-self-approval", title: "Nobody's approval of their own proposal counts", state: selfApproval(facts)),
      CeilingClaim(
        id: "signer-devices", title: "Signers keep their keys on devices of their own",
        state: .notProved(reason: "a signature shows that a key was used, not where it is kept or who held it")),
      CeilingClaim(
        id: "client-identity", title: "The clients that propose are who they say",
        state: .notProved(reason: "API clients do not sign: that a client asked is the box's word")),
      CeilingClaim(id: "time", title: "The times in the log are right", state: time(facts)),
      CeilingClaim(id: "durable", title: "What the box has confirmed survives a crash", state: durable(facts)),
      CeilingClaim(id: "transport", title: "Nobody on the network listens in", state: transport(facts)),
      CeilingClaim(id: "least-privilege", title: "The box runs without the rights of root", state: privilege(facts)),
      CeilingClaim(
        id: "erasable", title: "Private values can be erased, and proofs still hold", state: erasable(facts)),
      CeilingClaim(id: "isolated-tools", title: "Tools run in a jail", state: tools(facts)),
      CeilingClaim(
        id: "outside-effects", title: "What the box asked of the world has happened",
        state: .notProved(reason: "the log holds what the box sent and what it was answered, not what others then did")),
    ] + MachineCeiling.claims(from: facts)
  }

  private static func logIntact(_ facts: BoxFacts) -> CeilingClaim.State {
    switch facts.log {
    case .writable(let entries): .proved(evidence: "\(entries) entries, replayed at start to the signed root")
    case .readOnly(let reason): .notProved(reason: "the box only reads, because \(reason)")
    }
  }

  private static func oneLog(_ facts: BoxFacts) -> CeilingClaim.State {
    switch facts.witnesses {
    case .none: .notProved(reason: "no witnesses: the box could show different logs to different people")
    case .configured(let count, nil, _):
      .notProved(reason: "\(count) witnesses, but no checkpoint has enough of their signatures yet")
    case .configured(let count, .some(let size), _):
      .proved(evidence: "a quorum of \(count) witnesses cosigned the log at size \(size)")
    }
  }

  private static func noRollback(_ facts: BoxFacts) -> CeilingClaim.State {
    var guards: [String] = []
    if case .configured(let count, _, true) = facts.witnesses {
      guards.append("none of \(count) witnesses remembered a larger log")
    }
    var uncounted = ""
    if case .vouching(let vouching) = facts.machine {
      switch vouching.counter {
      case .stands(let count):
        if !MachineCeiling.isSoftware(vouching) {
          guards.append("the machine's counter stood at \(count), as the log says")
        }
      case .none(let reason):
        uncounted = "; no counter of the machine guards the directory (\(reason)), only witnesses do"
      }
    }
    guard guards.isEmpty else {
      return .proved(evidence: "when the box started, \(guards.joined(separator: ", and "))\(uncounted)")
    }
    switch facts.witnesses {
    case .none: return .notProved(reason: "no witnesses: a restored backup would look like the present\(uncounted)")
    case .configured: return .notProved(reason: "the witnesses were not all asked when the box started\(uncounted)")
    }
  }

  private static func fourEyes(_ facts: BoxFacts) -> CeilingClaim.State {
    var weak: [String] = []
    for (name, policy) in facts.constitution.policies.sorted(by: { $0.key < $1.key }) {
      for (rule, suffix) in [(policy.rule, ""), (policy.breakGlass?.rule ?? .deny, " (break-glass)")] {
        guard let number = leastSigners(rule), number < 2 else { continue }
        weak.append("\(name)\(suffix): \(number == 0 ? "nobody" : "one person")")
      }
    }
    if facts.constitution.root.threshold < 2 { weak.append("the root rule: one person") }
    return weak.isEmpty
      ? .proved(evidence: "every policy that allows anything takes at least two signers")
      : .notProved(reason: "these take fewer than two signers: \(weak.joined(separator: "; "))")
  }

  /// Never more than the number of distinct signers that the rule takes; nil for a rule that is never satisfied.
  private static func leastSigners(_ rule: Rule) -> Int? {
    switch rule {
    case .deny: return nil
    case .code(let code): return code.branches.values.compactMap(leastSigners).min()
    case .automatic: return 0
    case .single: return 1
    case .quorum(let quorum): return quorum.threshold
    case .groups(let quorums): return quorums.reduce(0) { $0 + $1.threshold }
    case .timelock(let lock): return leastSigners(lock.after)
    case .all(let rules):
      let numbers = rules.map(leastSigners)
      return numbers.contains(nil) ? nil : numbers.compactMap(\.self).max()
    case .any(let rules): return rules.compactMap(leastSigners).min()
    }
  }

  private static func selfApproval(_ facts: BoxFacts) -> CeilingClaim.State {
    let names = facts.constitution.policies.filter(\.value.selfApproval).keys.sorted()
    return names.isEmpty
      ? .proved(evidence: "no policy counts it")
      : .notProved(reason: "these policies count it: \(names.joined(separator: ", "))")
  }

  private static func time(_ facts: BoxFacts) -> CeilingClaim.State {
    switch facts.clock {
    case .host: .notProved(reason: "time is that of the host's clock, which the operator can set")
    }
  }

  private static func durable(_ facts: BoxFacts) -> CeilingClaim.State {
    switch facts.durability {
    case .confirmed:
      .proved(evidence: "answers wait for the storage to confirm, and a failed confirmation stops the box")
    case .unconfirmed(let why): .notProved(reason: why)
    }
  }

  private static func transport(_ facts: BoxFacts) -> CeilingClaim.State {
    let open = facts.listeners.filter { !$0.isLoopback && !$0.isEncrypted }.map(\.address)
    guard open.isEmpty else { return .notProved(reason: "without TLS on \(open.joined(separator: ", "))") }
    let addresses = facts.listeners.map { "\($0.address) (\($0.isEncrypted ? "TLS" : "loopback"))" }
    return .proved(evidence: addresses.isEmpty ? "the box does not listen" : addresses.joined(separator: ", "))
  }

  private static func privilege(_ facts: BoxFacts) -> CeilingClaim.State {
    facts.isRoot
      ? .notProved(reason: "the process runs as root") : .proved(evidence: "the process does not run as root")
  }

  private static func erasable(_ facts: BoxFacts) -> CeilingClaim.State {
    facts.valuesAreErasable
      ? .proved(evidence: "the log holds salted commitments; the values are encrypted beside it")
      : .notProved(reason: "the box keeps no store from which they could be erased")
  }

  private static func tools(_ facts: BoxFacts) -> CeilingClaim.State {
    switch facts.sandbox {
    case .none(let reason): .notProved(reason: "there is no jail here: \(reason)")
    case .jail(let missing) where missing.isEmpty:
      .proved(
        evidence: "each has one of its own with every layer, unless its approved manifest says otherwise")
    case .jail(let missing):
      .notProved(reason: "each has one of its own, but this machine gives it no \(missing.joined(separator: ", "))")
    }
  }
}
