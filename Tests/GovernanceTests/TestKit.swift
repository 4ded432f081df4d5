import CanonicalJSON
import Cryptography
import OpenClaims
import Synchronization

@testable import Governance

/// Keys that are the same in every run: derived from a name.
enum TestKeys {
  private static let cache = Mutex<[String: P256.PrivateKey]>([:])

  static func privateKey(_ name: String) throws -> P256.PrivateKey {
    try cache.withLock { keys in
      if let key = keys[name] { return key }
      let key = try P256.PrivateKey(rawScalar: SHA256.hash(utf8: "key of \(name)").bytes)
      keys[name] = key
      return key
    }
  }

  static func claimKey(_ name: String) throws -> ClaimKey { ClaimKey(try privateKey(name).publicKey) }

  /// A signer whose keys have possession proofs; each key is named after what it is derived from.
  static func signer(_ name: String, keys: [String]? = nil, box: String = TestBox.name) throws -> Signer {
    try Signer(
      name: name,
      keys: (keys ?? [name]).map { keyName in
        let key = try claimKey(keyName)
        let claim = try Claim.possession(box: box, signer: name, key: key)
          .signed(by: ClaimSigner(try privateKey(keyName)))
        guard case .some(.some(let proof)) = claim.signatures.first else { throw ClaimError.unsigned }
        return SignerKey(key: key, possession: proof)
      })
  }

  static func box() throws -> BoxKeys {
    let seed = SHA256.hash(utf8: "the box's log key").bytes
    let publicKey = [0x01] + (try Ed25519.PrivateKey(seed: SecretBytes(copying: seed))).publicKey.bytes
    let id = SHA256.hash(Array(TestBox.name.utf8) + [0x0A] + publicKey).bytes.prefix(4)
    return BoxKeys(
      ed25519: "\(TestBox.name)+\(Hex.encode(Array(id)))+\(Base64.encode(publicKey))",
      es256: try claimKey("the box").text)
  }
}

/// A box in a test: the fold, a clock that the test sets, and entries made as clients and signers make them.
struct TestBox {
  static let name = "box.example/test"
  static let start: Int64 = 1_800_000_000_000

  var state: BoxState
  var now: Int64 = TestBox.start
  /// Everything folded so far.
  var log: [Entry] = []
  private var salts: UInt8 = 0

  init(_ constitution: Constitution? = nil, signatures: SignatureCheck = .real) throws {
    state = BoxState(signatures: signatures)
    let body = BoxCreated(
      box: Self.name, keys: try TestKeys.box(), constitution: try constitution ?? Self.constitution(), witnesses: nil)
    try apply(body)
  }

  @discardableResult
  mutating func apply(_ body: some EntryBody) throws -> Applied {
    let entry = try Entry(parsing: body.entry(at: now).bytes)
    let applied = try state.apply(entry)
    log.append(entry)
    return applied
  }

  mutating func pass(seconds: Int64) { now += seconds * 1000 }

  /// A proposal as the box would make it, not yet folded.
  mutating func draft(
    _ type: String, _ params: JSONObject = [:], by proposer: Proposer = .client("app"), follows: [SHA256Digest] = [],
    expires: Int64? = nil
  ) throws -> ProposalOpened {
    salts += 1
    let action = try Action(type: type, params: params, follows: follows)
    var body = try state.openStatement(
      action: action, proposer: proposer, salt: Array(repeating: salts, count: 16), expires: expires, at: now)
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

  func claim(
    _ verdict: Verdict, _ statement: Statement, by signer: String, key: String? = nil, exp: Int64? = nil
  ) throws -> JSON {
    let keyName = key ?? signer
    return try statement.claim(
      verdict, by: signer, key: TestKeys.claimKey(keyName), nonce: "\(now)-\(signer)",
      exp: exp ?? now / 1000 + 20 * 86_400
    ).signed(by: ClaimSigner(try TestKeys.privateKey(keyName))).json
  }

  func statement(of id: SHA256Digest) throws -> Statement {
    for entry in log where entry.kind == .proposalOpened {
      let body = try ProposalOpened(body: entry.body)
      if body.proposal == id { return body.statement }
    }
    throw Refusal.unknownProposal(id)
  }

  func vote(
    _ verdict: Verdict, _ id: SHA256Digest, by signer: String, key: String? = nil, exp: Int64? = nil
  ) throws -> ProposalVote {
    ProposalVote(
      verdict: verdict, proposal: id,
      voice: .signer(signer, claim: try claim(verdict, statement(of: id), by: signer, key: key, exp: exp)))
  }

  mutating func approve(_ id: SHA256Digest, by signers: String..., key: String? = nil, exp: Int64? = nil) throws {
    for signer in signers { try apply(vote(.approve, id, by: signer, key: key, exp: exp)) }
  }

  mutating func object(_ id: SHA256Digest, by signers: String...) throws {
    for signer in signers { try apply(vote(.object, id, by: signer)) }
  }

  mutating func withdraw(_ id: SHA256Digest, client: String) throws {
    try apply(ProposalVote(verdict: .withdraw, proposal: id, voice: .client(client)))
  }

  mutating func begin(_ id: SHA256Digest) throws {
    let decision = try state.approvedDecision(for: id, at: now)
    try apply(decision.started)
  }

  @discardableResult
  mutating func finish(_ id: SHA256Digest, _ outcome: Outcome = .executed) throws -> Applied {
    try apply(state.finishDraft(for: id, outcome: outcome, result: [:], at: now))
  }

  @discardableResult
  mutating func execute(_ id: SHA256Digest) throws -> Applied {
    try begin(id)
    return try finish(id)
  }

  func status(_ id: SHA256Digest) -> Status? { state.status(of: id, at: now) }
}

/// A constitution of two engineers, two auditors and an officer, with one policy of each sort.
extension TestBox {
  static let people = ["ana", "ben", "carl", "dora", "emil"]

