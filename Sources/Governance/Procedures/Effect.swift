import Attestation
import CanonicalJSON
import Cryptography

/// What the fold itself does when an action has been executed.
public enum Effect: Sendable, Hashable {
  /// Nothing: the effect is outside, and an executor brings it about.
  case outside
  /// The privileged process brings it about, and the fold keeps that it did.
  case system(SystemOrder)
  /// A broker, or the box itself, does something with keys, and the fold keeps that it did.
  case key(KeyOrder)
  /// A new policy, in a new epoch.
  case policies(Constitution)
  /// New signers, in a new epoch, whose approval is needed too.
  case committees(Constitution)
  /// Everything new, by the root rule.
  case recovery(Constitution)
  /// A break-glass effect no longer lapses.
  case ratify(SHA256Digest)
  /// An unknown outcome is settled.
  case resolve(SHA256Digest, Outcome)
  case restrain(Restraint.Kind)
  /// Restraints of this kind end.
  case release(Restraint.Kind)
  /// A tool version may run.
  case register(ToolManifest)
  /// A tool version starts no more runs.
  case retire(name: String, version: String)
  /// How a community's calls reach the world.
  case community(String, settings: JSONObject)
  /// A release whose reference values are accepted.
  case approveRelease(Release)
  /// A release that is accepted no more.
  case revokeRelease(name: String, version: String)
  /// Nothing more is measured until the machine starts again.
  case lockMeasurement

  /// Whether something outside the fold brings it about, which may end in `unknown`.
  var isOutside: Bool {
    switch self {
    case .outside, .system, .key: true
    default: false
    }
  }

  /// The constitution that the effect brings into force.
  public var constitution: Constitution? {
    switch self {
    case .policies(let new), .committees(let new), .recovery(let new): new
    default: nil
    }
  }

  /// Reads the effect of an action, and refuses a change of the constitution that must not happen.
  init(_ action: Action, under constitution: Constitution, with signatures: SignatureCheck) throws(Undecidable) {
    if ActionType.constitutional.contains(action.type) {
      do throws(ConstitutionRefusal) {
        let new = try constitution.applying(action)
        try constitution.validateChange(to: new, with: signatures)
        switch action.type {
        case ActionType.policySet: self = .policies(new)
        case ActionType.committeeSet: self = .committees(new)
        default: self = .recovery(new)
        }
      } catch {
        throw .constitution(error)
      }
    } else {
      do {
        self = try Self.read(action)
      } catch {
        throw .parameters(error)
      }
    }
  }

  private static func read(_ action: Action) throws(FieldError) -> Effect {
    if ActionType.system.contains(action.type) { return .system(try SystemOrder(action)) }
    if ActionType.keys.contains(action.type) { return .key(try KeyOrder(action)) }
    guard ActionType.folded.contains(action.type) else { return .outside }
    var reader = ObjectReader(members: action.params, path: "action.params")
    let effect: Effect
    switch action.type {
    case ActionType.ratify: effect = .ratify(try reader.digest("proposal"))
    case ActionType.resolve:
      let proposal = try reader.digest("proposal")
      let text = try reader.string("outcome", maxBytes: 32)
      guard let outcome = Outcome(rawValue: text), outcome != Outcome.unknown else {
        throw FieldError(
          field: reader.pathOf("outcome"), expected: "executed or failed", actual: JSON.string(text).summary)
      }
      try note("note", &reader)
      effect = .resolve(proposal, outcome)
    case ActionType.registerTool:
      effect = .register(
        try ToolManifest(json: publicJSON("manifest", &reader), path: reader.pathOf("manifest")))
    case ActionType.retireTool:
      effect = .retire(name: try reader.name("name"), version: try ToolManifest.version(&reader))
    case ActionType.setCommunity:
      let name = try reader.name("community")
      let settings = try publicJSON("settings", &reader)
      let bytes = settings.canonicalBytes().count
      guard let object = settings.object, bytes <= CommunityRecord.maxBytes else {
        throw FieldError(
          field: reader.pathOf("settings"), expected: "an object of at most \(CommunityRecord.maxBytes) bytes",
          actual: settings.object == nil ? settings.summary : "\(bytes) bytes")
      }
      effect = .community(name, settings: object)
    case ActionType.approveRelease:
      effect = .approveRelease(try Release(json: publicJSON("release", &reader), path: reader.pathOf("release")))
    case ActionType.revokeRelease:
      effect = .revokeRelease(
        name: try reader.string("name", maxBytes: 128), version: try reader.string("version", maxBytes: 64))
      try note("reason", &reader)
    case ActionType.lockMeasurement:
      effect = .lockMeasurement
      try note("reason", &reader)
    case ActionType.revoke:
      effect = .restrain(.revoke(try reader.name("signer")))
      try note("reason", &reader)
    default:
      try note("reason", &reader)
      switch action.type {
      case ActionType.stop: effect = .restrain(.stop)
      case ActionType.resume: effect = .release(.stop)
      case ActionType.seal: effect = .restrain(.seal)
      default: effect = .release(.seal)
      }
    }
    try reader.finish()
    return effect
  }

  /// A value that the fold itself keeps: what a commitment hides it could not.
  private static func publicJSON(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> JSON {
    let value = try reader.json(name)
    guard !Commitment.occurs(in: value) else {
      throw FieldError(field: reader.pathOf(name), expected: "public values", actual: "a commitment")
    }
    return value
  }

  /// A remark for people: a text, or the commitment to one.
  private static func note(_ name: String, _ reader: inout ObjectReader) throws(FieldError) {
    let value = try reader.json(name)
    if Commitment(json: value) != nil { return }
    guard let text = value.string, text.utf8.count <= 4096 else {
      throw FieldError(
        field: reader.pathOf(name), expected: "a text of at most 4096 bytes, or a commitment", actual: value.summary)
    }
  }
}

/// Power taken away for a time: no executions, no proposals, or one signer's approvals no longer counting.
public struct Restraint: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case stop, seal
    case revoke(String)
  }

  /// How long it lasts.
  public enum Lapse: Sendable, Hashable {
    /// Until something ends it: `box.resume`, `box.unseal`, the next change of signers.
    case never
    /// By break-glass: until this time (Unix milliseconds), unless it is ratified before.
    case at(Int64)
  }

  public var kind: Kind
  /// The proposal that brought it about.
  public var proposal: SHA256Digest
  public var lapse: Lapse

  /// Whether it still holds at a time in Unix milliseconds.
  public func holds(at now: Int64) -> Bool {
    switch lapse {
    case .never: true
    case .at(let end): now < end
    }
  }
}
