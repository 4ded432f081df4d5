import CanonicalJSON
import Cryptography

/// Everything that an approver signs over, under one digest: the action, the box, the epoch of its signers, the policy
/// that decides, the moment after which nothing may start, and who proposed it (docs/formats.md section 5).
public struct Statement: Sendable, Hashable {
  public let action: Action
  /// The box's name.
  public let box: String
  public let epoch: Int64
  /// Unix milliseconds; nothing starts at or after it.
  public let expires: Int64
  /// ``nonce(proposer:salt:)``.
  public let nonce: SHA256Digest
  /// Digest of the policy (or root rule) that decides.
  public let policy: SHA256Digest
  /// The action digest: SHA-256 of the canonical bytes. It names the proposal.
  public let digest: SHA256Digest

  /// How many random bytes a salt has.
  public static let saltBytes = 16...32

  public init(
    action: Action, box: String, epoch: Int64, expires: Int64, nonce: SHA256Digest, policy: SHA256Digest
  ) {
    self.action = action
    self.box = box
    self.epoch = epoch
    self.expires = expires
    self.nonce = nonce
    self.policy = policy
    digest = .of(
      Self.json(action: action, box: box, epoch: epoch, expires: expires, nonce: nonce, policy: policy))
  }

  public init(json: JSON, path: String = "statement") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let action = try Action(json: reader.json("action"), path: reader.pathOf("action"))
    let box = try reader.origin("box")
    let epoch = try reader.integer("epoch", in: 1...JSON.maxSafeInteger)
    let expires = try reader.time("expires")
    let nonce = try reader.digest("nonce")
    let policy = try reader.digest("policy")
    try reader.finish()
    self.init(action: action, box: box, epoch: epoch, expires: expires, nonce: nonce, policy: policy)
  }

  public var json: JSON {
    Self.json(action: action, box: box, epoch: epoch, expires: expires, nonce: nonce, policy: policy)
  }

  /// Binds a proposal to its proposer: a copied proposal is another proposal, so nobody can take over or withdraw
  /// somebody else's by repeating it.
  public static func nonce(proposer: Proposer, salt: [UInt8]) -> SHA256Digest {
    .of(["proposer": .string(proposer.text), "salt": .string(Hex.encode(salt))])
  }

  /// What the `stm` of a claim about this statement says.
  public func stm(_ verdict: Verdict) -> JSON {
    [
      "action": .string(digest.hex), "box": .string(box), "decision": .string(verdict.rawValue),
      "epoch": .integer(epoch), "policy": .string(policy.hex),
    ]
  }

  private static func json(
    action: Action, box: String, epoch: Int64, expires: Int64, nonce: SHA256Digest, policy: SHA256Digest
  ) -> JSON {
    [
      "action": action.json, "box": .string(box), "epoch": .integer(epoch), "expires": .integer(expires),
      "nonce": .string(nonce.hex), "policy": .string(policy.hex),
    ]
  }
}
