import CanonicalJSON
import Cryptography
import Governance
import OpenClaims

/// Reading entries and constitutions, and folding entries.
enum GovernanceTargets {
  private static let box = "box.example/fuzz"
  private static let time: Int64 = 1_800_000_000_000

  /// A log in which one proposal was executed, one waits for a second approval, one runs and one was withdrawn; with the
  /// state after every entry.
  private static let history: (entries: [Entry], states: [BoxState]) = {
    do {
      var log = FuzzLog(state: BoxState(), box: box, now: time)
      try log.create()
      let paid = try log.open("http.request", ["amount": 5, "url": "https://bank.example/pay"])
      try log.vote(.approve, paid, "ana")
      try log.vote(.approve, paid, "ben")
      try log.execute(paid)
      let waiting = try log.open("http.request", ["amount": 7, "body": Commitment(digest: paid.digest).json])
      try log.vote(.approve, waiting, "ana")
      let running = try log.open("note.write", ["amount": 1])
      try log.start(running)
      let model = ModelRecord(
        manifest: paid.digest, name: "tiny", version: "1", bytes: 3, files: 1, licence: "MIT", runner: paid.digest)
      let locked = try log.open("model.install", model.params)
      try log.vote(.approve, locked, "ben")
      try log.vote(.object, locked, "cleo")
      let gone = try log.open("note.write", ["amount": 2])
      try log.apply(ProposalVote(verdict: .withdraw, proposal: gone.digest, voice: .client("app")))
      let stop = try log.open("box.stop", ["reason": "r"])
      try log.vote(.approve, stop, "cleo")
      try log.execute(stop)
      let change = try log.open("governance.policy.set", ["name": "notes", "policy": nil])
      try log.vote(.approve, change, "ana")
      try log.vote(.approve, change, "ben")
      try log.execute(change)
      return (log.entries, log.states)
    } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  private static let tokens =
    EntryKind.allCases.map { "\"\($0.rawValue)\"" } + [
      "\"kind\":", "\"body\":{", "\"at\":1800000000000", "\"$commitment\":", "\"proposer\":\"signer:ana\"",
      "\"client\":\"app\"", "\"outcome\":\"unknown\"", "\"mode\":\"break-glass\"", "\"follows\":[", "\"epoch\":2",
      "\"rule\":\"any\"", "\"rule\":\"automatic\"", "\"governance.recover\"", "\"execution.resolve\"",
    ]

  /// What is read is exactly what was written, and what is made reads as itself.
  static let entry = FuzzTarget(
    name: "governance.entry", shape: .json, seeds: history.entries.map(\.bytes), tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    let entry: Entry
    do throws(EntryError) {
      entry = try Entry(parsing: input)
    } catch {
      return switch error {
      case .notJSON: "not JSON"
      case .notCanonical: "not canonical"
      case .field: "field"
      case .tooLarge: "too large"
      }
    }
    try FuzzTarget.require(entry.bytes == input, "the entry has other bytes than were read")
    let again = try? Entry(at: entry.at, kind: entry.kind, body: entry.body)
    try FuzzTarget.require(again == entry, "the entry cannot be made again")
    return "accepted \(entry.kind.rawValue)"
  }

  /// Nobody can sign here: whatever the input, an entry is folded whole or not at all, and no vote counts but one that a
  /// seed contains. White space and order are forgiven, so that mutations get past the parser.
  static let apply = FuzzTarget(
    name: "governance.apply", shape: .json, seeds: history.entries.map(\.bytes), tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    guard let json = try? JSON(parsing: input, limits: .document(maxBytes: 65_535)),
      let entry = try? Entry(parsing: json.canonicalBytes())
    else { return "no entry" }
    var label = ""
    for state in history.states {
      var next = state
      do throws(Fault) {
        try next.apply(entry)
      } catch {
        try FuzzTarget.require(next.size == state.size && next.lastAt == state.lastAt, "a refused entry left a trace")
        label = error.code
        continue
      }
      try FuzzTarget.require(next.size == state.size + 1 && next.lastAt == entry.at, "an entry was folded in part")
      if case .object? = entry.body["claim"].map({ $0 }) {
        let digest = entry.body["claim"].flatMap { try? Claim(json: $0) }?.digest
        try FuzzTarget.require(digest.map(signed.contains) ?? false, "a vote counts that nobody signed")
      }
      try FuzzTarget.require(
        (try? Entry(parsing: entry.bytes)) == entry, "an entry was folded that an auditor cannot read")
      return "accepted \(entry.kind.rawValue)"
    }
    return label
  }

  private static let signed: Set<SHA256Digest> = Set(
    history.entries.compactMap { $0.body["claim"] }.compactMap { try? Claim(json: $0) }.map(\.digest))

  /// A constitution that is accepted is written as it was read, and validating it ends.
  static let constitution = FuzzTarget(
    name: "governance.constitution", shape: .json,
    seeds: history.states.compactMap { $0.constitution?.json.canonicalBytes() }.suffix(1)
      + history.states.prefix(1).compactMap { $0.constitution?.json.canonicalBytes() }, tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    guard let json = try? JSON(parsing: input, limits: .document(maxBytes: 65_535)) else { return "not JSON" }
    let constitution: Constitution
    do throws(FieldError) {
      constitution = try Constitution(json: json)
    } catch {
      return "field"
    }
    try FuzzTarget.require(constitution.json == json, "the constitution is written differently")
    do throws(ConstitutionRefusal) {
      try constitution.validate()
    } catch {
      return error.code
    }
    for policy in constitution.policies.values {
      let reachable = policy.rule.quorums.allSatisfy {
        $0.threshold <= constitution.committees[$0.committee]?.count ?? 0
      }
      try FuzzTarget.require(reachable, "a threshold that nobody can reach")
    }
    return "fit"
  }
}

/// Makes the seeds: a small box with three signers.
private struct FuzzLog {
  var state: BoxState
  let box: String
  var now: Int64
  var entries: [Entry] = []
  var states: [BoxState] = []
  private var salts: UInt8 = 0

