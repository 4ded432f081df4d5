import CanonicalJSON
import Cryptography
import TransparencyLog

/// The stories of which the tests make receipts: one for each way in which a box decides.
enum Stories {
  static let officers = ["alice", "bob", "carol"]

  /// Two of three officers approve a payment that an application asked for; its body is private, and disclosed.
  static func quorum() throws -> Story {
    let body: JSON = ["salt": .string(String(repeating: "ab", count: 32)), "value": ["amount": 1250, "to": "ACME"]]
    let commitment = digest(of: body)
    let signers = try officers.map { try TestSigner($0) }
    return Story(
      signers: signers, committees: ["officers": .array(officers.map(JSON.string))],
      policies: [
        "payments": [
          "covers": ["http.request"], "rule": ["rule": "quorum", "committee": "officers", "threshold": 2],
          "egress": ["addresses": ["127.0.0.1:8090"]],
        ],
        "governance": [
          "covers": ["governance.*"], "rule": ["rule": "quorum", "committee": "officers", "threshold": 2],
        ],
        "halting": [
          "covers": ["box.stop"], "rule": ["rule": "quorum", "committee": "officers", "threshold": 2],
          "breakGlass": ["rule": ["rule": "single", "committee": "officers"], "ttl": 3600],
        ],
      ],
      root: ["committee": "officers", "threshold": 3, "delay": 3600],
      action: [
        "type": "http.request",
        "params": [
          "method": "POST", "url": "https://bank.example/v1/payments", "body": ["$commitment": .string(commitment)],
          "idempotent": true,
        ],
      ],
      approvals: [.init(signer: signers[0], after: 10_000), .init(signer: signers[1], after: 20_000)],
      openings: [commitment: body])
  }

  static func undisclosed() throws -> Story {
    var story = try quorum()
    story.openings = [:]
    return story
  }

