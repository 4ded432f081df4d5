import Attestation
import Cryptography
import Governance

/// The part of the claim ceiling that rests on the machine: what its evidence can prove, by platform, and what no evidence does.
enum MachineCeiling {
  static func claims(from facts: BoxFacts) -> [CeilingClaim] {
    [
      CeilingClaim(
        id: "known-hardware", title: "The box runs on known hardware",
        state: resting(facts) { vouching, vendor in
          .proved(evidence: "\(vendor) vouches for \(vouching.kind.rawValue) evidence \(vouching.digest.hex)")
        }),
      CeilingClaim(
        id: "memory-encryption", title: "The operator cannot read the memory of the box",
        state: resting(facts) { vouching, vendor in
          vouching.kind.encryptsMemory
            ? .proved(evidence: "\(vendor) vouches for encrypted memory; side channels are another line")
            : .notProved(
              reason:
                "\(vouching.kind.rawValue) measures and signs, and encrypts no memory: whoever is root can read it")
        }),
      CeilingClaim(
        id: "operator-cannot-sign", title: "The operator cannot sign as the box",
        state: .notProved(
          reason: facts.keysAreFiles
            ? "the keys of the log are files that the operator can copy" : "no key of the log is held by hardware")),
      CeilingClaim(
        id: "measured-boot", title: "What the machine booted is measured",
        state: resting(facts) { vouching, _ in
          .proved(
            evidence:
              "\(vouching.kind.rawValue): the registers are in the evidence; a verifier's releases say whether they "
              + "are the right ones")
        }),
      CeilingClaim(
        id: "event-log", title: "Every step of the boot can be named",
        state: resting(facts) { vouching, _ in
          vouching.hasEventLog
            ? .proved(evidence: "the firmware's log is in the evidence and leads to its registers")
            : .notProved(reason: "the platform gave no event log: the registers are numbers without names")
        }),
      CeilingClaim(
        id: "code-measurement", title: "Every tool, rule, model and runner was measured before its first use",
        state: resting(facts) { vouching, _ in
          .proved(
            evidence: "\(vouching.measured) events since the machine started, "
              + (vouching.isLocked ? "and none after the owners closed the set" : "with their preimages in the log"))
        }),
      CeilingClaim(
        id: "key-release", title: "The box's data can be opened only by a box that proved what it is",
        state: facts.isKeyReleased
          ? .proved(evidence: "a broker released the key to this start of the box, and logged it")
          : .notProved(reason: "the key of the data is a file beside the data")),
      CeilingClaim(
        id: "side-channels", title: "Nothing leaks through shared hardware",
        state: .notProved(
          reason:
            "no evidence excludes timing, cache, power or bus observation; see docs/threat-model.md for each platform")),
      CeilingClaim(
        id: "no-paravisor", title: "No software of the cloud stands between the box and the hardware",
        state: resting(facts) { vouching, _ in
          switch vouching.kind {
          case .azure:
            .notProved(reason: "the TPM lives in Microsoft's paravisor, whose code is measured and not yours to choose")
          case .gcpVTPM, .nitroTPM: .notProved(reason: "the TPM is software of the cloud, which the cloud vouches for")
          case .tpm:
            .notProved(reason: "whether the TPM is a chip or the cloud's software, its certificate says and no quote")
          case .combined: .notProved(reason: "the machines of its members are not told apart")
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

  /// Whether software only plays the machine.
  static func isSoftware(_ vouching: BoxFacts.Vouching) -> Bool {
    if case .software = vouching.root { true } else { false }
  }

  /// A claim that holds only where hardware vouches, to which the box can follow the chain itself.
  private static func resting(
    _ facts: BoxFacts, _ claim: (BoxFacts.Vouching, _ vendor: String) -> CeilingClaim.State
  ) -> CeilingClaim.State {
    switch facts.machine {
    case .none: return .notProved(reason: "no machine vouches: box.json names no platform")
    case .vouching(let vouching):
      if let failure = vouching.failure { return .notProved(reason: "the identity could not be renewed: \(failure)") }
      switch vouching.root {
      case .hardware(let vendor): return claim(vouching, vendor)
      case .software(let name):
        return .notProved(reason: "software TPM (\(name)): proves nothing about hardware")
      case .unknown:
        return .notProved(
          reason:
            "\(vouching.kind.rawValue) evidence whose root this program does not carry: a verifier that trusts it can say "
            + "more")
      }
    }
  }
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
