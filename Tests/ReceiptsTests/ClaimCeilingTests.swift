import Attestation
import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import Receipts

@Suite struct ClaimCeilingTests {
  private func facts(_ change: (inout BoxFacts) throws -> Void = { _ in }) throws -> BoxFacts {
    var story = try Stories.quorum()
    story.policies = story.policies.setting("halting.breakGlass", to: nil)
    var facts = BoxFacts(
      machine: .none, dataKey: .file, witnesses: .configured(count: 3, cosigned: 41, askedAtStart: true),
      log: .writable(entries: 42), clock: .host, durability: .confirmed,
      listeners: [.init(address: "127.0.0.1:8080", isLoopback: true, isEncrypted: false)], isRoot: false,
      sandbox: .jail(missing: []), keysAreFiles: true, valuesAreErasable: true,
      constitution: try Constitution(json: story.constitution(epoch: 1)))
    try change(&facts)
    return facts
  }

  private func constitution(_ change: (inout Story) throws -> Void) throws -> Constitution {
    var story = try Stories.quorum()
    try change(&story)
    return try Constitution(json: story.constitution(epoch: 1))
  }

  private func proved(_ facts: BoxFacts) -> Set<String> {
    Set(ClaimCeiling.claims(from: facts).filter(\.isProved).map(\.id))
  }

