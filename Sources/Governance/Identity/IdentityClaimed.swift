import CanonicalJSON
import OpenClaims

/// Recorded at every start, and again before it expires: the box's identity as a claim that it signed with its log key.
public struct IdentityClaimed: EntryBody {
  /// The longest time in milliseconds for which an identity is claimed: 30 days.
  public static let longestValidity: Int64 = 30 * 86_400_000

  public var claim: Claim
  public var identity: BoxIdentity

  public init(claim: Claim) throws(FieldError) {
    self.claim = claim
    identity = try BoxIdentity(stm: claim.stm, path: "claim.stm")
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    let json = try reader.json("claim")
    try reader.finish()
    let claim: Claim
    do {
      claim = try Claim(json: json)
    } catch {
      throw FieldError(field: "claim", expected: "a claim", actual: "\(error)")
    }
    try self.init(claim: claim)
  }

  public var kind: EntryKind { .identityClaimed }

  public var body: JSON { ["claim": claim.json] }
}

/// The identity that a box claims now.
public struct ClaimedIdentity: Sendable, Hashable {
  public let identity: BoxIdentity
  /// Index of its entry.
  public let index: UInt64
  /// When it was recorded, and until when it is claimed (Unix milliseconds).
  public let at: Int64
  public let expires: Int64
}

/// Why an identity cannot stand in the log.
public enum IdentityFault: Error, Sendable, Hashable, CustomStringConvertible {
  case claim(ClaimFault)
  /// A key that is not the one of entry 0.
  case key(name: String)
  /// It speaks of entries that do not exist yet.
  case future(size: UInt64, actual: UInt64)
  /// The machine's counter never goes back.
  case counter(last: Int64, actual: Int64?)

  public var code: String {
    switch self {
    case .claim(let fault): fault.code
    case .key: "identity.key"
    case .future: "identity.future"
    case .counter: "identity.counter"
    }
  }

  public var description: String {
    switch self {
    case .claim(let fault): "\(fault)"
    case .key(let name): "the \(name) key is not the one with which the box was created"
    case .future(let size, let actual): "speaks of a log of \(actual) entries, there are \(size)"
    case .counter(let last, let actual):
      "the machine's counter stood at \(last) and is claimed to be \(actual.map { "\($0)" } ?? "absent")"
    }
  }
}

extension BoxState {
  /// What the box says of itself; nil before it first does.
  public var identity: ClaimedIdentity? { claimedIdentity }

  func checkIdentity(_ body: IdentityClaimed, at now: Int64) throws(IdentityFault) -> Transition {
    let (claim, identity) = (body.claim, body.identity)
    let box = box ?? ""
    guard claim.iss == box else { throw .claim(.issuer(expected: box, actual: claim.iss)) }
    guard claim.sub == box else { throw .claim(.subject(expected: box, actual: claim.sub)) }
    guard identity.box == box else {
      throw .claim(.statement(field: "box", expected: box, actual: identity.box))
    }
    guard identity.keys.es256 == created?.keys.es256 else { throw .key(name: "ES256") }
    guard identity.keys.ed25519 == created?.keys.ed25519 else { throw .key(name: "Ed25519") }
    guard claim.keys.count == 1 else { throw .claim(.keys(expected: 1, actual: claim.keys.count)) }
    guard claim.keys.first?.text == identity.keys.es256 else { throw .key(name: "claim's") }
    guard claim.nce != nil else { throw .claim(.nonceMissing) }
    guard let exp = claim.exp else { throw .claim(.expiryMissing) }
    let limit = (now + IdentityClaimed.longestValidity) / 1000
    guard exp <= limit else { throw .claim(.expiryTooFar(limit: limit, actual: exp)) }
    do {
      try signatures.check(claim, at: now, passkeys: nil)
    } catch {
      throw .claim(.signature(signer: box, why: error.why))
    }
    guard identity.size <= size else { throw .future(size: size, actual: identity.size) }
    if let last = claimedIdentity?.identity.counter {
      guard let counter = identity.counter, counter >= last else {
        throw .counter(last: last, actual: identity.counter)
      }
    }
    return .claimed(ClaimedIdentity(identity: identity, index: size, at: now, expires: exp * 1000))
  }
}
