import CanonicalJSON
import Cryptography

/// What can be wrong with a proposal, its approvals, the decision and the result.
enum DecisionMutations {
  static func proposals() throws -> [Mutation] {
    [
      try .logged("statement.digest", Stories.quorum()) {
        try $0.edit($0.index(of: "opened"), "body.proposal", to: .string(digest(of: "another")))
      },
      try .logged("statement.proposal", Stories.quorum()) {
        try $0.edit($0.index(of: "finished"), "body.proposal", to: .string(digest(of: "another")))
      },
      try .told("statement.box", Stories.quorum()) {
        $0.statementEdit = { $0 = $0.setting("box", to: "elsewhere.example") }
      },
      try .told("statement.epoch", Stories.quorum()) { $0.statementEdit = { $0 = $0.setting("epoch", to: 2) } },
      try .logged("statement.nonce", Stories.quorum()) {
        try $0.edit($0.index(of: "opened"), "body.proposer", to: "client:mallory")
      },
      try .logged("statement.order", Stories.quorum()) { log in
        let (approval, started) = (log.index(of: "approvals.1"), log.index(of: "started"))
        let at = try JSON(parsing: log.entries[started], limits: .entry)["at"]
        for index in approval..<started { try log.edit(index, "at", to: at) }
        log.entries.swapAt(approval, started)
        log.roles.swap("approvals.1", "started")
      },
      try .told("policy.none", Stories.quorum()) { $0.action = $0.action.setting("type", to: "mail.send") },
      try .told("policy.reserved-type", Stories.quorum()) { $0.action = $0.action.setting("type", to: "box.open") },
      try .told("policy.parameters", Stories.breakGlass()) { $0.action = $0.action.setting("params.reason", to: nil) },
      try .told("policy.change", Stories.committeeChange()) {
        $0.action = $0.action.setting("params.committees.officers", to: ["alice"])
        $0.change = nil
      },
      try .told("policy.digest", Stories.quorum()) {
        $0.statementEdit = { $0 = $0.setting("policy", to: .string(digest(of: "another"))) }
      },
      try .told("policy.expiry", Stories.quorum()) { $0.expiresAfter = 7 * 86_400_000 + 1 },
      try .told("proposer.missing", Stories.signedProposal()) { $0.proposing = nil },
      try .told("proposer.superfluous", Stories.signedProposal()) { $0.proposer = "client:carol" },
      try .told("proposer.unknown-signer", Stories.signedProposal()) {
        let mallory = try TestSigner("mallory")
        ($0.proposing, $0.proposer) = (mallory, "signer:mallory")
      },
      try .told("proposer.decision", Stories.signedProposal()) {
        $0.proposalEdit = { $0["stm"] = $0["stm"]?.setting("decision", to: "approve") }
      },
      try .logged("proposer.signature", Stories.signedProposal()) {
        try $0.edit($0.index(of: "opened"), "body.claim.nce", to: "another nonce")
      },
    ]
  }

  /// Changes what the first approver's claim says before it is signed.
  private static func claim(_ code: String, _ change: @escaping (inout JSONObject) -> Void) throws -> Mutation {
    try .told(code, Stories.quorum()) { $0.approvals[0].edit = change }
  }

  private static func stated(_ member: String, as value: JSON, _ code: String) throws -> Mutation {
    try claim(code) { $0["stm"] = $0["stm"]?.setting(member, to: value) }
  }

