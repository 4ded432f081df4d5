import CanonicalJSON
import Cryptography
import Governance
import OpenClaims

/// A box in a test: the fold, a clock that the test sets, and entries made as clients and signers make them.
struct TestBox {
  static let name = "box.example/audit"
  static let people = ["ana", "ben", "carl", "dora", "emil"]

  var state = BoxState()
  var now: Int64 = 1_800_000_000_000
  /// Everything recorded so far, whether the fold took it or not.
  var log: [Entry] = []
  private var salts: UInt32 = 0

  init() throws {
    try apply(
      BoxCreated(box: Self.name, keys: TestKeys.box(), constitution: Self.constitution(), witnesses: nil))
  }

  @discardableResult
  mutating func apply(_ body: some EntryBody) throws -> Applied {
    let entry = try body.entry(at: now)
    let applied = try state.apply(entry)
    log.append(entry)
    return applied
  }

  /// Records what the fold would refuse: what a lying box does.
  mutating func force(_ body: some EntryBody, at: Int64? = nil) throws {
    let entry = try body.entry(at: at ?? now)
    log.append(entry)
    _ = try? state.apply(entry)
  }

  mutating func pass(seconds: Int64) { now += seconds * 1000 }

  mutating func draft(
    _ type: String, _ params: JSONObject = [:], by proposer: Proposer = .client("app"), follows: [SHA256Digest] = [],
    expires: Int64? = nil
  ) throws -> ProposalOpened {
    salts += 1
    let salt = SHA256.hash(utf8: "salt \(salts)").bytes
    var body = try state.openStatement(
      action: Action(type: type, params: params, follows: follows), proposer: proposer, salt: salt, expires: expires,
      at: now)
    if case .signer(let name) = proposer { body.claim = try claim(.propose, body.statement, by: name) }
    return body
  }

  @discardableResult
  mutating func open(
    _ type: String, _ params: JSONObject = [:], by proposer: Proposer = .client("app"), follows: [SHA256Digest] = [],
    expires: Int64? = nil
  ) throws -> SHA256Digest {
    let body = try draft(type, params, by: proposer, follows: follows, expires: expires)
    try apply(body)
    return body.proposal
  }

  func claim(_ verdict: Verdict, _ statement: Statement, by signer: String, key: String? = nil) throws -> JSON {
    try statement.claim(
      verdict, by: signer, key: TestKeys.claimKey(key ?? signer), nonce: "\(now)-\(signer)",
      exp: now / 1000 + 20 * 86_400
    ).signed(by: ClaimSigner(try TestKeys.privateKey(key ?? signer))).json
  }

  func statement(of id: SHA256Digest) throws -> Statement {
    for entry in log.reversed() where entry.kind == .proposalOpened {
      let body = try ProposalOpened(body: entry.body)
      if body.proposal == id { return body.statement }
    }
    throw Refusal.unknownProposal(id)
  }

  func vote(_ verdict: Verdict, _ id: SHA256Digest, by signer: String, key: String? = nil) throws -> ProposalVote {
    ProposalVote(
      verdict: verdict, proposal: id,
      voice: .signer(signer, claim: try claim(verdict, statement(of: id), by: signer, key: key)))
  }

  mutating func approve(_ id: SHA256Digest, by signers: String...) throws {
    for signer in signers { try apply(vote(.approve, id, by: signer)) }
  }

  mutating func object(_ id: SHA256Digest, by signer: String) throws { try apply(vote(.object, id, by: signer)) }

  mutating func begin(_ id: SHA256Digest) throws {
    try apply(state.approvedDecision(for: id, at: now).started)
  }

  mutating func finish(_ id: SHA256Digest, _ outcome: Outcome = .executed) throws {
    try apply(state.finishDraft(for: id, outcome: outcome, result: ["status": 200], at: now))
  }

  mutating func execute(_ id: SHA256Digest, _ outcome: Outcome = .executed) throws {
    try begin(id)
    pass(seconds: 1)
    try finish(id, outcome)
  }
}

/// A constitution with one policy of each sort.
extension TestBox {
  static func policy(_ covers: String..., rule: Rule, breakGlass: BreakGlass? = nil, quota: Quota? = nil) throws
    -> Policy
  {
    Policy(covers: try covers.map { try Pattern(parsing: $0) }, rule: rule, quota: quota, breakGlass: breakGlass)
  }

  /// Up to the limit nobody is asked; the limit is half of it on the box's odd hours, and less for tools.
  static func coded(limit: Int64) -> Rule {
    .code(
      CodeRule(
        source: """
          export default ({ action, utc, tool }) => {
            const limit = \(limit) / (utc.hour % 2 + 1) / (tool ? 2 : 1);
            return action.params.amount <= limit ? "small" : action.params.amount < 1000 ? "large" : "refused";
          }
          """,
        branches: ["small": .automatic([]), "large": .single(committee: "officers")]))
  }

  static func constitution() throws -> Constitution {
    Constitution(
      box: name, epoch: 1, signers: try people.map { try TestKeys.signer($0) },
      committees: [
        "auditors": ["dora", "emil"], "engineers": ["ana", "ben"], "officers": ["carl"], "everybody": people,
      ],
      policies: [
        "payments": try policy(
          "http.request", rule: .groups([Quorum(1, of: "engineers"), Quorum(1, of: "auditors")])),
        "mail": try policy("mail.*", rule: .single(committee: "everybody")),
        "notes": try policy("note.write", rule: .automatic([])),
        "forbidden": try policy("unheard.*", rule: .deny),
        "tools": try policy("tool.*", "community.*", rule: .single(committee: "everybody")),
        "coded": try policy("coded.pay", rule: coded(limit: 100), quota: Quota(open: 50, count: 50, period: 3600)),
        "metered": try policy(
          "meter.spend",
          rule: .automatic([.budget(field: "params.amount", limit: 100, period: 3600)])),
        "models": try policy(
          "mirror.install",
          rule: .timelock(
            Timelock(
              delay: 3600, objectors: Quorum(1, of: "auditors"), after: .quorum(Quorum(2, of: "everybody"))))),
        "box": try policy(
          "box.resume", "box.unseal", "execution.resolve", rule: .quorum(Quorum(2, of: "everybody"))),
        "brakes": try policy(
          "box.stop", "box.seal", "signer.revoke", rule: .quorum(Quorum(3, of: "everybody")),
          breakGlass: BreakGlass(rule: .single(committee: "auditors"), ttl: 600)),
        "rules": try policy("governance.*", rule: .quorum(Quorum(3, of: "everybody"))),
      ],
      root: RootRule(committee: "everybody", threshold: 3, delay: 7200))
  }
}
