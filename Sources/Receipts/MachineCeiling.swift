import Attestation
import Cryptography
import Governance

/// The part of the claim ceiling that rests on the machine: what its evidence can prove, by platform, and what no evidence does.
enum MachineCeiling {
  static func claims(from facts: BoxFacts) -> [CeilingClaim] {
    [
      CeilingClaim(
        id: "known-hardware", title: "The box runs on known hardware",
        state: resting(facts) { part, vendor in
          .proved(evidence: "\(vendor) vouches for \(part.kind.rawValue) evidence\(digest(facts))")
        }),
      CeilingClaim(
        id: "memory-encryption", title: "The operator cannot read the memory of the box",
        state: resting(facts) { part, vendor in
          part.kind.encryptsMemory
            ? .proved(evidence: "\(vendor) vouches for encrypted memory; side channels are another line")
            : .notProved(
              reason:
                "\(part.kind.rawValue) measures and signs, and encrypts no memory: whoever is root can read it")
        }),
      CeilingClaim(
        id: "operator-cannot-sign", title: "The operator cannot sign as the box",
        state: .notProved(
          reason: facts.keysAreFiles
            ? "the keys of the log are files that the operator can copy" : "no key of the log is held by hardware")),
      CeilingClaim(
        id: "measured-boot", title: "What the machine booted is measured",
        state: resting(facts) { part, _ in
          .proved(
            evidence:
              "\(part.kind.rawValue): the registers are in the evidence; a verifier's releases say whether they "
              + "are the right ones")
        }),
      CeilingClaim(
        id: "event-log", title: "Every step of the boot can be named",
        state: resting(facts) { part, _ in
          part.hasEventLog
            ? .proved(evidence: "the firmware's log is in the evidence and leads to its registers")
            : .notProved(reason: "the platform gave no event log: the registers are numbers without names")
        }),
      CeilingClaim(
        id: "code-measurement", title: "Every tool, rule, model and runner was measured before its first use",
        state: codeMeasurement(facts)),
      CeilingClaim(
        id: "key-release", title: "The box's data can be opened only by a box that proved what it is",
        state: keyRelease(facts.dataKey)),
      CeilingClaim(
        id: "side-channels", title: "Nothing leaks through shared hardware",
        state: .notProved(
          reason:
            "no evidence excludes timing, cache, power or bus observation; see docs/threat-model.md for each platform")),
      CeilingClaim(
        id: "no-paravisor", title: "No software of the cloud stands between the box and the hardware",
        state: resting(facts, demanding: .every) { part, _ in
          switch part.kind {
          case .azure:
            .notProved(reason: "the TPM lives in Microsoft's paravisor, whose code is measured and not yours to choose")
          case .gcpVTPM, .nitroTPM: .notProved(reason: "the TPM is software of the cloud, which the cloud vouches for")
          case .tpm:
            .notProved(reason: "whether the TPM is a chip or the cloud's software, its certificate says and no quote")
          case .combined: .notProved(reason: "its members are what is judged")
          case .snp, .tdx, .nitroEnclave, .nvidia:
            .proved(evidence: "the report is signed below every guest's software")
          }
        }),
      CeilingClaim(
        id: "known-software", title: "The box runs a signed release",
        state: .notProved(
          reason: "a box cannot judge itself: hold its evidence against approved releases with `safebox attest verify`")
      ),
    ]
  }

  /// The broker's word counts for the machine that it found: where software plays one, whoever has that software's state can
  /// ask in its place.
  private static func keyRelease(_ key: BoxFacts.DataKey) -> CeilingClaim.State {
    switch key {
    case .file: return .notProved(reason: "the key of the data is a file beside the data")
    case .awaited(let broker):
      return .notProved(reason: "the broker \(broker) has not released the key to this start of the box")
    case .released(let release):
      let what =
        "the broker \(release.broker) released the key to this start of the box by \(release.digest.hex), whose receipt "
        + "is in the broker's log, "
        + (release.accepted == "any" ? "whatever software it runs" : "as running \(release.accepted)")
      return release.isHardware
        ? .proved(evidence: what) : .notProved(reason: "\(what); but software plays the machine, and proves nothing")
    }
  }

