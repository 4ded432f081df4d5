import CanonicalJSON
import Cryptography
import Governance
import Testing
import TransparencyLog

@testable import SystemOperations

/// What it takes for something to be done. The daemon of these tests holds the keys of the log and the socket, and lies.
@Suite struct MandateTests {
  static let directory: JSONObject = ["name": "reports"]

  /// A document, and the params of the order that names it by its digest.
  static let manifest = Array(#"{"packages":"as approved"}"#.utf8)
  static let packages: JSONObject = [
    "manifest": .string(SHA256.hash(manifest).hex), "name": "tools", "packages": 3, "bytes": 1000,
  ]

  private func refusal(
    _ machine: Machine, _ id: SHA256Digest, action: (type: String, params: JSONObject)? = nil,
    attachments: [String: [UInt8]] = [:]
  ) async -> String? {
    let refusal = await code { try await machine.perform(id, action: action, attachments: attachments) }
    #expect(machine.executor.calls.isEmpty, "nothing may reach an executor")
    return refusal
  }

  @Test func whatWasApprovedAndBegunIsDone() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", Self.directory)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let result = try await machine.perform(id, action: ("directory.create", Self.directory))
    #expect(result.result.outcome == .executed)
    #expect(machine.executor.calls.map(\.way) == [.examine, .perform])
  }

  @Test func withoutApprovalsOrWithTooFewNothingIsDone() async throws {
    var log = try BoxLog()
    let none = try log.open("directory.create", ["name": "a"])
    let one = try log.open("directory.create", ["name": "b"])
    try log.approve(one, by: "ana")
    let approved = try log.open("directory.create", ["name": "c"])
    try log.approve(approved, by: "ana", "ben")
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    for id in [none, one, approved, SHA256.hash([1])] {
      #expect(await refusal(machine, id) == "mandate.not_executing proposal")
    }
    // It says that it has begun them all the same.
    for id in [none, one] {
      var lie = log
      lie.appendAnything(
        try ExecutionStarted(proposal: id, approvals: ["ana", "ben"], mode: .normal).entry(at: log.now).bytes)
      #expect(await code { _ = try await machine.desk.follow(lie.push(from: log.size)) } == "log.entry")
      #expect(await refusal(machine, id) == "mandate.not_executing proposal")
    }
  }

  @Test func forgedApprovalsAreRefused() async throws {
    var log = try BoxLog()
    let id = try log.open("directory.create", Self.directory)
    try log.approve(id, by: "ana")
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    // The daemon has keys of its own and the owners' claims about other things; none of that is ben's approval.
    let other = try log.open("directory.create", ["name": "other"])
    let borrowed = ProposalVote(
      verdict: .approve, proposal: id, voice: try log.vote(.approve, other, by: "ben").voice)
    let secondVoice = ProposalVote(verdict: .approve, proposal: id, voice: try log.vote(.approve, id, by: "ana").voice)
    let forgeries: [ProposalVote] = [
      try log.vote(.approve, id, by: "ben", key: "the daemon"), try log.vote(.approve, id, by: "ben", key: "ana"),
      try log.vote(.approve, id, by: "mallory"), borrowed, secondVoice,
    ]
    for forgery in forgeries {
      var lie = log
      lie.drop(1)
      lie.appendAnything(try forgery.entry(at: log.now).bytes)
      #expect(await code { _ = try await machine.desk.follow(lie.push(from: lie.size - 1)) } == "log.entry")
    }
    #expect(await refusal(machine, id) == "mandate.not_executing proposal")
  }

  @Test func parametersAlteredAfterTheApprovalAreRefused() async throws {
    var log = try BoxLog()
    let opened = try log.draft("directory.create", Self.directory)
    let votes = try ["ana", "ben"].map { try BoxLog.vote(.approve, opened.statement, by: $0, at: log.now) }
    // The daemon records another proposal under the digest that was approved, and under its own.
    let statement = opened.statement
    let altered = Statement(
      action: try Action(type: "directory.create", params: ["name": "etc"]), box: statement.box, epoch: statement.epoch,
      expires: statement.expires, nonce: statement.nonce, policy: statement.policy)
    for proposal in [statement.digest, altered.digest] {
      var body = opened
      body.statement = altered
      body.proposal = proposal
      var lie = log
      lie.appendAnything(try body.entry(at: log.now).bytes)
      for vote in votes {
        lie.appendAnything(
          try ProposalVote(verdict: .approve, proposal: proposal, voice: vote.voice).entry(at: log.now).bytes)
      }
      let machine = try Machine(log)
      #expect(await code { _ = try await machine.desk.follow(lie.push()) } == "log.entry")
      #expect(await refusal(machine, proposal) == "mandate.not_executing proposal")
    }
  }

