import CanonicalJSON
import Cryptography
import TransparencyLog

/// What can be wrong with the file, the checkpoint, the entries and the constitution.
enum LogMutations {
  static func file() throws -> [Mutation] {
    [
      try .rewritten("format.size", Stories.quorum()) { $0 + String(repeating: " ", count: 4 * 1024 * 1024) },
      try .rewritten("format.json", Stories.quorum()) { $0.replacingFirst("{", with: "{\"release\":null,") },
      try .tampered("format.version", Stories.quorum()) { $0 = $0.setting("format", to: "safebox-receipt/v2") },
      try .tampered("format.field", Stories.quorum()) { $0 = $0.setting("verdict", to: "accepted") },
      try .tampered("format.entry-order", Stories.quorum()) { $0.swap("entries.1", "entries.2") },
      try .tampered("format.role", Stories.quorum()) { $0 = $0.setting("roles.opened", to: 999) },
      try .tampered("format.entry-without-role", Stories.quorum()) { $0 = $0.setting("roles.approvals.0", to: nil) },
      try .tampered("checkpoint.note", Stories.quorum()) {
        $0.edit("checkpoint") { $0.replacingFirst("\n\n", with: "\n") }
      },
      try .tampered("checkpoint.body", Stories.quorum()) {
        $0.edit("checkpoint") { $0.replacingFirst("\n13\n", with: "\n013\n") }
      },
      try .tampered("entries.json", Stories.quorum()) {
        $0.edit("entries.5.entry") { $0.replacingFirst("{\"at\"", with: "{\"at\":0,\"at\"") }
      },
      try .tampered("entries.canonical", Stories.quorum()) {
        $0.edit("entries.5.entry") { $0.replacingFirst(":", with: ": ") }
      },
      try .logged("entries.field", Stories.quorum()) {
        try $0.edit($0.index(of: "started"), "kind", to: "execution.supposed")
      },
      try .told("entries.size", Stories.quorum()) {
        $0.result = ["page": .string(String(repeating: "x", count: 16_384))]
      },
      try .logged("entries.time", Stories.quorum()) {
        try $0.edit($0.index(of: "finished"), "at", to: .integer(Story.start))
      },
      try .tampered("entries.role-kind", Stories.quorum()) { $0.swap("roles.started", "roles.finished") },
      try .logged("entries.body", Stories.quorum()) {
        try $0.edit($0.index(of: "finished"), "body.outcome", to: "probably")
      },
    ]
  }

  static func signatures() throws -> [Mutation] {
    let stranger = try TestBox("stranger.example")
    let box = try Stories.quorum().box()
    let signers = try box.noteSigners()
    func line(_ signer: NoteSigner, _ text: String) throws -> String {
      try signer.sign(textBytes: Array(text.utf8)).line
    }
    func replaceLine(_ number: Int, in note: String, with line: String?) -> String {
      var lines = note.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      let first = lines.firstIndex { $0.hasPrefix("\u{2014} ") } ?? 0
      if let line { lines[first + number] = line } else { lines.remove(at: first + number) }
      return lines.joined(separator: "\n")
    }
    let badLines = try signers.map { try line($0, "another text\n") }
    let witness = try Cosigner(
      name: "north.example", key: Ed25519.PrivateKey(seed: SHA256.hash(Array("north".utf8)).bytes))
    let badCosignature = try witness.cosign(checkpointText: Array("another text\n".utf8), at: 1_790_000_000).line
    return [
      try .tampered("log-signature.es256-encoding", Stories.quorum()) {
        $0.edit("es256") { text in
          let signature = Base64.decode(text).flatMap { try? ECDSASignature(p1363: $0) }
          return Base64.encode(signature?.der ?? [])
        }
      },
      try .tampered("log-signature.es256", Stories.quorum()) {
        let signature = try stranger.es256.sign(Array("another text".utf8))
        $0 = $0.setting("es256", to: .string(Base64.encode(signature.p1363)))
      },
      try .tampered("log-signature.note-es256-missing", Stories.quorum()) {
        $0.edit("checkpoint") { replaceLine(1, in: $0, with: nil) }
      },
      try .tampered("log-signature.note-es256", Stories.quorum()) {
        $0.edit("checkpoint") { replaceLine(1, in: $0, with: badLines[1]) }
      },
      try .tampered("log-signature.ed25519-missing", Stories.quorum()) {
        $0.edit("checkpoint") { replaceLine(0, in: $0, with: nil) }
      },
      try .tampered("log-signature.ed25519", Stories.quorum()) {
        $0.edit("checkpoint") { replaceLine(0, in: $0, with: badLines[0]) }
      },
      try .told("box-key.mismatch", Stories.quorum(), key: stranger.es256Text) { _ in },
      try .told("witnesses.policy", Stories.quorum()) { $0.witnesses = "quorum nobody\n" },
      try .tampered("witnesses.cosignature", Stories.witnessed()) {
        $0.edit("checkpoint") { replaceLine(2, in: $0, with: badCosignature) }
      },
      try .tampered("inclusion.index", Stories.quorum()) {
        $0 = $0.setting("entries.5.index", to: 1000).setting("roles.finished", to: 1000)
      },
      try .tampered("inclusion.proof-length", Stories.quorum()) { $0 = $0.setting("entries.2.proof.0", to: nil) },
      try .tampered("inclusion.root", Stories.quorum()) {
        $0.edit("entries.5.entry") { $0.replacingFirst("\"status\":200", with: "\"status\":201") }
      },
      try .logged("genesis.index", Stories.quorum()) { log in
        log.entries.insert(log.entries[1], at: 0)
        try log.edit(0, "at", to: 0)
        let shifted = { (json: JSON) in JSON.integer((json.integer ?? 0) + 1) }
        let approvals = (log.roles["approvals"]?.array ?? []).map(shifted)
        log.roles = .object(JSONObject((log.roles.object ?? [:]).map { ($0.key, shifted($0.value)) }))
          .setting("approvals", to: .array(approvals))
      },
      try .logged("genesis.origin", Stories.quorum()) { $0.origin = "elsewhere.example" },
    ]
  }