  init(state: BoxState, box: String, now: Int64) {
    self.state = state
    self.box = box
    self.now = now
  }

  private func privateKey(_ name: String) throws -> P256.PrivateKey {
    try P256.PrivateKey(rawScalar: SHA256.hash(utf8: name).bytes)
  }

  mutating func apply(_ body: some EntryBody) throws {
    let entry = try body.entry(at: now)
    try state.apply(entry)
    entries.append(entry)
    states.append(state)
    now += 1000
  }

  mutating func create() throws {
    let names = ["ana", "ben", "cleo"]
    let signers = try names.map { name in
      let signer = ClaimSigner(try privateKey(name))
      let claim = try Claim.possession(box: box, signer: name, key: signer.key).signed(by: signer)
      return Signer(name: name, keys: [SignerKey(key: signer.key, possession: (claim.signatures[0] ?? ""))])
    }
    func policy(_ covers: [String], _ rule: Rule, _ breakGlass: BreakGlass? = nil) throws -> Policy {
      Policy(covers: try covers.map { try Pattern(parsing: $0) }, rule: rule, breakGlass: breakGlass)
    }
    let two = Rule.quorum(Quorum(2, of: "team"))
    let constitution = Constitution(
      box: box, epoch: 1, signers: signers, committees: ["team": names, "audit": ["cleo"]],
      policies: [
        "payments": try policy(["http.request"], two), "rules": try policy(["governance.*"], two),
        "notes": try policy(
          ["note.*"], .automatic([.budget(field: "params.amount", limit: 9, period: 60), .count(limit: 5, period: 60)])),
        "models": try policy(
          ["model.*"], .timelock(Timelock(delay: 60, objectors: Quorum(1, of: "audit"), after: two))),
        "brakes": try policy(["box.stop"], two, BreakGlass(rule: .single(committee: "audit"), ttl: 60)),
      ], root: RootRule(committee: "team", threshold: 2, delay: 60))
    let seed = try Ed25519.PrivateKey(seed: SecretBytes(copying: SHA256.hash(utf8: "log").bytes))
    let key = [0x01] + seed.publicKey.bytes
    let id = SHA256.hash(Array(box.utf8) + [0x0A] + key).bytes.prefix(4)
    try apply(
      BoxCreated(
        box: box,
        keys: BoxKeys(
          ed25519: "\(box)+\(Hex.encode(Array(id)))+\(Base64.encode(key))",
          es256: ClaimKey(try privateKey("box").publicKey).text), constitution: constitution, witnesses: nil))
  }

  mutating func open(_ type: String, _ params: JSONObject) throws -> Statement {
    salts += 1
    let body = try state.openStatement(
      action: Action(type: type, params: params), proposer: .client("app"),
      salt: [UInt8](repeating: salts, count: 16), expires: nil, at: now)
    try apply(body)
    return body.statement
  }

  mutating func vote(_ verdict: Verdict, _ statement: Statement, _ name: String) throws {
    let signer = ClaimSigner(try privateKey(name))
    let claim = try statement.claim(verdict, by: name, key: signer.key, nonce: "n", exp: now / 1000 + 86_400)
      .signed(by: signer)
    try apply(ProposalVote(verdict: verdict, proposal: statement.digest, voice: .signer(name, claim: claim.json)))
  }

  mutating func start(_ statement: Statement) throws {
    let decision = try state.approvedDecision(for: statement.digest, at: now)
    try apply(decision.started)
  }

  mutating func execute(_ statement: Statement) throws {
    try start(statement)
    try apply(state.finishDraft(for: statement.digest, outcome: .executed, result: [:], at: now))
  }
}