  @Test func theCallersOwnIdeaOfTheActionIsHeldAgainstTheLog() async throws {
    var log = try BoxLog()
    let id = try log.order("package.install", Self.packages)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let attachments = ["manifest": Self.manifest]
    for (field, value) in [("bytes", JSON.integer(1001)), ("name", "other"), ("extra", 1), ("packages", 4)] {
      var params = Self.packages
      params[field] = value
      let found = await refusal(machine, id, action: ("package.install", params), attachments: attachments)
      #expect(found == "mandate.field action.params.\(field)")
    }
    var fewer = Self.packages
    fewer["bytes"] = nil
    #expect(
      await refusal(machine, id, action: ("package.install", fewer), attachments: attachments)
        == "mandate.field action.params.bytes")
    #expect(
      await refusal(machine, id, action: ("model.install", Self.packages), attachments: attachments)
        == "mandate.field action.type")
  }

  @Test func alteredMissingAndFurtherAttachmentsAreRefused() async throws {
    var log = try BoxLog()
    let id = try log.order("package.install", Self.packages)
    let plain = try log.order("directory.create", Self.directory)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let spaced = Array(#"{"packages": "as approved"}"#.utf8)
    #expect(await refusal(machine, id) == "mandate.field attachments.manifest")
    #expect(await refusal(machine, id, attachments: ["manifest": []]) == "mandate.field attachments.manifest")
    #expect(await refusal(machine, id, attachments: ["manifest": spaced]) == "mandate.field attachments.manifest")
    #expect(
      await refusal(machine, id, attachments: ["manifest": Self.manifest, "script": [1]])
        == "mandate.field attachments.script")
    #expect(
      await refusal(machine, plain, attachments: ["manifest": Self.manifest]) == "mandate.field attachments.manifest")
    let result = try await machine.perform(id, attachments: ["manifest": Self.manifest])
    #expect(result.result.outcome == .executed)
  }

  @Test func anotherBoxsDecisionIsNone() async throws {
    let mine = try BoxLog()
    var other = try BoxLog(origin: "other.example/box")
    let id = try other.order("directory.create", Self.directory)
    let machine = try Machine(mine)
    _ = try await machine.desk.follow(mine.push())
    // Its entries, signed as if they were of this box.
    let entries = Array(other.entries.dropFirst())
    let note = try mine.checkpoint(other.size, root: BoxLog.root(mine.entries + entries))
    let push = LogPush(from: 1, checkpoint: note, entries: entries)
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.entry")
    let whole = LogPush(
      from: 0, checkpoint: try mine.checkpoint(other.size, root: BoxLog.root(other.entries)), entries: other.entries)
    let fresh = try Machine(mine)
    #expect(await code { _ = try await fresh.desk.follow(whole) } == "log.genesis")
    #expect(await refusal(machine, id) == "mandate.not_executing proposal")
    #expect(await refusal(fresh, id) == "mandate.not_executing proposal")
  }

  @Test func aDecisionOfAnEarlierEpochIsNone() async throws {
    var log = try BoxLog()
    // Begun in epoch 1, and kept until the owners have made new rules.
    let id = try log.order("directory.create", Self.directory)
    try log.changePolicies()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    #expect(await refusal(machine, id) == "mandate.epoch statement.epoch")
    // Approved in epoch 1 and begun in epoch 2 is no entry at all.
    var early = try BoxLog(seed: 50)
    let kept = try early.open("directory.create", Self.directory)
    try early.approve(kept, by: "ana", "ben")
    try early.changePolicies()
    let started = ExecutionStarted(proposal: kept, approvals: ["ana", "ben"], mode: .normal)
    early.appendAnything(try started.entry(at: early.now).bytes)
    let other = try Machine(early)
    #expect(await code { _ = try await other.desk.follow(early.push()) } == "log.entry")
  }

  @Test func aStoppedBoxDoesNothing() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", Self.directory)
    let stop = try log.open("box.stop", ["reason": "fire"])
    try log.approve(stop, by: "ana", "ben", "carl")
    try log.begin(stop)
    try log.finish(stop)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    #expect(await refusal(machine, id) == "mandate.changed")
  }

  @Test func aRevokedSignersApprovalNoLongerCounts() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", Self.directory)
    let revoke = try log.open("signer.revoke", ["reason": "lost the key", "signer": "ben"])
    try log.approve(revoke, by: "ana", "carl", "dora")
    try log.begin(revoke)
    try log.finish(revoke)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    #expect(await refusal(machine, id) == "mandate.changed")
  }

  @Test func anOldDecisionIsNotBegun() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", Self.directory)
    let machine = try Machine(log)
    machine.now += 900_000
    _ = try await machine.desk.follow(log.push())
    machine.now += 1
    #expect(await refusal(machine, id) == "mandate.stale start.at")
    machine.now -= 1
    #expect(try await machine.perform(id).result.outcome == .executed)
  }

  @Test func aDecisionThatIsDatedBackIsNotBegun() async throws {
    // The proposal expires; the daemon, which stopped recording before, dates its begin back.
    var log = try BoxLog()
    let id = try log.open("directory.create", Self.directory)
    try log.approve(id, by: "ana", "ben")
    let machine = try Machine(log)
    let expires = try #require(log.state.proposal(id)?.statement.expires)
    machine.now = expires + 1
    try log.begin(id)
    _ = try await machine.desk.follow(log.push())
    #expect(await refusal(machine, id) == "mandate.stale start.at")
  }

  @Test func aTimeLockCannotBeOpenedByAFalseClock() async throws {
    var log = try BoxLog()
    let id = try log.open("snapshot.create", ["name": "now", "scope": "models"])
    try log.approve(id, by: "ana", "ben")
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let size = log.size
    // The daemon's clock is an hour ahead, and then the lock is open: for its own fold.
    log.pass(seconds: 3601)
    try log.begin(id)
    #expect(await code { _ = try await machine.desk.follow(log.push(from: size)) } == "log.future")
    #expect(await refusal(machine, id) == "mandate.not_executing proposal")
  }

  @Test func aWithheldObjectionIsFoundOutWhereWitnessesAreDemanded() async throws {
    let witness = try Cosigner(name: "w.example", key: .generate())
    let policy = "witness w \(witness.verifierKey)\nquorum w\n"
    var log = try BoxLog()
    let id = try log.open("snapshot.create", ["name": "now", "scope": "models"])
    try log.approve(id, by: "ana", "ben")
    let common = log.size
    var shown = log
    try log.append(log.vote(.object, id, by: "carl"))
    log.pass(seconds: 3601)
    shown.pass(seconds: 3601)
    try shown.begin(id)
    // The witness has seen the log with the objection. It signs no other continuation of what it has seen.
    let machine = try Machine(log, witnesses: policy)
    machine.now = log.now
    let note = try shown.checkpoint()
    #expect(
      await code {
        _ = try await machine.desk.follow(LogPush(from: 0, checkpoint: note, entries: shown.entries))
      } == "log.unwitnessed")
    // Without witnesses a fork is all that it takes: this is what they are for.
    let trusting = try Machine(log)
    trusting.now = log.now
    _ = try await trusting.desk.follow(LogPush(from: 0, checkpoint: note, entries: shown.entries))
    #expect(try await trusting.perform(id).result.outcome == .executed)
    // And what was shown to the witness has no decision.
    _ = try await machine.desk.follow(log.push(cosigners: [witness]))
    #expect(await refusal(machine, id) == "mandate.not_executing proposal")
    #expect(log.size == common + 1)
  }

  @Test func anActionOfAnotherSortIsNone() async throws {
    var log = try BoxLog()
    let id = try log.open("mail.send", ["to": "nobody"])
    try log.begin(id)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    #expect(await refusal(machine, id) == "mandate.not_an_operation statement.action.type")
  }

  @Test func aConsumedProposalIsAnsweredFromTheJournalAndNeverRunsAgain() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", Self.directory)
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let first = try await machine.perform(id)
    #expect(try await machine.perform(id) == first)
    #expect(try await machine.perform(id, attachments: ["manifest": [1]]) == first)
    #expect(machine.executor.performed == 1)
    // Neither after a restart, nor after the log says that it is over.
    let again = try Machine(log, in: copy(of: machine.directory))
    #expect(try await again.perform(id) == first)
    try log.finish(id)
    _ = try await again.desk.follow(log.push(from: log.size - 1))
    let last = try Machine(log, in: copy(of: again.directory))
    #expect(await refusal(last, id) == "mandate.not_executing proposal")
    #expect(again.executor.calls.isEmpty)
  }
}