  static func constitutions() throws -> [Mutation] {
    [
      try .tampered("constitution.form", Stories.quorum()) { $0 = $0.setting("constitution.root", to: nil) },
      try .tampered("constitution.digest", Stories.quorum()) {
        $0 = $0.setting("constitution.policies.payments.rule.threshold", to: 1)
      },
      try .logged("constitution.epoch", Stories.laterEpoch()) {
        try $0.edit($0.index(of: "epoch"), "body.epoch", to: 4)
      },
      try .told("constitution.box", Stories.quorum()) {
        $0.constitutionEdit = { $0 = $0.setting("box", to: "elsewhere.example") }
      },
      try .told("constitution.unknown-signer", Stories.quorum()) {
        $0.committees = ["officers": ["alice", "bob", "carol", "mallory"]]
      },
      try .told("constitution.unknown-committee", Stories.quorum()) {
        $0.policies = $0.policies.setting("payments.rule.committee", to: "directors")
      },
      try .told("constitution.threshold", Stories.quorum()) {
        $0.policies = $0.policies.setting("payments.rule.threshold", to: 4)
      },
      try .told("constitution.groups", Stories.groups()) {
        $0.committees = ["officers": ["alice", "bob", "carol"], "auditors": ["bob", "carol"]]
        $0.policies = $0.policies.setting("payments.rule.groups.1.threshold", to: 2)
      },
      try .told("constitution.shared-key", Stories.quorum()) {
        var bob = try TestSigner("alice")
        bob = TestSigner(named: "bob", with: bob)
        $0.signers[1] = bob
      },
      try .told("constitution.possession", Stories.quorum()) {
        let carol = try $0.signers[2].registration(box: "elsewhere.example")
        $0.constitutionEdit = { $0 = $0.setting("signers.carol.keys.0", to: carol) }
      },
      try .told("constitution.passkeys-missing", Stories.passkey()) { $0.passkeys = nil },
      try .told("constitution.pattern-twice", Stories.quorum()) {
        $0.policies = $0.policies.setting("halting.covers", to: ["box.stop", "box.stop.now"])
          .setting("other", to: ["covers": ["http.request"], "rule": ["rule": "deny"]])
      },
      try .told("constitution.covers-recovery", Stories.quorum()) {
        $0.policies = $0.policies.setting("governance.covers", to: ["governance.*", "governance.recover"])
      },
      try .told("constitution.break-glass", Stories.quorum()) {
        $0.policies = $0.policies.setting("halting.covers", to: ["box.stop", "box.resume"])
      },
      try .told("constitution.never-satisfied", Stories.quorum()) {
        $0.policies = $0.policies.setting("governance.rule", to: ["rule": "deny"])
      },
      try .told("constitution.weaker-than-controlled", Stories.quorum()) {
        $0.policies = $0.policies.setting("governance.rule.threshold", to: 1)
      },
      try .told("constitution.entangled", Stories.quorum()) {
        let branch: JSON = [
          "rule": "any", "of": .array(Array(repeating: ["rule": "single", "committee": "officers"], count: 3)),
        ]
        $0.policies = $0.policies.setting(
          "payments.rule", to: ["rule": "all", "of": .array(Array(repeating: branch, count: 4))])
      },
      try .told("constitution.too-large", Stories.quorum()) {
        $0.policies = $0.policies.setting(
          "payments.rule",
          to: [
            "rule": "automatic",
            "checks": .array(
              (0..<12).map { number in
                let value = JSON.string(String(repeating: "\(number)", count: 4000))
                return ["check": "equals", "field": "params.method", "value": value]
              }),
          ])
      },
    ]
  }
}
