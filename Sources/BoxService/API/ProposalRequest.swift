import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls

/// The body of `POST /v1/proposals`, checked, with private members replaced by commitments.
struct ProposalRequest: Sendable {
  /// Most bytes of a request.
  static let maxBytes = 1 << 20
  static let maxOpenings = 64

  var action: Action
  var openings: [Opening]
  var salt: [UInt8]
  var expires: Sequencer.Expiry
  /// The signer's claim where a signer proposes.
  var claim: JSON?
  var proposer: Proposer

  /// Reads the body.
  ///
  /// - Parameters:
  ///   - caller: who proposes, unless a claim says that a signer does.
  ///   - executors: what they hold private is committed unless `disclose` names it; what they refuse is refused here.
  ///   - secret: makes salts: from an idempotency key the same ones each time, so that a repeated request is the same
  ///     proposal; without one, fresh ones.
  init(json: JSON, by caller: Proposer, executors: ExecutorTable, salts: SaltSource) throws {
    var reader = try ObjectReader(json)
    let raw = try reader.json("action")
    let disclosed = Set(
      try (try reader.optionalArray("disclose", maxCount: 32) ?? []).enumerated().map {
        index, value throws(FieldError) in
        guard let name = value.string else {
          throw FieldError(field: "disclose[\(index)]", expected: "a member of params", actual: value.summary)
        }
        return name
      })
    let given = try reader.optionalObject("openings").map { _ in json["openings"]?.object ?? [:] } ?? [:]
    guard given.count <= Self.maxOpenings else {
      throw FieldError(field: "openings", expected: "at most \(Self.maxOpenings)", actual: "\(given.count)")
    }
    if let text = try reader.optionalString("salt", maxBytes: 64) {
      guard let bytes = Hex.decode(text), Statement.saltBytes.contains(bytes.count) else {
        throw FieldError(field: "salt", expected: "16-32 bytes in hexadecimal", actual: text)
      }
      salt = bytes
    } else {
      salt = salts.salt(for: "statement", count: 32)
    }
    let at = try reader.optionalInteger("expires", in: 0...JSON.maxSafeInteger)
    let after = try reader.optionalInteger("expiresIn", in: 1...Policy.longestExpiry)
    switch (at, after) {
    case (let at?, nil): expires = .at(at)
    case (nil, let after?): expires = .after(after)
    case (nil, nil): expires = .longest
    default:
      throw FieldError(field: "expiresIn", expected: "either expires or expiresIn", actual: "both")
    }
    claim = reader.optionalJSON("claim")
    try reader.finish()

    if let claim {
      guard let signer = claim["iss"]?.string else {
        throw FieldError(field: "claim.iss", expected: "the name of a signer", actual: claim.summary)
      }
      proposer = try Proposer(parsing: "signer:\(signer)", path: "claim.iss")
    } else {
      proposer = caller
    }

    var openings: [Opening] = []
    var action = try Action(json: raw)
    if let executor = executors[action.type] {
      if case .run = proposer, !executor.secretParams.isEmpty {
        // Its value would stand in the run's journal, and in the worker before.
        throw FieldError(
          field: "action.type", expected: "a type without secrets: a tool holds none", actual: action.type)
      }
      if let name = disclosed.intersection(executor.secretParams).min() {
        throw FieldError(field: "disclose", expected: "no member that is a secret", actual: name)
      }
      var params = action.params
      for name in executor.privateParams.sorted() where !disclosed.contains(name) {
        guard let value = params[name], Commitment(json: value) == nil else { continue }
        let opening = try Opening(value: value, salt: salts.salt(for: "params.\(name)", count: Opening.saltBytes))
        params[name] = opening.commitment.json
        openings.append(opening)
      }
      action = try Action(type: action.type, params: params, follows: action.follows)
    } else if !ActionType.folded.contains(action.type) {
      throw FieldError(
        field: "action.type", expected: "one of \((executors.types + ActionType.folded).sorted())", actual: action.type)
    }
    for member in given {
      let opening = try Opening(json: member.value, path: "openings.\(member.key)")
      guard opening.commitment.digest.hex == member.key else {
        throw FieldError(
          field: "openings.\(member.key)", expected: "the opening of that digest",
          actual: "the opening of \(opening.commitment.digest)")
      }
      openings.append(opening)
    }
    let table = Dictionary(openings.map { ($0.commitment.digest, $0) }) { first, _ in first }
    do {
      // What cannot be opened can never be executed, so it is refused before anybody is asked to approve it.
      let params = try action.opened(with: table)
      try executors[action.type]?.validate(params: .object(params))
      // The fold keeps settings unread; settings that cannot be read would only show when a call fails.
      if action.type == ActionType.setCommunity, let settings = params["settings"] {
        _ = try CommunitySettings(json: settings, path: "action.params.settings")
      }
    } catch let error as CommitmentError {
      throw FieldError(field: "openings", expected: "an opening for every commitment", actual: "\(error)")
    }
    self.action = action
    self.openings = openings
  }
}

extension ProposalRequest {
  /// The proposal that this request, sent again under its idempotency key, has led to already.
  func repeating(_ earlier: (opened: ProposalOpened, at: Int64)) throws -> SHA256Digest {
    let statement = earlier.opened.statement
    let expiresAlike =
      switch expires {
      case .at(let time): statement.expires == time
      case .after(let seconds): statement.expires == earlier.at + seconds * 1000
      case .longest: true
      }
    guard statement.action == action, expiresAlike else {
      throw Problem(
        status: 422, code: "idempotency_key_reused",
        detail: "this Idempotency-Key was used for another request; use a new key for a new one"
      ).with("action_digest", .string(earlier.opened.proposal.hex))
    }
    return earlier.opened.proposal
  }
}

/// Where the salts of one request come from.
enum SaltSource: Sendable {
  case random
  /// A key derived from the box's secret, the client and its idempotency key.
  case derived(SecretBytes)

  func salt(for purpose: String, count: Int) -> [UInt8] {
    switch self {
    case .random: SecureRandom.bytes(count)
    case .derived(let key):
      Array(HMACSHA256.authenticationCode(for: Array(purpose.utf8), key: key).prefix(count))
    }
  }
}