  private static func digest(_ facts: BoxFacts) -> String {
    if case .vouching(let vouching) = facts.machine { " \(vouching.digest.hex)" } else { "" }
  }

  /// What a platform has no register for is said of every root: no verifier of evidence can make it good. Where there is a
  /// register, the evidence that shows it must be vouched for, and no other.
  private static func codeMeasurement(_ facts: BoxFacts) -> CeilingClaim.State {
    guard case .vouching(var vouching) = facts.machine else { return resting(facts) { .proved(evidence: $1) } }
    let events: Int
    let isLocked: Bool
    switch vouching.code {
    case .unmeasured(let reason):
      return .notProved(
        reason:
          "guest code is not measured on \(vouching.kinds): \(reason); the evidence shows what was booted, and the log "
          + "which code was used")
    case .measured(let count, let isClosed): (events, isLocked) = (count, isClosed)
    }
    vouching.parts = vouching.parts.filter(\.showsCode)
    var facts = facts
    facts.machine = .vouching(vouching)
    return resting(facts) { _, _ in
      .proved(
        evidence: "\(events) events since the machine started, "
          + (isLocked ? "and none after the owners closed the set" : "with their preimages in the log"))
    }
  }

  /// Whether software plays the machine, or a part of it.
  static func isSoftware(_ vouching: BoxFacts.Vouching) -> Bool {
    vouching.parts.contains { if case .software = $0.root { true } else { false } }
  }

  /// Of how many members of a combination a claim must hold.
  private enum Demand { case one, every }

  /// A claim that holds only where hardware vouches, to which the box can follow the chain itself.
  private static func resting(
    _ facts: BoxFacts, demanding demand: Demand = .one,
    _ claim: (BoxFacts.Vouching.Part, _ vendor: String) -> CeilingClaim.State
  ) -> CeilingClaim.State {
    switch facts.machine {
    case .none: return .notProved(reason: "no machine vouches: box.json names no platform")
    case .silent(let why): return .notProved(reason: "the machine has not vouched for this start of the box: \(why)")
    case .vouching(let vouching):
      if let failure = vouching.failure { return .notProved(reason: "the identity could not be renewed: \(failure)") }
      let states = vouching.parts.map { state(of: $0, claim) }
      var evidence: [String] = []
      var reasons: [String] = []
      for state in states {
        switch state {
        case .proved(let text): evidence.append(text)
        case .notProved(let text): reasons.append(text)
        }
      }
      let holds = demand == .one ? !evidence.isEmpty : reasons.isEmpty && !evidence.isEmpty
      return holds
        ? .proved(evidence: unique(evidence)) : .notProved(reason: unique(reasons))
    }
  }

  private static func state(
    of part: BoxFacts.Vouching.Part, _ claim: (BoxFacts.Vouching.Part, _ vendor: String) -> CeilingClaim.State
  ) -> CeilingClaim.State {
    switch part.root {
    case .hardware(let vendor): claim(part, vendor)
    case .software(let name): .notProved(reason: "software TPM (\(name)): proves nothing about hardware")
    case .unknown:
      .notProved(
        reason:
          "\(part.kind.rawValue) evidence whose root this program does not carry: a verifier that trusts it can say more"
      )
    }
  }

  /// What several members say alike is said once.
  private static func unique(_ texts: [String]) -> String {
    var said: [String] = []
    for text in texts where !said.contains(text) { said.append(text) }
    return said.joined(separator: "; ")
  }
}

extension BoxFacts.Vouching {
  /// The kinds of its members, as people read them.
  var kinds: String { parts.map(\.kind.rawValue).joined(separator: " and ") }
}

extension EvidenceKind {
  /// Whether the platform keeps the guest's memory from whoever runs the machine.
  var encryptsMemory: Bool {
    switch self {
    case .snp, .azure, .tdx, .nitroEnclave: true
    case .tpm, .gcpVTPM, .nitroTPM, .nvidia, .combined: false
    }
  }
}
