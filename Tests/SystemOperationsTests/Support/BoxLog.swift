import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import SystemOperations
import TransparencyLog

/// The log of a box in the hands of its daemon, which has both keys of it. It folds what an honest daemon would, and
/// appends anything that a malicious one wants.
struct BoxLog: Sendable {
  static let origin = "box.example/system"
  static let start: Int64 = 1_800_000_000_000

  let origin: String
  private(set) var state = BoxState()
  private(set) var entries: [[UInt8]] = []
  var now: Int64
  private var salts: UInt8 = 0

  init(origin: String = BoxLog.origin, seed: UInt8 = 0, at now: Int64 = BoxLog.start) throws {
    self.origin = origin
    self.now = now
    salts = seed
    let created = BoxCreated(
      box: origin, keys: try Self.keys(origin), constitution: try Owners.constitution(box: origin), witnesses: nil)
    try append(created)
  }

  static func signers(_ origin: String) throws -> [NoteSigner] {
    let seed = SHA256.hash(Array("log key of \(origin)".utf8)).bytes
    return [
      try NoteSigner(name: origin, ed25519: Ed25519.PrivateKey(seed: SecretBytes(copying: seed))),
      try NoteSigner(name: origin, es256: Owners.key("log of \(origin)")),
    ]
  }

  static func keys(_ origin: String) throws -> BoxKeys {
    BoxKeys(
      ed25519: try signers(origin)[0].verifierKey.text,
      es256: ClaimKey(try Owners.key("log of \(origin)").publicKey).text)
  }

  var genesis: SHA256Digest { MerkleTree.leafHash(entries[0]) }
  var size: UInt64 { UInt64(entries.count) }

  // MARK: checkpoints

  static func root(_ entries: some Sequence<[UInt8]>) -> SHA256Digest {
    var frontier = Frontier()
    for entry in entries { frontier.append(leafHash: MerkleTree.leafHash(entry)) }
    return frontier.root
  }

  /// The signed note over the first `size` entries, or over whatever root the daemon likes.
  func checkpoint(
    _ size: UInt64? = nil, root: SHA256Digest? = nil, origin: String? = nil, signers: [NoteSigner]? = nil,
    cosigners: [Cosigner] = []
  ) throws -> [UInt8] {
    let size = size ?? self.size
    let checkpoint = try Checkpoint(
      origin: origin ?? self.origin, size: size, root: root ?? Self.root(entries.prefix(Int(size))))
    var note = try SignedCheckpoint(checkpoint, signers: signers ?? Self.signers(self.origin)).note
    for cosigner in cosigners {
      try note.add(try cosigner.cosign(checkpointText: checkpoint.textBytes, at: UInt64(now / 1000)))
    }
    return note.bytes
  }

  /// Everything from `from` on, with the checkpoint over it.
  func push(from: UInt64 = 0, cosigners: [Cosigner] = []) throws -> LogPush {
    LogPush(
      from: from, checkpoint: try checkpoint(cosigners: cosigners), entries: Array(entries.dropFirst(Int(from))))
  }

  // MARK: entries

  mutating func append(_ body: some EntryBody, at: Int64? = nil) throws {
    let entry = try body.entry(at: at ?? now)
    try state.apply(entry)
    entries.append(entry.bytes)
  }

  /// What an honest fold would refuse.
  mutating func appendAnything(_ bytes: [UInt8]) { entries.append(bytes) }

  mutating func pass(seconds: Int64) { now += seconds * 1000 }

  mutating func drop(_ count: Int) { entries.removeLast(count) }

  mutating func draft(_ type: String, _ params: JSONObject) throws -> ProposalOpened {
    salts += 1
    return try state.openStatement(
      action: Action(type: type, params: params), proposer: .client("app"), salt: Array(repeating: salts, count: 16),
      expires: nil, at: now)
  }

  mutating func open(_ type: String, _ params: JSONObject) throws -> SHA256Digest {
    let body = try draft(type, params)
    try append(body)
    return body.proposal
  }

  func vote(_ verdict: Verdict, _ id: SHA256Digest, by signer: String, key: String? = nil) throws -> ProposalVote {
    guard let statement = state.proposal(id)?.statement else { throw Refusal.unknownProposal(id) }
    return try Self.vote(verdict, statement, by: signer, key: key, at: now)
  }

  static func vote(
    _ verdict: Verdict, _ statement: Statement, by signer: String, key: String? = nil, at now: Int64
  ) throws -> ProposalVote {
    let secret = try Owners.key(key ?? signer)
    let claim = try statement.claim(
      verdict, by: signer, key: ClaimKey(secret.publicKey), nonce: "\(now)-\(signer)", exp: now / 1000 + 20 * 86_400
    ).signed(by: ClaimSigner(secret))
    return ProposalVote(verdict: verdict, proposal: statement.digest, voice: .signer(signer, claim: claim.json))
  }

  mutating func approve(_ id: SHA256Digest, by signers: String...) throws {
    for signer in signers { try append(vote(.approve, id, by: signer)) }
  }

  mutating func begin(_ id: SHA256Digest) throws { try append(state.approvedDecision(for: id, at: now).started) }

  mutating func finish(_ id: SHA256Digest, _ outcome: Outcome = .executed) throws {
    try append(state.finishDraft(for: id, outcome: outcome, result: [:], at: now))
  }

  /// Opened, approved by ana and ben, and begun.
  mutating func order(_ type: String, _ params: JSONObject) throws -> SHA256Digest {
    let id = try open(type, params)
    try approve(id, by: "ana", "ben")
    try begin(id)
    return id
  }

  /// A new epoch, by the signatures that it takes.
  mutating func changePolicies() throws {
    let policy = Policy(covers: [try Pattern(parsing: "mail.send")], rule: .quorum(Quorum(1, of: "everybody")))
    let id = try open("governance.policy.set", ["name": "mail", "policy": policy.json])
    try approve(id, by: "ana", "ben", "carl")
    try begin(id)
    try finish(id)
  }
}
