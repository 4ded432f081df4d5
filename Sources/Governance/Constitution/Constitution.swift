import CanonicalJSON
import Cryptography

/// Who may sign and which policies hold, in one epoch of one box (docs/formats.md section 4). A value of this type is
/// well formed; ``validate(with:)`` says whether it is fit to govern.
public struct Constitution: Sendable, Hashable {
  public let box: String
  /// 1 for entry 0; every change adds 1.
  public let epoch: Int64
  public let signers: [String: Signer]
  /// The members of each committee, in the order in which they were written.
  public let committees: [String: [String]]
  public let policies: [String: Policy]
  public let root: RootRule
  /// How passkeys are checked; nil where no signer has one.
  public let passkeys: Passkeys?
  /// SHA-256 of the canonical bytes.
  public let digest: SHA256Digest
  /// The digest of each policy, by name.
  public let policyDigests: [String: SHA256Digest]
  /// The members of each committee as sets, for the decisions.
  let members: [String: Set<String>]
  /// Which policy has each pattern. Two with the same are refused by ``validate(with:)``.
  private let coverage: [Pattern: String]

  public enum Limits {
    public static let signers = 64
    public static let keys = 8
    public static let committees = 32
    public static let policies = 64
    /// Canonical bytes; entry 0 and a proposal that replaces everything must fit a log entry.
    public static let bytes = 49_152
  }

  public init(
    box: String, epoch: Int64, signers: [Signer], committees: [String: [String]], policies: [String: Policy],
    root: RootRule, passkeys: Passkeys? = nil
  ) {
    self.box = box
    self.epoch = epoch
    self.signers = Dictionary(signers.map { ($0.name, $0) }) { first, _ in first }
    self.committees = committees
    members = committees.mapValues(Set.init)
    self.policies = policies
    self.root = root
    self.passkeys = passkeys
    var coverage: [Pattern: String] = [:]
    var digests: [String: SHA256Digest] = [:]
    for (name, policy) in policies.sorted(by: { $0.key < $1.key }) {
      digests[name] = policy.digest(name: name)
      for pattern in policy.covers { coverage[pattern] = coverage[pattern] ?? name }
    }
    self.coverage = coverage
    policyDigests = digests
    digest = .of(
      Self.json(
        box: box, epoch: epoch, signers: self.signers, committees: self.committees, policies: policies, root: root,
        passkeys: passkeys))
  }

  public init(json: JSON, path: String = "constitution") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let box = try reader.origin("box")
    let epoch = try reader.integer("epoch", in: 1...JSON.maxSafeInteger)
    let signers = try Self.signers(&reader)
    let committees = try Self.committees(&reader)
    let policies = try Self.policies(&reader)
    let root = try RootRule(json: reader.json("root"), path: reader.pathOf("root"))
    let passkeys = try Self.passkeys(&reader)
    try reader.finish()
    self.init(
      box: box, epoch: epoch, signers: signers, committees: committees, policies: policies, root: root,
      passkeys: passkeys)
  }

  public var json: JSON {
    Self.json(
      box: box, epoch: epoch, signers: signers, committees: committees, policies: policies, root: root,
      passkeys: passkeys)
  }

  private static func json(
    box: String, epoch: Int64, signers: [String: Signer], committees: [String: [String]],
    policies: [String: Policy], root: RootRule, passkeys: Passkeys?
  ) -> JSON {
    var object: JSONObject = [
      "box": .string(box), "epoch": .integer(epoch),
      "signers": .object(JSONObject(signers.map { ($0.key, $0.value.json) })),
      "committees": .object(JSONObject(committees.map { ($0.key, .array($0.value.map(JSON.string))) })),
      "policies": .object(JSONObject(policies.map { ($0.key, $0.value.json) })), "root": root.json,
    ]
    object["passkeys"] = passkeys?.json
    return .object(object)
  }

  /// The policy that decides actions of a type: the most specific pattern governs. nil means that none covers it, and
  /// that it is denied. `governance.recover` has none: the root rule decides it.
  public func policy(covering type: String) -> (name: String, policy: Policy)? {
    guard type != ActionType.recover else { return nil }
    for pattern in Pattern.covering(type) {
      if let name = coverage[pattern], let policy = policies[name] { return (name, policy) }
    }
    return nil
  }
}

/// Reading the parts, which actions of governance carry too.
extension Constitution {
  static func signers(_ reader: inout ObjectReader) throws(FieldError) -> [Signer] {
    var signers: [Signer] = []
    for (name, json) in try members("signers", of: &reader, maxCount: Limits.signers) {
      signers.append(try Signer(name: name, json: json, path: "\(reader.pathOf("signers")).\(name)"))
    }
    return signers
  }

  static func committees(_ reader: inout ObjectReader) throws(FieldError) -> [String: [String]] {
    var committees: [String: [String]] = [:]
    for (name, json) in try members("committees", of: &reader, maxCount: Limits.committees) {
      // The reader of one field serves to read a list of names.
      var field = ObjectReader(members: [name: json], path: reader.pathOf("committees"))
      let list = try field.names(name, maxCount: Limits.signers)
      guard !list.isEmpty else {
        throw FieldError(field: field.pathOf(name), expected: "at least one member", actual: "none")
      }
      committees[name] = list
    }
    return committees
  }

  static func policies(_ reader: inout ObjectReader) throws(FieldError) -> [String: Policy] {
    var policies: [String: Policy] = [:]
    for (name, json) in try members("policies", of: &reader, maxCount: Limits.policies) {
      policies[name] = try Policy(json: json, path: "\(reader.pathOf("policies")).\(name)")
    }
    return policies
  }

  static func passkeys(_ reader: inout ObjectReader) throws(FieldError) -> Passkeys? {
    guard let json = reader.optionalJSON("passkeys") else { return nil }
    return try Passkeys(json: json, path: reader.pathOf("passkeys"))
  }

  private static func members(
    _ field: String, of reader: inout ObjectReader, maxCount: Int
  ) throws(FieldError) -> [(String, JSON)] {
    let json = try reader.json(field)
    let path = reader.pathOf(field)
    guard let object = json.object, object.count <= maxCount else {
      throw FieldError(field: path, expected: "an object of at most \(maxCount) members", actual: json.summary)
    }
    var members: [(String, JSON)] = []
    for member in object {
      let name = try Name.checked(member.key, at: path)
      members.append((name, member.value))
    }
    return members
  }
}
