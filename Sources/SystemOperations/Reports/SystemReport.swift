import CanonicalJSON
import Cryptography
import Governance
import OpenClaims

/// What the privileged process says of one operation, as a signed claim: which proposal of which box it carried out, when,
/// how that ended, and the digest of the result.
public struct SystemReport: Sendable, Hashable {
  public let box: String
  public let proposal: SHA256Digest
  public let operation: String
  public let outcome: Outcome
  /// SHA-256 of the canonical bytes of ``OperationResult/json``.
  public let result: SHA256Digest
  /// Unix milliseconds.
  public let at: Int64

  static let issuer = "safebox-system"

  public init(
    box: String, proposal: SHA256Digest, operation: String, outcome: Outcome, result: SHA256Digest, at: Int64
  ) {
    self.box = box
    self.proposal = proposal
    self.operation = operation
    self.outcome = outcome
    self.result = result
    self.at = at
  }

  var statement: JSON {
    [
      "at": .integer(at), "box": .string(box), "operation": .string(operation), "outcome": .string(outcome.rawValue),
      "proposal": .string(proposal.hex), "result": .string(result.hex),
    ]
  }

  /// The claim that says so.
  func signed(by key: SystemKey) throws(ClaimError) -> JSON {
    try Claim(
      iss: Self.issuer, sub: proposal.hex, stm: statement, nbf: at / 1000, keys: [key.signer.key]
    ).signed(by: key.signer).json
  }

  /// Reads a claim and checks that `key` signed it, and that it is about this proposal of this box and this result. Opens
  /// nothing and reads no clock.
  ///
  /// - Throws: ``FieldError`` for a claim of another form or about something else, `ClaimError` for its signature.
  public init(
    claim json: JSON, key: ClaimKey, box: String, proposal: SHA256Digest, result: OperationResult
  ) throws {
    let claim = try Claim(json: json)
    let verified = try ClaimVerifier().verify(claim, at: claim.nbf ?? 0)
    guard verified.validKeys == [key] else {
      throw FieldError(
        field: "key", expected: key.text, actual: claim.keys.map(\.text).joined(separator: " "))
    }
    var reader = try ObjectReader(claim.stm, path: "stm")
    at = try reader.integer("at", in: 0...JSON.maxSafeInteger)
    self.box = try Self.expect(&reader, "box", box)
    self.proposal = proposal
    _ = try Self.expect(&reader, "proposal", proposal.hex)
    operation = try reader.string("operation", maxBytes: 64)
    outcome = result.outcome
    _ = try Self.expect(&reader, "outcome", result.outcome.rawValue)
    self.result = result.digest
    _ = try Self.expect(&reader, "result", result.digest.hex)
    try reader.finish()
    guard claim.iss == Self.issuer, claim.sub == proposal.hex else {
      throw FieldError(
        field: "iss, sub", expected: "\(Self.issuer), \(proposal.hex)", actual: "\(claim.iss), \(claim.sub)")
    }
  }

  private static func expect(_ reader: inout ObjectReader, _ name: String, _ expected: String) throws(FieldError)
    -> String
  {
    let actual = try reader.string(name, maxBytes: 1024)
    guard actual.utf8.elementsEqual(expected.utf8) else {
      throw FieldError(field: reader.pathOf(name), expected: expected, actual: JSON.string(actual).summary)
    }
    return actual
  }
}
