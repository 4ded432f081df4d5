import CanonicalJSON
import Cryptography

/// What a broker of keys, or a box that holds keys of communities, is told to do by an action (docs/formats.md section
/// 17). The fold keeps what was done; wrapping, sealing and erasing are outside.
public enum KeyOrder: Sendable, Hashable {
  case enrol(KeyEnrolment)
  case create(key: String, appraisal: SHA256Digest)
  /// From now on another appraisal policy decides which evidence is accepted for the key.
  case appraise(key: String, appraisal: SHA256Digest)
  case grant(key: String, box: String)
  case revoke(key: String, box: String)
  /// The key is released to nobody any more, ever.
  case retire(key: String)
  case release(KeyReleaseRecord)
  case refuse(KeyRefusalRecord)
  case rotate(KeyHolder)
  case erase(KeyHolder)

  /// Reads the params of an action of one of ``ActionType/keys``. Nothing in them is private: the fold keeps them.
  init(_ action: Action) throws(FieldError) {
    guard !Commitment.occurs(in: JSON.object(action.params)) else {
      throw FieldError(field: "action.params", expected: "public values", actual: "a commitment")
    }
    var reader = ObjectReader(members: action.params, path: "action.params")
    switch action.type {
    case ActionType.enrolKeyBox: self = .enrol(try KeyEnrolment(&reader))
    case ActionType.createKey:
      self = .create(key: try reader.name("key"), appraisal: try reader.digest("appraisal"))
    case ActionType.appraiseKey:
      self = .appraise(key: try reader.name("key"), appraisal: try reader.digest("appraisal"))
    case ActionType.grantKey: self = .grant(key: try reader.name("key"), box: try reader.origin("box"))
    case ActionType.revokeKey: self = .revoke(key: try reader.name("key"), box: try reader.origin("box"))
    case ActionType.retireKey: self = .retire(key: try reader.name("key"))
    case ActionType.releaseKey: self = .release(try KeyReleaseRecord(&reader))
    case ActionType.refuseKey: self = .refuse(try KeyRefusalRecord(&reader))
    case ActionType.rotateKey: self = .rotate(try KeyHolder(&reader))
    default: self = .erase(try KeyHolder(&reader))
    }
    try reader.finish()
  }

  /// The order that an action gives; nil for other types.
  public static func of(_ action: Action) throws(FieldError) -> KeyOrder? {
    ActionType.keys.contains(action.type) ? try KeyOrder(action) : nil
  }

  /// The action type and its params.
  public var action: (type: String, params: JSONObject) {
    func pair(_ key: String, _ box: String) -> JSONObject { ["key": .string(key), "box": .string(box)] }
    func policy(_ key: String, _ appraisal: SHA256Digest) -> JSONObject {
      ["key": .string(key), "appraisal": .string(appraisal.hex)]
    }
    return switch self {
    case .enrol(let enrolment): (ActionType.enrolKeyBox, enrolment.params)
    case .create(let key, let appraisal): (ActionType.createKey, policy(key, appraisal))
    case .appraise(let key, let appraisal): (ActionType.appraiseKey, policy(key, appraisal))
    case .grant(let key, let box): (ActionType.grantKey, pair(key, box))
    case .revoke(let key, let box): (ActionType.revokeKey, pair(key, box))
    case .retire(let key): (ActionType.retireKey, ["key": .string(key)])
    case .release(let record): (ActionType.releaseKey, record.params)
    case .refuse(let record): (ActionType.refuseKey, record.params)
    case .rotate(let holder): (ActionType.rotateKey, holder.params)
    case .erase(let holder): (ActionType.eraseKey, holder.params)
    }
  }

  /// The appraisal policy that travels beside the order, by its digest; nil for orders without one.
  public var appraisal: SHA256Digest? {
    switch self {
    case .create(_, let appraisal), .appraise(_, let appraisal): appraisal
    default: nil
    }
  }
}

