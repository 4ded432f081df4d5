import CanonicalJSON
import Cryptography
import OpenClaims

/// Why a claim does not prove what its entry says.
public enum ClaimFault: Error, Sendable, Hashable {
  case malformed(String)
  case missing(proposer: String)
  /// A client's word needs no claim, and one that proves nothing must not look as if it did.
  case superfluous(proposer: String)
  case issuer(expected: String, actual: String)
  case subject(expected: String, actual: String)
  /// A member of `stm` that differs from the statement's.
  case statement(field: String, expected: String, actual: String)
  case keys(expected: Int, actual: Int)
  case nonceMissing
  case expiryMissing
  case expiryTooFar(limit: Int64, actual: Int64)
  case unknownSigner(String)
  case foreignKey(signer: String, key: String)
  case signature(signer: String, why: String)

  /// A stable name.
  public var code: String {
    switch self {
    case .malformed: "claim.malformed"
    case .missing: "claim.missing"
    case .superfluous: "claim.superfluous"
    case .issuer: "claim.issuer"
    case .subject: "claim.subject"
    case .statement(let field, _, _): "claim.\(field)"
    case .keys: "claim.keys"
    case .nonceMissing: "claim.nonce"
    case .expiryMissing: "claim.expiry-missing"
    case .expiryTooFar: "claim.expiry-too-far"
    case .unknownSigner: "claim.unknown-signer"
    case .foreignKey: "claim.foreign-key"
    case .signature: "claim.signature"
    }
  }
}

extension ClaimFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformed(let why): "the claim cannot be read: \(why)"
    case .missing(let proposer): "\(proposer) proposes without the claim that proves it"
    case .superfluous(let proposer): "\(proposer) is no signer, and its proposals carry no claim"
    case .issuer(let expected, let actual): "the claim is by \(actual), not by \(expected)"
    case .subject(let expected, let actual): "the claim is about \(actual), not about \(expected)"
    case .statement(let field, let expected, let actual): "the claim's \(field) is \(actual), not \(expected)"
    case .keys(let expected, let actual): "the claim has \(actual) keys, not \(expected)"
    case .nonceMissing: "the claim has no nonce"
    case .expiryMissing: "the claim does not expire"
    case .expiryTooFar(let limit, let actual): "the claim expires at \(actual), later than \(limit)"
    case .unknownSigner(let name): "\(name) is no signer in this epoch"
    case .foreignKey(let signer, let key): "\(key) is no key of \(signer) in this epoch"
    case .signature(let signer, let why): "the signature of \(signer) is not valid: \(why)"
    }
  }
}

/// A claim about a proposal that says exactly what its entry says. Its signature is not checked yet: that costs most and
/// comes last.
public struct VoteClaim: Sendable {
  public let claim: Claim
  public let signer: String
  /// The claim's only key.
  public let key: ClaimKey
  /// When it expires (Unix milliseconds).
  public let lapses: Int64

  /// Holds a claim against what the entry says that it says: who, which box, which verdict, which statement. `now` is the
  /// entry's time (Unix milliseconds).
  public init(
    _ json: JSON, _ verdict: Verdict, of statement: Statement, by signer: String, at now: Int64
  ) throws(ClaimFault) {
    do {
      claim = try Claim(json: json)
    } catch {
      throw .malformed("\(error)")
    }
    self.signer = signer
    // By bytes: for Swift a Kelvin sign is a K, and other verifiers would refuse what was accepted here.
    guard claim.iss.utf8.elementsEqual(signer.utf8) else { throw .issuer(expected: signer, actual: claim.iss) }
    guard claim.sub.utf8.elementsEqual(statement.box.utf8) else {
      throw .subject(expected: statement.box, actual: claim.sub)
    }
    try Self.compare(claim.stm, with: statement.stm(verdict))
    guard claim.keys.count == 1, let key = claim.keys.first else { throw .keys(expected: 1, actual: claim.keys.count) }
    self.key = key
    guard let nonce = claim.nce, !nonce.isEmpty else { throw .nonceMissing }
    guard let exp = claim.exp else { throw .expiryMissing }
    let limit = now / 1000 + Policy.longestExpiry
    guard exp <= limit else { throw .expiryTooFar(limit: limit, actual: exp) }
    lapses = exp * 1000
  }

  /// Every member of `stm`, and no other: the first that differs is named.
  private static func compare(_ actual: JSON, with expected: JSON) throws(ClaimFault) {
    guard actual != expected else { return }
    let keys = Set((actual.object?.keys ?? []) + (expected.object?.keys ?? [])).sorted()
    for key in keys where actual[key] != expected[key] {
      throw .statement(
        field: expected[key] == nil ? "statement" : key, expected: expected[key]?.summary ?? "no member \(key)",
        actual: actual[key]?.summary ?? "missing")
    }
    throw .statement(field: "statement", expected: expected.summary, actual: actual.summary)
  }

  /// Checks the signature by a signer of `constitution`, at `now` (Unix milliseconds).
  public func verify(under constitution: Constitution, at now: Int64) throws(ClaimFault) {
    try verify(under: constitution, at: now, with: .real)
  }

  func verify(under constitution: Constitution, at now: Int64, with signatures: SignatureCheck) throws(ClaimFault) {
    guard let known = constitution.signers[signer] else { throw .unknownSigner(signer) }
    guard known.owns(key) else { throw .foreignKey(signer: signer, key: key.text) }
    do {
      try signatures.check(claim, at: now, passkeys: constitution.passkeys)
    } catch {
      throw .signature(signer: signer, why: error.why)
    }
  }
}
