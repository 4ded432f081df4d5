import CanonicalJSON
import Cryptography
import TransparencyLog

/// One governed action from proposal to result, told as data so that a test can change any part of it before it is
/// signed. Everything is made from JSON: no type of the rooms under test has a say in what a story looks like.
struct Story {
  struct Approval {
    var signer: TestSigner
    /// Milliseconds after the proposal.
    var after: Int64
    /// Changes the claim before it is signed.
    var edit: (inout JSONObject) -> Void = { _ in }
    var assertion = TestSigner.Assertion()
    /// Changes the `sig` value after it was made.
    var resign: (String) -> String = { $0 }
  }

  static let start: Int64 = 1_795_000_000_000

  var origin = "box.example/payments"
  var signers: [TestSigner]
  var committees: JSON
  var policies: JSON
  var root: JSON
  /// How passkeys are checked, where a signer has one.
  var passkeys: JSON?
  var epoch: Int64 = 1
  /// The policy that decides; nil for the root rule.
  var policyName: String? = "payments"
  var action: JSON
  var proposer = "client:ledger"
  /// The tool of the run that proposes, where one does.
  var tool: JSON?
  /// The signer who proposes, where one does.
  var proposing: TestSigner?
  var proposalEdit: (inout JSONObject) -> Void = { _ in }
  var statementEdit: (inout JSON) -> Void = { _ in }
  /// Milliseconds after the proposal.
  var expiresAfter: Int64 = 3_600_000
  var approvals: [Approval]
  var startedAfter: Int64 = 60_000
  var mode = "normal"
  /// The names in `execution.started`; nil for those who approved.
  var counted: [String]?
  var outcome = "executed"
  var result: JSON = ["status": 200]
  var openings: JSON = [:]
  var witnesses: String?
  var cosigners: [Cosigner] = []
  var constitutionEdit: (inout JSON) -> Void = { _ in }
  /// The identity of a machine that the box claims before anything is proposed.
  var identity: TestIdentity?
  /// What the execution makes of the constitution, before the epoch is raised; nil where it changes nothing.
  var change: ((JSON) -> JSON)?

  func box() throws -> TestBox { try TestBox(origin) }

  func constitution(epoch: Int64) throws -> JSON {
    var registered: JSONObject = [:]
    for signer in signers {
      let keys = (registered[signer.name]?["keys"]?.array ?? []) + [try signer.registration(box: origin)]
      registered[signer.name] = ["keys": .array(keys)]
    }
    var constitution: JSONObject = [
      "box": .string(origin), "epoch": .integer(epoch), "signers": .object(registered), "committees": committees,
      "policies": policies, "root": root,
    ]
    constitution["passkeys"] = passkeys
    return .object(constitution)
  }

  func policyDigest(in constitution: JSON) -> String {
    guard let policyName else { return digest(of: ["root": root]) }
    let policy = constitution.at("policies")?[policyName] ?? [:]
    return digest(of: ["name": .string(policyName), "policy": policy])
  }

  /// Tells the story to its end.
  func log() throws -> TestLog {
    let box = try box()
    var entries: [JSON] = []
    var constitution = try self.constitution(epoch: epoch)
    constitutionEdit(&constitution)
    func record(_ at: Int64, _ kind: String, _ body: JSON) -> Int64 {
      entries.append(["at": .integer(at), "kind": .string(kind), "body": body])
      return Int64(entries.count - 1)
    }
    // Entries of others, so that proofs have more than one shape.
    func others(_ count: Int, at: Int64) {
      for _ in 0..<count {
        _ = record(at, "proposal.objected", ["of": "somebody else", "n": .integer(Int64(entries.count))])
      }
    }
    let first = epoch == 1 ? constitution : try self.constitution(epoch: 1)
    _ = record(
      Self.start - 900_000, "box.created",
      [
        "format": "safebox/v1", "box": .string(origin), "keys": try box.keys(), "constitution": first,
        "witnesses": witnesses.map(JSON.string) ?? .null,
      ])
    others(2, at: Self.start - 800_000)
    let claimed = try identity?.tell(box)
    let claimedIndex = entries.count
    if let claimed { entries.append(claimed.entry) }
    var epochIndex: Int64 = 0
    for next in 2..<max(epoch + 1, 2) {
      let body: JSON = [
        "proposal": .string(digest(of: ["change": .integer(next)])), "outcome": "executed", "result": [:],
        "epoch": .integer(next),
        "constitution": .string(digest(of: next == epoch ? constitution : try self.constitution(epoch: next))),
      ]
      epochIndex = record(Self.start - 700_000, "execution.finished", body)
      others(1, at: Self.start - 700_000)
    }

    let salt = String(repeating: "5a", count: 16)
    var statement: JSON = [
      "action": action, "box": .string(origin), "epoch": .integer(epoch),
      "expires": .integer(Self.start + expiresAfter),
      "nonce": .string(digest(of: ["proposer": .string(proposer), "salt": .string(salt)])),
      "policy": .string(policyDigest(in: constitution)),
    ]
    statementEdit(&statement)
    let proposal = JSON.string(digest(of: statement))
    var opened: JSONObject = [
      "proposal": proposal, "statement": statement, "proposer": .string(proposer), "salt": .string(salt),
    ]
    opened["tool"] = tool
    if let proposing {
      var claim = TestSigner.verdict("propose", by: proposing.name, on: statement, at: Self.start, nonce: 0)
      proposalEdit(&claim)
      opened["claim"] = try proposing.claim(claim)
    }
    let openedIndex = record(Self.start, "proposal.opened", .object(opened))
    var approvalIndices: [JSON] = []
    for (number, approval) in approvals.enumerated() {
      others(1, at: Self.start + approval.after)
      let name = approval.signer.name
      var claim = TestSigner.verdict("approve", by: name, on: statement, at: Self.start, nonce: number + 1)
      approval.edit(&claim)
      var signed = try approval.signer.claim(claim, assertion: approval.assertion)
      signed = signed.setting("sig.0", to: .string(approval.resign(signed.at("sig.0")?.string ?? "")))
      let body: JSON = ["proposal": proposal, "signer": .string(name), "claim": signed]
      approvalIndices.append(.integer(record(Self.start + approval.after, "proposal.approved", body)))
    }
    let names = counted ?? Array(Set(approvals.map(\.signer.name))).sorted()
    let startedIndex = record(
      Self.start + startedAfter, "execution.started",
      ["proposal": proposal, "approvals": .array(names.map(JSON.string)), "mode": .string(mode)])
    var finished: JSONObject = ["proposal": proposal, "outcome": .string(outcome), "result": result]
    if let change, outcome == "executed" {
      finished["epoch"] = .integer(epoch + 1)
      finished["constitution"] = .string(digest(of: change(constitution).setting("epoch", to: .integer(epoch + 1))))
    }
    let finishedIndex = record(Self.start + startedAfter + 40, "execution.finished", .object(finished))
    others(3, at: Self.start + startedAfter + 50)

    return TestLog(
      box: box, entries: entries.map { $0.canonicalBytes() },
      roles: [
        "genesis": 0, "epoch": .integer(epochIndex), "opened": .integer(openedIndex),
        "approvals": .array(approvalIndices), "started": .integer(startedIndex), "finished": .integer(finishedIndex),
      ],
      constitution: constitution, openings: openings, cosigners: cosigners,
      identity: claimed.map { TestLog.Identity(index: claimedIndex, evidence: $0.evidence) })
  }

  /// The bytes of the receipt.
  func receiptBytes() throws -> [UInt8] { try log().receipt().canonicalBytes() }
}