  static let committees = [
    "auditors": ["dora", "emil"], "engineers": ["ana", "ben"], "officers": ["carl"], "everybody": people,
  ]

  static func policies() throws -> [String: Policy] {
    [
      "payments": Policy(
        covers: [try Pattern(parsing: "http.request")],
        rule: .groups([Quorum(2, of: "engineers"), Quorum(1, of: "auditors")])),
      "mail": Policy(covers: [try Pattern(parsing: "mail.*")], rule: .single(committee: "everybody")),
      "notes": Policy(covers: [try Pattern(parsing: "note.write")], rule: .automatic([])),
      "models": Policy(
        covers: [try Pattern(parsing: "mirror.install")],
        rule: .timelock(
          Timelock(
            delay: 3600, objectors: Quorum(1, of: "auditors"), after: .quorum(Quorum(2, of: "everybody"))))),
      "box": Policy(
        covers: [
          try Pattern(parsing: "box.resume"), try Pattern(parsing: "box.unseal"),
          try Pattern(parsing: "execution.resolve"),
        ],
        rule: .quorum(Quorum(2, of: "everybody"))),
      "brakes": Policy(
        covers: [
          try Pattern(parsing: "box.stop"), try Pattern(parsing: "box.seal"), try Pattern(parsing: "signer.revoke"),
        ],
        rule: .quorum(Quorum(3, of: "everybody")),
        breakGlass: BreakGlass(rule: .single(committee: "auditors"), ttl: 600)),
      "rules": Policy(covers: [try Pattern(parsing: "governance.*")], rule: .quorum(Quorum(3, of: "everybody"))),
    ]
  }

  static func constitution(
    signers: [Signer]? = nil, committees: [String: [String]] = committees, policies: [String: Policy]? = nil,
    root: RootRule = RootRule(committee: "everybody", threshold: 3, delay: 7200), box: String = name, epoch: Int64 = 1,
    passkeys: Passkeys? = nil
  ) throws -> Constitution {
    Constitution(
      box: box, epoch: epoch, signers: try signers ?? people.map { try TestKeys.signer($0) }, committees: committees,
      policies: try policies ?? Self.policies(), root: root, passkeys: passkeys)
  }

  /// The standard policies with some replaced or (nil) taken out.
  static func constitution(with changes: [String: Policy?]) throws -> Constitution {
    var policies = try policies()
    for (name, policy) in changes { policies[name] = policy }
    return try constitution(policies: policies)
  }
}

extension Policy {
  init(_ covers: String..., rule: Rule) throws {
    self.init(covers: try covers.map { try Pattern(parsing: $0) }, rule: rule)
  }
}

/// The stable code of what is thrown; nil when nothing is.
func code(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let fault as Fault {
    return fault.code
  } catch let refusal as Refusal {
    return refusal.code
  } catch let refusal as ConstitutionRefusal {
    return refusal.code
  } catch let refusal as Undecidable {
    return refusal.code
  } catch let fault as ClaimFault {
    return fault.code
  } catch let error as FieldError {
    return "field \(error.field)"
  } catch {
    return "\(error)"
  }
}