  @Test func bestCaseProvesOnlyWhatFactsShow() throws {
    #expect(
      proved(try facts()) == [
        "log-intact", "decisions-recomputable", "one-log", "no-rollback", "four-eyes", "no-self-approval", "durable",
        "transport", "least-privilege", "erasable", "isolated-tools",
      ])
  }

  /// What no fact of this version can show stays unproved in the best case.
  @Test func honestItemsAreAlwaysListed() throws {
    let claims = ClaimCeiling.claims(from: try facts())
    for id in [
      "signer-devices", "client-identity", "time", "operator-cannot-sign", "known-hardware", "known-software",
      "memory-encryption", "measured-boot", "event-log", "code-measurement", "key-release", "side-channels",
      "no-paravisor", "outside-effects",
    ] {
      let claim = try #require(claims.first { $0.id == id })
      #expect(!claim.isProved)
      #expect(claim.json["reason"]?.string?.isEmpty == false)
    }
    #expect(Set(claims.map(\.id)).count == claims.count)
  }

  /// Each fact that turns bad takes exactly its own claims away.
  @Test func eachFactTakesItsClaimAway() throws {
    let best = proved(try facts())
    func loses(_ change: (inout BoxFacts) throws -> Void, _ lost: Set<String>) throws {
      #expect(best.subtracting(proved(try facts(change))) == lost)
    }
    try loses({ $0.witnesses = .none }, ["one-log", "no-rollback"])
    try loses({ $0.witnesses = .configured(count: 3, cosigned: nil, askedAtStart: true) }, ["one-log"])
    try loses({ $0.witnesses = .configured(count: 3, cosigned: 41, askedAtStart: false) }, ["no-rollback"])
    try loses({ $0.log = .readOnly(reason: "the tail does not lead to the signed root") }, ["log-intact"])
    try loses({ $0.durability = .unconfirmed(why: "synchronous is off") }, ["durable"])
    try loses({ $0.isRoot = true }, ["least-privilege"])
    try loses({ $0.sandbox = .none(reason: "no worker") }, ["isolated-tools"])
    try loses({ $0.sandbox = .jail(missing: ["seccomp"]) }, ["isolated-tools"])
    try loses({ $0.valuesAreErasable = false }, ["erasable"])
    try loses(
      { $0.listeners.append(.init(address: "0.0.0.0:80", isLoopback: false, isEncrypted: false)) }, ["transport"])
    try loses({ $0.listeners.append(.init(address: "0.0.0.0:443", isLoopback: false, isEncrypted: true)) }, [])
    try loses(
      { facts in
        facts.constitution = try constitution { $0.policies = $0.policies.setting("payments.selfApproval", to: true) }
      }, ["four-eyes", "no-self-approval"])
  }

  private func vouching(
    _ kind: EvidenceKind, _ root: BoxFacts.Vouching.Root = .hardware(vendor: "Maker"), hasEventLog: Bool = true
  ) -> BoxFacts.Vouching {
    BoxFacts.Vouching(
      parts: [.init(kind: kind, root: root, hasEventLog: hasEventLog, showsCode: true)], digest: SHA256.hash([1]),
      expires: 1_800_000_000_000, failure: nil, code: .measured(events: 5, isLocked: false), counter: .stands(at: 7))
  }

  /// What each platform adds, and no more: claims are computed from what vouches.
  @Test(arguments: [
    (EvidenceKind.tpm, ["known-hardware", "measured-boot", "event-log", "code-measurement"]),
    (.gcpVTPM, ["known-hardware", "measured-boot", "event-log", "code-measurement"]),
    (.nitroTPM, ["known-hardware", "measured-boot", "event-log", "code-measurement"]),
    (.azure, ["known-hardware", "measured-boot", "event-log", "code-measurement", "memory-encryption"]),
    (
      .snp,
      ["known-hardware", "measured-boot", "event-log", "code-measurement", "memory-encryption", "no-paravisor"]
    ),
    (
      .tdx,
      ["known-hardware", "measured-boot", "event-log", "code-measurement", "memory-encryption", "no-paravisor"]
    ),
  ]) func platformsAddTheirOwn(kind: EvidenceKind, added: [String]) throws {
    let bare = proved(try facts())
    let with = proved(try facts { $0.machine = .vouching(vouching(kind)) })
    #expect(with.subtracting(bare) == Set(added))
    let logless = proved(try facts { $0.machine = .vouching(vouching(kind, hasEventLog: false)) })
    #expect(with.subtracting(logless) == ["event-log"])
  }

  @Test(arguments: EvidenceKind.allCases) func softwareAndUnknownRootsAddNothing(kind: EvidenceKind) throws {
    let bare = proved(try facts { $0.witnesses = .none })
    for root in [BoxFacts.Vouching.Root.software(name: "swtpm"), .unknown] {
      let claims = ClaimCeiling.claims(
        from: try facts {
          $0.machine = .vouching(vouching(kind, root))
          $0.witnesses = .none
        })
      // An unknown root's counter still counts: it is this machine's, whoever made it.
      let allowed: Set<String> = root == .unknown ? ["no-rollback"] : []
      #expect(Set(claims.filter(\.isProved).map(\.id)).subtracting(bare) == allowed)
    }
    let claims = ClaimCeiling.claims(
      from: try facts { $0.machine = .vouching(vouching(kind, .software(name: "swtpm"))) })
    let reason = try #require(claims.first { $0.id == "known-hardware" }).json["reason"]?.string
    #expect(reason == "software TPM (swtpm): proves nothing about hardware")
  }

  @Test func aFailedRenewalTakesWhatTheMachineGave() throws {
    var stale = vouching(.snp)
    stale.failure = "the device is gone"
    #expect(proved(try facts { $0.machine = .vouching(stale) }) == proved(try facts()))
  }

  @Test func theCounterAndTheWitnessesEachGuardAgainstRollback() throws {
    func isProved(_ change: (inout BoxFacts) -> Void) throws -> Bool {
      proved(try facts(change)).contains("no-rollback")
    }
    #expect(try !isProved { $0.witnesses = .none })
    #expect(
      try isProved {
        $0.witnesses = .none
        $0.machine = .vouching(vouching(.tpm))
      })
    #expect(
      try !isProved {
        $0.witnesses = .none
        var uncounted = vouching(.tpm)
        uncounted.counter = .none(reason: "it has none")
        $0.machine = .vouching(uncounted)
      })
  }

  /// A processor's report beside a TPM: what either proves, the box proves, but measured code only by the one that shows it,
  /// and the absence of the cloud's software only by both.
  @Test func aCombinationProvesWhatItsMembersDo() throws {
    typealias Part = BoxFacts.Vouching.Part
    func proves(_ parts: [Part]) throws -> Set<String> {
      var combined = vouching(.snp)
      combined.parts = parts
      return proved(try facts { $0.machine = .vouching(combined) }).subtracting(proved(try facts()))
    }
    let report = Part(kind: .snp, root: .hardware(vendor: "AMD"), hasEventLog: false, showsCode: false)
    let quote = Part(kind: .tpm, root: .hardware(vendor: "Maker"), hasEventLog: true, showsCode: true)
    var unknown = quote
    unknown.root = .unknown
    var played = quote
    played.root = .software(name: "swtpm")
    let both = try proves([report, quote])
    #expect(both == ["known-hardware", "memory-encryption", "measured-boot", "event-log", "code-measurement"])
    for other in [unknown, played] {
      #expect(try proves([report, other]) == ["known-hardware", "memory-encryption", "measured-boot"])
    }
  }

  /// What a platform lacks is said with the reason, whatever root vouches for the rest.
  @Test(arguments: [BoxFacts.Vouching.Root.hardware(vendor: "Maker"), .unknown, .software(name: "played")])
  func aPlatformWithoutRegisterAndCounterSaysSo(root: BoxFacts.Vouching.Root) throws {
    var bare = vouching(.snp, root)
    bare.code = .unmeasured(reason: "it has no register")
    bare.counter = .none(reason: "it counts nothing")
    func claim(_ id: String, _ witnesses: BoxFacts.Witnesses) throws -> CeilingClaim {
      let facts = try facts {
        $0.machine = .vouching(bare)
        $0.witnesses = witnesses
      }
      return try #require(ClaimCeiling.claims(from: facts).first { $0.id == id })
    }
    let code = try claim("code-measurement", .none)
    #expect(
      code.json["reason"]?.string?.hasPrefix("guest code is not measured on sev-snp: it has no register; ") == true)
    let alone = try claim("no-rollback", .none)
    #expect(!alone.isProved)
    let witnessed = try claim("no-rollback", .configured(count: 3, cosigned: 41, askedAtStart: true))
    #expect(witnessed.isProved)
    for words in [alone.json["reason"]?.string, witnessed.json["evidence"]?.string] {
      #expect(
        words?.hasSuffix("no counter of the machine guards the directory (it counts nothing), only witnesses do")
          == true)
    }
  }

  @Test func keysAreReleasedOnlyWhereABrokerDid() throws {
    func released(hardware: Bool) throws -> BoxFacts {
      try facts {
        $0.dataKey = .released(
          .init(
            broker: "https://broker.example:8472", digest: SHA256.hash(utf8: "release"), accepted: "image 1.0",
            isHardware: hardware))
      }
    }
    #expect(proved(try released(hardware: true)).subtracting(proved(try facts())) == ["key-release"])
    for facts in [try facts(), try facts { $0.dataKey = .awaited(broker: "https://b") }, try released(hardware: false)]
    {
      #expect(!proved(facts).contains("key-release"))
    }
    // From which broker and by which release, whatever it proves.
    for hardware in [true, false] {
      let claim = try #require(
        ClaimCeiling.claims(from: try released(hardware: hardware)).first { $0.id == "key-release" })
      for part in ["https://broker.example:8472", SHA256.hash(utf8: "release").hex, "image 1.0"] {
        #expect(claim.json.canonicalString().contains(part))
      }
    }
  }

  private static let weakRules: [(rule: JSON, words: String)] = [
    (["rule": "automatic", "checks": []], "payments: nobody"),
    (["rule": "single", "committee": "officers"], "payments: one person"),
    (
      [
        "rule": "any",
        "of": [
          ["rule": "quorum", "committee": "officers", "threshold": 2],
          [
            "rule": "timelock", "delay": 60, "objectors": "officers", "objections": 1,
            "after": ["rule": "single", "committee": "officers"],
          ],
        ],
      ], "payments: one person"
    ),
  ]

  /// Automatic policies, single approvals and a weak branch of `any` are each named.
  @Test(arguments: weakRules) func fourEyesNamesTheWeakPolicy(_ rule: JSON, _ words: String) throws {
    let weak = try facts { facts in
      facts.constitution = try constitution {
        $0.policies = $0.policies.setting("payments.rule", to: rule).setting("halting.breakGlass", to: nil)
      }
    }
    let claim = try #require(ClaimCeiling.claims(from: weak).first { $0.id == "four-eyes" })
    guard case .notProved(let reason) = claim.state else {
      Issue.record("four eyes are claimed")
      return
    }
    #expect(reason.contains(words))
    #expect(!reason.contains("governance"))
  }
}