/// The attestation key by which a box is known to a broker.
public struct KeyEnrolment: Sendable, Hashable {
  /// How the broker found out that the attestation key lies in the TPM of the endorsement key.
  public enum Proof: String, Sendable, Hashable, CaseIterable {
    /// TPM2_ActivateCredential: only that TPM could answer the broker's challenge.
    case activation
    /// A certificate of the attestation key under an authority that the broker accepts.
    case certificate
  }

  /// Who vouches for the endorsement key.
  public enum Assurance: String, Sendable, Hashable, CaseIterable {
    /// Its certificate leads to a maker of hardware.
    case hardware
    /// A TPM in software, or an endorsement key without a certificate that leads anywhere.
    case software
  }

  public static let nameBytes = 34...66

  /// The box's name.
  public let box: String
  /// The TPM's name of the attestation key (TPM 2.0 part 1, section 16): hash algorithm and digest, 34 to 66 bytes.
  public let ak: [UInt8]
  /// SHA-256 of the public area of the endorsement key, or of the certificate that proved the attestation key.
  public let ek: SHA256Digest
  public let assurance: Assurance
  public let proof: Proof

  public init(box: String, ak: [UInt8], ek: SHA256Digest, assurance: Assurance, proof: Proof) {
    self.box = box
    self.ak = ak
    self.ek = ek
    self.assurance = assurance
    self.proof = proof
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    box = try reader.origin("box")
    let text = try reader.string("ak", maxBytes: 2 * Self.nameBytes.upperBound)
    guard let name = Hex.decode(text), Self.nameBytes.contains(name.count) else {
      throw FieldError(
        field: reader.pathOf("ak"), expected: "the name of a key: 34 to 66 bytes in hexadecimal",
        actual: JSON.string(text).summary)
    }
    ak = name
    ek = try reader.digest("ek")
    assurance = try reader.word("assurance")
    proof = try reader.word("proof")
  }

  /// The params of `key.enrol`.
  public var params: JSONObject {
    [
      "box": .string(box), "ak": .string(Hex.encode(ak)), "ek": .string(ek.hex),
      "assurance": .string(assurance.rawValue), "proof": .string(proof.rawValue),
    ]
  }
}

/// Whose keys are rotated or erased: a community, or a tenant.
public enum KeyHolder: Sendable, Hashable, CustomStringConvertible {
  case community(String)
  case tenant(String)

  /// Reads exactly one of the two members.
  init(_ reader: inout ObjectReader) throws(FieldError) {
    let community = try reader.optionalString("community", maxBytes: 256)
    let tenant = try reader.optionalString("tenant", maxBytes: 256)
    switch (community, tenant) {
    case (let name?, nil): self = .community(try Name.checked(name, at: reader.pathOf("community")))
    case (nil, let name?): self = .tenant(try Name.checked(name, at: reader.pathOf("tenant")))
    default:
      throw FieldError(
        field: reader.pathOf("community"), expected: "either community or tenant",
        actual: community == nil ? "neither" : "both")
    }
  }

  /// The params of `key.rotate` and `key.erase`.
  public var params: JSONObject {
    switch self {
    case .community(let name): ["community": .string(name)]
    case .tenant(let name): ["tenant": .string(name)]
    }
  }

  /// `community/NAME` or `tenant/NAME`: no two holders share one.
  public var description: String {
    switch self {
    case .community(let name): "community/\(name)"
    case .tenant(let name): "tenant/\(name)"
    }
  }
}

extension ObjectReader {
  /// One of the words of an enumeration.
  mutating func word<Value>(_ field: String) throws(FieldError) -> Value
  where Value: RawRepresentable<String> & CaseIterable {
    let text = try string(field, maxBytes: 64)
    guard let value = Value(rawValue: text) else {
      throw FieldError(
        field: pathOf(field), expected: Value.allCases.map(\.rawValue).joined(separator: " or "),
        actual: JSON.string(text).summary)
    }
    return value
  }
}
