import Attestation
import CanonicalJSON
import Cryptography
import Governance

/// What is said between a box and a broker: JSON over HTTP/1.1 over TLS 1.3, both ends showing a key (docs/key-release.md).
public enum BrokerMessages {
  /// Bytes of a request: evidence with its certificates and event log, in base64.
  public static let maxRequestBytes = 6 << 20
  public static let maxAnswerBytes = 256 << 10

  public enum Path {
    public static let nonce = "/v1/nonce"
    public static let releases = "/v1/releases"
    public static let challenge = "/v1/enrolment/challenge"
    public static let proof = "/v1/enrolment/proof"
  }
}

/// `POST /v1/releases`: one key, for one box, with evidence.
public struct ReleaseRequest: Sendable {
  public let key: String
  public let box: String
  public let wrapping: [UInt8]
  public let nonce: [UInt8]
  /// `safebox-evidence/v1`, not yet read.
  public let evidence: JSON

  public init(key: String, box: String, wrapping: [UInt8], nonce: [UInt8], evidence: JSON) {
    self.key = key
    self.box = box
    self.wrapping = wrapping
    self.nonce = nonce
    self.evidence = evidence
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    key = try reader.string("key", maxBytes: 64)
    guard Name.isValid(key) else {
      throw FieldError(field: "key", expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(key).summary)
    }
    box = try reader.string("box", maxBytes: 255)
    guard Name.isOrigin(box) else {
      throw FieldError(field: "box", expected: "the name of a box", actual: JSON.string(box).summary)
    }
    wrapping = try reader.hex("wrapping", count: 32...32)
    nonce = try reader.hex("nonce", count: NonceBook.bytes...NonceBook.bytes)
    evidence = try reader.json("evidence")
    try reader.finish()
  }

  public var json: JSON {
    [
      "key": .string(key), "box": .string(box), "wrapping": .string(Hex.encode(wrapping)),
      "nonce": .string(Hex.encode(nonce)), "evidence": evidence,
    ]
  }
}

/// `POST /v1/releases/{release}`: asks how a release stands, with or without newer evidence.
public struct ReleasePoll: Sendable {
  /// Newer evidence for the same keys, with the nonce that it was made for.
  public let renewal: (nonce: [UInt8], evidence: JSON)?

  public init(renewal: (nonce: [UInt8], evidence: JSON)?) { self.renewal = renewal }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    if let evidence = reader.optionalJSON("evidence") {
      renewal = (try reader.hex("nonce", count: NonceBook.bytes...NonceBook.bytes), evidence)
    } else {
      renewal = nil
    }
    try reader.finish()
  }

  public var json: JSON {
    guard let renewal else { return [:] }
    return ["nonce": .string(Hex.encode(renewal.nonce)), "evidence": renewal.evidence]
  }
}

/// What the broker answers about a release.
public enum ReleaseAnswer: Sendable {
  /// It waits for people, for a time-lock, or, where `wantsEvidence`, for newer evidence.
  case pending(Statement, status: String, wantsEvidence: Bool)
  case released(Statement, sealed: [UInt8])

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let state = try reader.string("state", maxBytes: 16)
    let statement = try Statement(json: reader.json("statement"))
    switch state {
    case "pending":
      self = .pending(
        statement, status: try reader.string("status", maxBytes: 64), wantsEvidence: try reader.bool("wantsEvidence"))
    case "released": self = .released(statement, sealed: try reader.base64("sealed", maxBytes: 1024))
    default:
      throw FieldError(field: "state", expected: "pending or released", actual: JSON.string(state).summary)
    }
    try reader.finish()
  }

  public var json: JSON {
    switch self {
    case .pending(let statement, let status, let wantsEvidence):
      [
        "state": "pending", "statement": statement.json, "status": .string(status),
        "wantsEvidence": .bool(wantsEvidence),
      ]
    case .released(let statement, let sealed):
      ["state": "released", "statement": statement.json, "sealed": .string(Base64.encode(sealed))]
    }
  }
}
