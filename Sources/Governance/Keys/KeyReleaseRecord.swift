import CanonicalJSON
import Cryptography

/// The release of a key as its approvers read it: to whom, on which evidence, and what the broker found in it. All of it is
/// public, and anybody who has the evidence can appraise it again.
public struct KeyReleaseRecord: Sendable, Hashable {
  public static let wrappingBytes = 32
  public static let nonceBytes = 32

  public let key: String
  /// The box's name; bound into the evidence.
  public let box: String
  /// The X25519 key to which the released key is sealed; bound into the evidence.
  public let wrapping: [UInt8]
  /// SHA-256 of the public key (SPKI) of the box's end of the connection; bound into the evidence.
  public let tls: SHA256Digest
  /// The broker's nonce, used once.
  public let nonce: [UInt8]
  /// Digest of the evidence (`safebox-evidence/v1`).
  public let evidence: SHA256Digest
  /// Digest of the appraisal policy that accepted it: the key's own.
  public let appraisal: SHA256Digest
  /// Kind of the evidence, such as `tpm`.
  public let kind: String
  /// Who stands at the end of the chain of trust.
  public let assurance: KeyEnrolment.Assurance
  /// The accepted release, or `any` where the policy asks for none.
  public let release: String
  /// When it was appraised, Unix milliseconds.
  public let appraised: Int64

  public init(
    key: String, box: String, wrapping: [UInt8], tls: SHA256Digest, nonce: [UInt8], evidence: SHA256Digest,
    appraisal: SHA256Digest, kind: String, assurance: KeyEnrolment.Assurance, release: String, appraised: Int64
  ) {
    self.key = key
    self.box = box
    self.wrapping = wrapping
    self.tls = tls
    self.nonce = nonce
    self.evidence = evidence
    self.appraisal = appraisal
    self.kind = kind
    self.assurance = assurance
    self.release = release
    self.appraised = appraised
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    key = try reader.name("key")
    box = try reader.origin("box")
    wrapping = try Self.bytes("wrapping", count: Self.wrappingBytes, &reader)
    tls = try reader.digest("tls")
    nonce = try Self.bytes("nonce", count: Self.nonceBytes, &reader)
    evidence = try reader.digest("evidence")
    appraisal = try reader.digest("appraisal")
    kind = try reader.name("kind")
    assurance = try reader.word("assurance")
    release = try reader.string("release", maxBytes: 256)
    appraised = try reader.time("appraised")
  }

  /// Reads the params of an action of the type `key.release`.
  public init(params: JSONObject) throws(FieldError) {
    var reader = ObjectReader(members: params, path: "action.params")
    try self.init(&reader)
    try reader.finish()
  }

  private static func bytes(
    _ name: String, count: Int, _ reader: inout ObjectReader
  ) throws(FieldError) -> [UInt8] {
    let text = try reader.string(name, maxBytes: 2 * count)
    guard let bytes = Hex.decode(text), bytes.count == count else {
      throw FieldError(
        field: reader.pathOf(name), expected: "\(count) bytes in hexadecimal", actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// The params of `key.release`.
  public var params: JSONObject {
    [
      "key": .string(key), "box": .string(box), "wrapping": .string(Hex.encode(wrapping)), "tls": .string(tls.hex),
      "nonce": .string(Hex.encode(nonce)), "evidence": .string(evidence.hex), "appraisal": .string(appraisal.hex),
      "kind": .string(kind), "assurance": .string(assurance.rawValue), "release": .string(release),
      "appraised": .integer(appraised),
    ]
  }
}

/// A release that the broker refused: what was asked, and which checks did not hold. Never key material, and nothing of the
/// evidence but what the failed checks say.
public struct KeyRefusalRecord: Sendable, Hashable {
  public enum Limits {
    public static let checks = 16
    public static let registers = 32
    /// Bytes of one text of a check.
    public static let text = 512
  }

  /// A check that did not hold.
  public struct FailedCheck: Sendable, Hashable {
    public let id: String
    public let expected: String
    public let actual: String

    public init(id: String, expected: String, actual: String) {
      self.id = id
      self.expected = expected
      self.actual = actual
    }
  }

  /// What was asked for.
  public let key: String
  /// Who asked, by their own word.
  public let box: String
  /// A stable name of the first reason, such as `broker.nonce` or `policy.release`.
  public let reason: String
  /// At least one.
  public let checks: [FailedCheck]
  /// The registers that differed from every accepted value, by name.
  public let registers: [String]
  /// Digest of the evidence; nil where none was read.
  public let evidence: SHA256Digest?

  public init(
    key: String, box: String, reason: String, checks: [FailedCheck], registers: [String], evidence: SHA256Digest?
  ) {
    self.key = key
    self.box = box
    self.reason = reason
    self.checks = checks
    self.registers = registers
    self.evidence = evidence
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    key = try reader.name("key")
    box = try reader.origin("box")
    reason = try Self.printable(reader.string("reason", maxBytes: 64), at: reader.pathOf("reason"))
    var checks: [FailedCheck] = []
    for (index, json) in try reader.array("checks", maxCount: Limits.checks).enumerated() {
      var member = try ObjectReader(json, path: "\(reader.pathOf("checks"))[\(index)]")
      func text(_ name: String, _ limit: Int) throws(FieldError) -> String {
        try Self.printable(try member.string(name, maxBytes: limit), at: member.pathOf(name))
      }
      checks.append(
        FailedCheck(
          id: try text("id", 64), expected: try text("expected", Limits.text), actual: try text("actual", Limits.text)))
      try member.finish()
    }
    guard !checks.isEmpty else {
      throw FieldError(field: reader.pathOf("checks"), expected: "at least one check that did not hold", actual: "none")
    }
    self.checks = checks
    registers = try reader.names("registers", maxCount: Limits.registers)
    evidence = try reader.optionalDigest("evidence")
  }

  /// What a stranger's evidence says must not look like anything else on a screen.
  private static func printable(_ text: String, at path: String) throws(FieldError) -> String {
    guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw FieldError(field: path, expected: "printable ASCII", actual: JSON.string(text).summary)
    }
    return text
  }

  /// The params of `key.refuse`.
  public var params: JSONObject {
    var object: JSONObject = [
      "key": .string(key), "box": .string(box), "reason": .string(reason),
      "checks": .array(
        checks.map { ["id": .string($0.id), "expected": .string($0.expected), "actual": .string($0.actual)] }),
      "registers": .array(registers.map(JSON.string)),
    ]
    object["evidence"] = evidence.map { .string($0.hex) }
    return object
  }
}