  /// An engineer who is an auditor too: each person fills one seat.
  static func groups() throws -> Story {
    var story = try quorum()
    let dave = try TestSigner("dave")
    story.signers.append(dave)
    story.committees = ["officers": ["alice", "bob", "carol"], "auditors": ["bob", "dave"]]
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "groups",
        "groups": [["committee": "officers", "threshold": 2], ["committee": "auditors", "threshold": 1]],
      ])
    story.policies = story.policies.setting("governance.rule.threshold", to: 3)
    // Bob sits with the auditors first, and moves when nobody else can: only a matching finds the places.
    story.approvals = [
      .init(signer: story.signers[1], after: 10_000), .init(signer: story.signers[0], after: 20_000),
      .init(signer: dave, after: 30_000),
    ]
    return story
  }

  static func timelock() throws -> Story {
    var story = try quorum()
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "timelock", "delay": 600, "objectors": "officers", "objections": 1,
        "after": ["rule": "quorum", "committee": "officers", "threshold": 2],
      ])
    story.startedAfter = 620_000
    return story
  }

  static func automatic() throws -> Story {
    var story = try quorum()
    story.approvals = []
    story.openings = [:]
    story.action = [
      "type": "http.request",
      "params": ["method": "GET", "url": "https://api.bank.example:8443/v1/rates", "amount": 40, "tags": ["a": 1]],
    ]
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "automatic",
        "checks": [
          ["check": "equals", "field": "params.method", "value": "GET"],
          ["check": "in", "field": "type", "values": ["http.request", "http.stream"]],
          ["check": "host", "field": "params.url", "hosts": ["*.bank.example:8443"]],
          ["check": "prefix", "field": "params.url", "value": "https://"],
          ["check": "range", "field": "params.amount", "min": 1, "max": 100],
          ["check": "size", "field": "params.tags", "max": 16],
          ["check": "shape", "field": "params", "required": ["method", "url"], "optional": ["amount", "tags"]],
        ],
      ])
    return story
  }

  static func budget() throws -> Story {
    var story = try automatic()
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "any",
        "of": [
          [
            "rule": "automatic",
            "checks": [
              ["check": "budget", "field": "params.amount", "limit": 1000, "period": 86400],
              ["check": "count", "limit": 10, "period": 3600],
            ],
          ], ["rule": "quorum", "committee": "officers", "threshold": 2],
        ],
      ])
    return story
  }

  static func composition() throws -> Story {
    var story = try quorum()
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "all",
        "of": [
          ["rule": "any", "of": [["rule": "deny"], ["rule": "single", "committee": "officers"]]],
          [
            "rule": "any",
            "of": [
              ["rule": "deny"],
              ["rule": "quorum", "committee": "officers", "threshold": 2],
            ],
          ],
        ],
      ])
    return story
  }

  /// A tool's run asks, and owners had it registered; all rules are the box's own.
  static func run() throws -> Story {
    var story = try quorum()
    story.proposer = "run:" + String(repeating: "4d", count: 32)
    story.tool = "invoice-triage"
    return story
  }

  static func tool() throws -> Story {
    var story = try quorum()
    story.policyName = "tools"
    story.policies = story.policies.setting(
      "tools",
      to: ["covers": ["tool.*", "community.*"], "rule": ["rule": "quorum", "committee": "officers", "threshold": 2]])
    story.action = [
      "type": "tool.register",
      "params": [
        "manifest": [
          "name": "invoice-triage", "version": "1.0.0", "description": "Reads invoices and proposes payments.",
          "source": .string(digest(of: "source")), "input": ["type": "object"],
          "uses": [
            ["method": "HTTP.get", "hosts": ["*.example"], "paths": ["/a*", "/b"]], ["method": "Workflow.sleep"],
          ],
          "secrets": ["bank-token"], "limits": ["fuel": 500, "calls": 0],
          "rates": [["method": "HTTP.get", "count": 5, "period": 60]],
          "budgets": [["unit": "tokens", "limit": 0, "period": 86400]],
          "isolation": ["backend": "inprocess"],
        ]
      ],
    ]
    story.openings = [:]
    story.result = [:]
    return story
  }

  /// A program names the rule: for what is small one officer, for all else two.
  static func code() throws -> Story {
    var story = try quorum()
    story.policies = story.policies.setting(
      "payments.rule",
      to: [
        "rule": "code",
        "source":
          "export default ({ action, proposer, utc }) => action.params.amount < 100 && proposer === 'client:ledger' && utc.hour === 11 ? 'small' : 'large'",
        "branches": [
          "small": ["rule": "single", "committee": "officers"],
          "large": ["rule": "quorum", "committee": "officers", "threshold": 2],
        ],
      ])
    story.action = ["type": "http.request", "params": ["amount": 99]]
    story.openings = [:]
    story.approvals.removeLast()
    return story
  }

  static func breakGlass() throws -> Story {
    var story = try quorum()
    story.policyName = "halting"
    story.action = ["type": "box.stop", "params": ["reason": "a key may have leaked"]]
    story.openings = [:]
    story.approvals.removeLast()
    story.mode = "break-glass"
    story.result = [:]
    return story
  }

  static func passkey() throws -> Story {
    var story = try quorum()
    story.signers[1] = try TestSigner("bob", device: .passkey)
    story.passkeys = ["rp": "safebox.example", "origins": ["https://approve.safebox.example"]]
    story.approvals[1].signer = story.signers[1]
    return story
  }

  /// Carol leaves, erin comes, bob gets a new key. Old and new members must agree.
  static func committeeChange() throws -> Story {
    var story = try quorum()
    story.policyName = "governance"
    let erin = try TestSigner("erin")
    let newBob = try TestSigner("bob", generation: 2)
    let signers: JSON = [
      "alice": ["keys": [try story.signers[0].registration(box: story.origin)]],
      "bob": [
        "keys": [try story.signers[1].registration(box: story.origin), try newBob.registration(box: story.origin)]
      ],
      "erin": ["keys": [try erin.registration(box: story.origin)]],
    ]
    let committees: JSON = ["officers": ["alice", "bob", "erin"]]
    story.action = [
      "type": "governance.committee.set", "params": ["signers": signers, "committees": committees],
    ]
    story.openings = [:]
    story.approvals.append(.init(signer: erin, after: 30_000))
    story.result = [:]
    story.change = { $0.setting("signers", to: signers).setting("committees", to: committees) }
    return story
  }

  /// Bob's old key speaks for the old signers, his new one for the new.
  static func rotation() throws -> Story {
    var story = try quorum()
    story.policyName = "governance"
    let newBob = try TestSigner("bob", generation: 2)
    let signers: JSON = [
      "alice": ["keys": [try story.signers[0].registration(box: story.origin)]],
      "bob": ["keys": [try newBob.registration(box: story.origin)]],
    ]
    let committees: JSON = ["officers": ["alice", "bob"]]
    let root: JSON = ["committee": "officers", "threshold": 2, "delay": 3600]
    story.action = [
      "type": "governance.committee.set",
      "params": ["signers": signers, "committees": committees, "root": root],
    ]
    story.openings = [:]
    story.approvals.append(.init(signer: newBob, after: 30_000))
    story.result = [:]
    story.change = {
      $0.setting("signers", to: signers).setting("committees", to: committees).setting("root", to: root)
    }
    return story
  }

  /// The answer of the bank is private too.
  static func privateResult() throws -> Story {
    var story = try quorum()
    let answer: JSON = ["salt": .string(String(repeating: "0c", count: 32)), "value": "accepted as 7741"]
    story.result = ["status": 200, "body": ["$commitment": .string(digest(of: answer))]]
    story.openings = story.openings.setting(digest(of: answer), to: answer)
    return story
  }

  static func policyChange() throws -> Story {
    var story = try quorum()
    story.policyName = "governance"
    let policy: JSON = [
      "covers": ["http.request"], "rule": ["rule": "quorum", "committee": "officers", "threshold": 2],
      "maxExpiry": 86400,
    ]
    story.action = ["type": "governance.policy.set", "params": ["name": "payments", "policy": policy]]
    story.openings = [:]
    story.result = [:]
    story.change = { $0.setting("policies.payments", to: policy) }
    return story
  }

  /// Takes the delay of payments away: that waits out the delay that it takes away.
  static func shortening() throws -> Story {
    var story = try policyChange()
    story.policies = story.policies.setting("payments.rule", to: try timelock().policies.at("payments.rule"))
    story.startedAfter = 621_000
    return story
  }

  static func policyRemoval() throws -> Story {
    var story = try policyChange()
    story.action = ["type": "governance.policy.set", "params": ["name": "halting", "policy": nil]]
    story.change = { $0.setting("policies.halting", to: nil) }
    return story
  }

  static func recovery() throws -> Story {
    var story = try quorum()
    story.policyName = nil
    let constitution = try story.constitution(epoch: 1)
    let policies = constitution.at("policies")?.setting("halting", to: nil) ?? [:]
    let root: JSON = ["committee": "officers", "threshold": 3, "delay": 7200]
    story.action = [
      "type": "governance.recover",
      "params": [
        "signers": constitution["signers"] ?? [:], "committees": story.committees, "policies": policies, "root": root,
      ],
    ]
    story.openings = [:]
    story.approvals.append(.init(signer: story.signers[2], after: 30_000))
    story.expiresAfter = 86_400_000
    story.startedAfter = 3_640_000
    story.result = [:]
    let signers = constitution["signers"] ?? [:]
    story.change = {
      $0.setting("signers", to: signers).setting("policies", to: policies).setting("root", to: root)
    }
    return story
  }

  static func laterEpoch() throws -> Story {
    var story = try quorum()
    story.epoch = 3
    return story
  }

  /// A signer proposes and, where the policy says so, counts.
  static func selfApproval() throws -> Story {
    var story = try quorum()
    story.policies = story.policies.setting("payments.selfApproval", to: true)
    story.proposing = story.signers[0]
    story.proposer = "signer:alice"
    return story
  }

  static func signedProposal() throws -> Story {
    var story = try quorum()
    story.proposing = story.signers[2]
    story.proposer = "signer:carol"
    return story
  }

  static func witnessed() throws -> Story {
    var story = try quorum()
    let witnesses = try ["north", "south", "east"].map { name in
      try Cosigner(name: "\(name).example", key: Ed25519.PrivateKey(seed: SHA256.hash(Array(name.utf8)).bytes))
    }
    let lines = zip(["north", "south", "east"], witnesses).map { "witness \($0) \($1.verifierKey.text)\n" }
    story.witnesses = lines.joined() + "group two 2 north south east\nquorum two\n"
    story.cosigners = Array(witnesses.prefix(2))
    return story
  }

  static func tooFewWitnesses() throws -> Story {
    var story = try witnessed()
    story.cosigners.removeLast()
    return story
  }

  static func failed() throws -> Story {
    var story = try quorum()
    story.outcome = "failed"
    story.result = ["error": "connection refused"]
    return story
  }

  static func unknown() throws -> Story {
    var story = try quorum()
    story.outcome = "unknown"
    story.result = [:]
    return story
  }

  /// The forms of a signature that are read but not written: r‖s, and a high S.
  static func signatureForms() throws -> Story {
    var story = try quorum()
    story.approvals[0].resign = { text in
      let signature = Base64.decode(text).flatMap { try? ECDSASignature(strictDER: $0) }
      return Base64.encode(signature?.p1363 ?? [])
    }
    story.approvals[1].resign = { text in
      let signature = Base64.decode(text).flatMap { try? ECDSASignature(strictDER: $0) }
      return Base64.encode(signature.flatMap { try? highS($0) }?.der ?? [])
    }
    return story
  }

  /// The other signature that verifies wherever this one does: n - s for s.
  static func highS(_ signature: ECDSASignature) throws -> ECDSASignature {
    let order = Hex.decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") ?? []
    var difference = [UInt8](repeating: 0, count: 32)
    var borrow = 0
    for index in (0..<32).reversed() {
      let digit = Int(order[index]) - Int(signature.p1363[32 + index]) - borrow
      borrow = digit < 0 ? 1 : 0
      difference[index] = UInt8(digit + borrow * 256)
    }
    return try ECDSASignature(p1363: signature.p1363.prefix(32) + difference)
  }

  static func follows() throws -> Story {
    var story = try quorum()
    story.action = story.action.setting("follows", to: [.string(digest(of: "before"))])
    return story
  }

  static func hostileText() throws -> Story {
    var story = try quorum()
    story.action = story.action.setting(
      "params.note", to: "pay \u{202E}EMCA<img src=x onerror=alert(1)>\u{200B}\n</script>")
    return story
  }

  /// A change that stays open longer than its policy says: it waits out a delay of an epoch before, which no receipt shows.
  static func lateChange() throws -> Story {
    var story = try policyChange()
    story.epoch = 3
    story.expiresAfter = 10 * 86_400_000
    return story
  }

  /// The box moves to another domain. Bob's passkey answers once on the old page and once on the new one, and needs no new
  /// possession proof.
  static func movedPasskeys() throws -> Story {
    var story = try passkey()
    story.policyName = "governance"
    let constitution = try story.constitution(epoch: 1)
    let signers = constitution["signers"] ?? [:]
    let passkeys: JSON = ["rp": "new.example", "origins": ["https://new.example"]]
    // Signatures are different each time they are made; a proof that is kept is the same text.
    story.constitutionEdit = { $0 = $0.setting("signers", to: signers) }
    story.action = [
      "type": "governance.committee.set",
      "params": ["signers": signers, "committees": story.committees, "passkeys": passkeys],
    ]
    story.openings = [:]
    var again = Story.Approval(signer: story.signers[1], after: 30_000)
    again.assertion.origin = "https://new.example"
    again.assertion.relyingParty = "new.example"
    story.approvals.append(again)
    story.result = [:]
    story.change = { $0.setting("passkeys", to: passkeys) }
    return story
  }

  /// The domain changed two epochs ago: bob's key was proved under the old one.
  static func passkeysMovedBefore() throws -> Story {
    var story = try passkey()
    story.epoch = 3
    story.passkeys = ["rp": "new.example", "origins": ["https://new.example"]]
    story.approvals[1].assertion.origin = "https://new.example"
    story.approvals[1].assertion.relyingParty = "new.example"
    return story
  }

  /// A result that looks like a commitment and is none hides nothing.
  static func lookalike() throws -> Story {
    var story = try quorum()
    story.result = ["body": ["$commitment": "none", "status": "refunded"], "status": 200]
    return story
  }

  /// Once a day the box may stop itself; this is the second time, and an officer breaks the glass.
  static func breakGlassWhenUsedUp() throws -> Story {
    var story = try breakGlass()
    story.policies = story.policies.setting(
      "halting.rule", to: ["rule": "automatic", "checks": [["check": "count", "limit": 1, "period": 86400]]])
    return story
  }

  static func longAddress() throws -> Story {
    var story = try quorum()
    story.policies = story.policies.setting(
      "payments.egress.addresses", to: [.string("[" + String(repeating: "0", count: 300) + "::1]:8090")])
    return story
  }

  /// Every story, by name.
  static func all() throws -> [(name: String, story: Story)] {
    [
      ("quorum", try quorum()), ("undisclosed", try undisclosed()), ("groups", try groups()),
      ("timelock", try timelock()), ("automatic", try automatic()), ("budget", try budget()),
      ("composition", try composition()), ("break-glass", try breakGlass()), ("passkey", try passkey()),
      ("committee-change", try committeeChange()), ("policy-change", try policyChange()),
      ("shortening", try shortening()), ("policy-removal", try policyRemoval()), ("recovery", try recovery()),
      ("later-epoch", try laterEpoch()),
      ("self-approval", try selfApproval()), ("signed-proposal", try signedProposal()),
      ("witnessed", try witnessed()), ("too-few-witnesses", try tooFewWitnesses()), ("failed", try failed()),
      ("unknown", try unknown()), ("signature-forms", try signatureForms()), ("follows", try follows()),
      ("late-change", try lateChange()), ("moved-passkeys", try movedPasskeys()),
      ("passkeys-moved-before", try passkeysMovedBefore()), ("lookalike", try lookalike()),
      ("long-address", try longAddress()), ("break-glass-when-used-up", try breakGlassWhenUsedUp()),
      ("rotation", try rotation()), ("private-result", try privateResult()), ("hostile-text", try hostileText()),
      ("run", try run()), ("tool", try tool()),
    ]
  }
}
