import CanonicalJSON
import Cryptography

/// How an execution ended.
public enum Outcome: String, Sendable, Hashable, CaseIterable {
  case executed, failed
  /// A crash hid it; a human settles it by `execution.resolve`.
  case unknown
}

/// Recorded after an executor has acted.
public struct ExecutionFinished: EntryBody {
  public var proposal: SHA256Digest
  public var outcome: Outcome
  /// Public facts and digests about the result; never personal data or secrets.
  public var result: JSONObject
  /// For an executed change of the constitution: the epoch that it opens. The fold recomputes it.
  public var epoch: Int64?
  /// For an executed change of the constitution: the digest of the new one. The fold recomputes it.
  public var constitution: SHA256Digest?

  public init(
    proposal: SHA256Digest, outcome: Outcome, result: JSONObject, epoch: Int64? = nil,
    constitution: SHA256Digest? = nil
  ) {
    self.proposal = proposal
    self.outcome = outcome
    self.result = result
    self.epoch = epoch
    self.constitution = constitution
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    proposal = try reader.digest("proposal")
    let text = try reader.string("outcome", maxBytes: 32)
    guard let outcome = Outcome(rawValue: text) else {
      throw FieldError(field: "outcome", expected: "executed, failed or unknown", actual: JSON.string(text).summary)
    }
    self.outcome = outcome
    let value = try reader.json("result")
    guard let object = value.object else {
      throw FieldError(field: "result", expected: "an object", actual: value.summary)
    }
    result = object
    epoch = try reader.optionalInteger("epoch", in: 1...JSON.maxSafeInteger)
    constitution = try reader.optionalDigest("constitution")
    try reader.finish()
  }

  public var kind: EntryKind { .executionFinished }

  public var body: JSON {
    var object: JSONObject = [
      "proposal": .string(proposal.hex), "outcome": .string(outcome.rawValue), "result": .object(result),
    ]
    object["epoch"] = epoch.map(JSON.integer)
    object["constitution"] = constitution.map { .string($0.hex) }
    return .object(object)
  }
}
