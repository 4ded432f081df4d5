import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// A box with its committee, whose keys are all in this process: what the benchmarks of governance and of the log stand on.
///
/// Three engineers, two auditors; a payment needs two engineers and one auditor.
struct BenchmarkBox: Sendable {
  static let origin = "box.example/benchmark"
  static let engineers = ["ana", "ben", "cleo"]
  static let auditors = ["dora", "emil"]

  /// The people's keys.
  let people: [String: ClaimSigner]
  /// The box's own two.
  let signers: [NoteSigner]
  let log: LogKeys
  let created: BoxCreated

  init() throws {
    let keys = Dictionary(
      uniqueKeysWithValues: (Self.engineers + Self.auditors).map { ($0, ClaimSigner(P256.PrivateKey.generate())) })
    people = keys
    let (ed25519, es256) = (Ed25519.PrivateKey.generate(), P256.PrivateKey.generate())
    signers = [try NoteSigner(name: Self.origin, ed25519: ed25519), try NoteSigner(name: Self.origin, es256: es256)]
    log = try LogKeys(origin: Self.origin, keys: signers.map(\.verifierKey))
    let members = try keys.sorted { $0.key < $1.key }.map { name, signer in
      let claim = try Claim.possession(box: Self.origin, signer: name, key: signer.key).signed(by: signer)
      guard case .some(.some(let proof)) = claim.signatures.first else {
        throw BenchmarkFailure.wrongResult("an unsigned possession proof")
      }
      return Signer(name: name, keys: [SignerKey(key: signer.key, possession: proof)])
    }
    let constitution = Constitution(
      box: Self.origin, epoch: 1, signers: members,
      committees: [
        "engineers": Self.engineers, "auditors": Self.auditors, "everybody": Self.engineers + Self.auditors,
      ],
      policies: [
        "payments": Policy(
          covers: [try Pattern(parsing: "http.request")],
          rule: .all([
            .automatic([.range(field: "params.amount", min: 1, max: 1_000_000)]),
            .groups([Quorum(2, of: "engineers"), Quorum(1, of: "auditors")]),
          ])),
        "notes": Policy(
          covers: [try Pattern(parsing: "note.write")], rule: .automatic([.size(field: "params.text", max: 1000)])),
        "rules": Policy(covers: [try Pattern(parsing: "governance.*")], rule: .quorum(Quorum(3, of: "everybody"))),
      ],
      root: RootRule(committee: "everybody", threshold: 3, delay: 7200))
    created = BoxCreated(
      box: Self.origin,
      keys: BoxKeys(
        ed25519: try VerifierKey(name: Self.origin, ed25519: ed25519.publicKey).text,
        es256: ClaimKey(es256.publicKey).text),
      constitution: constitution, witnesses: nil)
  }

  /// The fold after entry 0, and that entry.
  func begin(at: Int64) throws -> (state: BoxState, entry: Entry) {
    let entry = try created.entry(at: at)
    var state = BoxState()
    try state.apply(entry)
    return (state, entry)
  }

  /// A payment instruction, different for every number.
  static func payment(_ number: Int) throws -> Action {
    try Action(
      type: "http.request",
      params: [
        "amount": .integer(Int64(1 + number % 1_000_000)), "currency": "EUR", "method": "POST",
        "reference": .string("invoice \(number)"), "url": "https://bank.example/v1/transfers",
      ])
  }

  /// An action that needs nobody's approval.
  static func note(_ number: Int) throws -> Action {
    try Action(type: "note.write", params: ["text": .string("note \(number)")])
  }

  /// A signer's claim about a statement, valid for an hour from `now` (Unix milliseconds).
  func claim(_ verdict: Verdict, _ statement: Statement, by name: String, at now: Int64) throws -> JSON {
    guard let signer = people[name] else { throw BenchmarkFailure.wrongResult("no signer \(name)") }
    return try statement.claim(verdict, by: name, key: signer.key, nonce: "\(now)-\(name)", exp: now / 1000 + 3600)
      .signed(by: signer).json
  }

  /// A signer's approval.
  func approval(of statement: Statement, by name: String, at now: Int64) throws -> ProposalVote {
    ProposalVote(
      verdict: .approve, proposal: statement.digest,
      voice: .signer(name, claim: try claim(.approve, statement, by: name, at: now)))
  }
}