  static func approvals() throws -> [Mutation] {
    let seconds = Story.start / 1000
    return [
      try .told("approvals.duplicate", Stories.quorum()) { $0.approvals[1].signer = $0.signers[0] },
      try .told("approvals.self-approval", Stories.selfApproval()) {
        $0.policies = $0.policies.setting("payments.selfApproval", to: false)
      },
      try .logged("approvals.malformed", Stories.quorum()) {
        try $0.edit($0.index(of: "approvals.0"), "body.claim.ocp", to: 2)
      },
      try claim("approvals.issuer") { $0["iss"] = "bob" },
      try claim("approvals.subject") { $0["sub"] = "elsewhere.example" },
      try stated("action", as: .string(digest(of: "another")), "approvals.action"),
      try stated("box", as: "elsewhere.example", "approvals.box"),
      try stated("decision", as: "object", "approvals.decision"),
      try stated("epoch", as: 2, "approvals.epoch"),
      try stated("policy", as: .string(digest(of: "another")), "approvals.policy"),
      try stated("unless", as: "it rains", "approvals.statement"),
      try .logged("approvals.keys", Stories.quorum()) {
        let keys = try ["alice", "bob"].map { JSON.string(try TestSigner($0).keyText) }
        let index = $0.index(of: "approvals.0")
        try $0.edit(index, "body.claim.key", to: .array(keys))
        try $0.edit(index, "body.claim.sig", to: [nil, nil])
      },
      try claim("approvals.nonce") { $0["nce"] = nil },
      try claim("approvals.expiry-missing") { $0["exp"] = nil },
      try claim("approvals.expiry-too-far") { $0["exp"] = .integer(seconds + 31 * 86_400) },
      try claim("approvals.expired") { $0["exp"] = .integer(seconds + 10) },
      try claim("approvals.not-yet-valid") { $0["nbf"] = .integer(seconds + 11) },
      try .told("approvals.unknown-signer", Stories.quorum()) { $0.approvals[0].signer = try TestSigner("mallory") },
      try .told("approvals.foreign-key", Stories.quorum()) {
        $0.approvals[0].signer = try TestSigner("alice", generation: 2)
      },
      try .logged("approvals.unsigned", Stories.quorum()) {
        try $0.edit($0.index(of: "approvals.0"), "body.claim.sig", to: [nil])
      },
      try .told("approvals.signature-encoding", Stories.quorum()) {
        $0.approvals[0].resign = { String($0.dropLast(4)) }
      },
      try .logged("approvals.signature", Stories.quorum()) {
        try $0.edit($0.index(of: "approvals.1"), "body.claim.nce", to: "another nonce")
      },
      try .told("approvals.list", Stories.quorum()) { $0.counted = ["alice", "bob", "carol"] },
    ]
  }

  /// Changes how bob's passkey answers.
  private static func passkey(
    _ code: String, _ change: (inout TestSigner.Assertion) -> Void
  ) throws -> Mutation {
    try .told(code, Stories.passkey()) { change(&$0.approvals[1].assertion) }
  }

  static func passkeys() throws -> [Mutation] {
    [
      try .told("approvals.assertion", Stories.passkey()) {
        $0.approvals[1].resign = { Base64.encode([0x20] + (Base64.decode($0) ?? [])) }
      },
      try passkey("approvals.assertion-type") { $0.type = "webauthn.create" },
      try passkey("approvals.assertion-challenge") { $0.challenge = Base64.encodeURL(SHA256.hash([]).bytes) },
      try passkey("approvals.assertion-origin") { $0.origin = "https://approve.safebox.example.evil" },
      try passkey("approvals.assertion-frame") { $0.crossOrigin = true },
      try passkey("approvals.assertion-relying-party") { $0.relyingParty = "approve.safebox.example" },
      try passkey("approvals.assertion-presence") { $0.flags = 0x04 },
      try passkey("approvals.assertion-verification") { $0.flags = 0x01 },
    ]
  }

  static func outcomes() throws -> [Mutation] {
    [
      try .told("decision.expired", Stories.quorum()) { $0.expiresAfter = $0.startedAfter },
      try .told("decision.lapsed", Stories.quorum()) {
        $0.approvals[0].edit = { $0["exp"] = .integer(Story.start / 1000 + 60) }
      },
      try .told("decision.not-satisfied", Stories.quorum()) { $0.approvals.removeLast() },
      try .told("decision.too-early", Stories.timelock()) { $0.startedAfter -= 1 },
      try .told("decision.mode", Stories.breakGlass()) { $0.mode = "normal" },
      try .told("decision.counted", Stories.groups()) {
        let erin = try TestSigner("erin")
        $0.signers.append(erin)
        $0.approvals.append(.init(signer: erin, after: 40_000))
      },
      try .logged("result.epoch", Stories.policyChange()) {
        try $0.edit($0.index(of: "finished"), "body.epoch", to: 3)
      },
      try .logged("result.constitution", Stories.policyChange()) {
        try $0.edit($0.index(of: "finished"), "body.constitution", to: .string(digest(of: "another")))
      },
      try .tampered("openings.unused", Stories.quorum()) {
        let opening: JSON = ["salt": .string(String(repeating: "cd", count: 32)), "value": 1]
        $0 = $0.setting("openings.\(digest(of: opening))", to: opening)
      },
      try .tampered("openings.digest", Stories.quorum()) { receipt in
        let name = receipt["openings"]?.object?.keys.first ?? ""
        receipt = receipt.setting("openings.\(name).value.amount", to: 1_250_000)
      },
    ]
  }
}
