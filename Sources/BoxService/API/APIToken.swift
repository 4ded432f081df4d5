import CanonicalJSON
import Cryptography
import Governance

/// What a client may do. Scopes open doors to reading and to handing in; they decide nothing: decisions need signatures.
public enum Scope: String, Sendable, Hashable, CaseIterable {
  /// Read proposals, entries, policies, receipts and events.
  case read
  /// Open proposals in the client's own name.
  case propose
  /// Hand in signed approvals, objections and withdrawals.
  case vote
  /// Read the private values behind commitments.
  case openings
  /// Erase the private values behind commitments and the words of runs, for good.
  case erase
  /// Start and cancel runs of registered tools, and read what they came to.
  case run
  /// Use the models that the client's grant names, up to its budget.
  case infer
}

/// What a client with the scope `infer` may use.
public struct InferenceGrant: Sendable, Hashable {
  /// Names of runners; nil for all of them.
  public var models: Set<String>?
  /// Tokens, of prompts and of answers, in any 24 hours; nil for no bound.
  public var tokensPerDay: Int64?

  public init(models: Set<String>? = nil, tokensPerDay: Int64? = nil) {
    self.models = models
    self.tokensPerDay = tokensPerDay
  }

  init(_ json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    if let names = try reader.optionalArray("models", maxCount: 64) {
      models = []
      for (index, value) in names.enumerated() {
        guard let name = value.string, Name.isValid(name) else {
          throw FieldError(
            field: "\(path).models[\(index)]", expected: "the name of a runner", actual: value.summary)
        }
        models?.insert(name)
      }
    }
    tokensPerDay = try reader.optionalInteger("tokensPerDay", in: 1...JSON.maxSafeInteger)
    try reader.finish()
  }

  var json: JSON {
    var object: JSONObject = [:]
    if let models { object["models"] = .array(models.sorted().map { .string($0) }) }
    if let tokensPerDay { object["tokensPerDay"] = .integer(tokensPerDay) }
    return .object(object)
  }
}

/// One client of the API. Only a digest of its secret is kept.
public struct APIClient: Sendable, Hashable {
  public var name: String
  public var scopes: Set<Scope>
  /// SHA-256 of the token's text. The secret is 32 random bytes, so a plain digest cannot be searched.
  public var tokenDigest: SHA256Digest
  /// What it may use; meaningful with the scope `infer`.
  public var inference = InferenceGrant()

  /// Makes a client and the token to hand to it. The token's text is `sbx_<name>_<43 characters>` and is not kept.
  public static func make(name: String, scopes: Set<Scope>, secret: [UInt8]) -> (client: APIClient, token: String) {
    let token = "sbx_\(name)_\(Base64.encodeURL(secret))"
    return (APIClient(name: name, scopes: scopes, tokenDigest: SHA256.hash(Array(token.utf8))), token)
  }
}

/// The clients that the box knows, as in `clients.json`.
public struct APIClients: Sendable {
  public private(set) var clients: [APIClient]

  public init(_ clients: [APIClient] = []) { self.clients = clients }

  /// Reads `clients.json`; at most 1 MiB and 1,024 clients.
  public init(parsing bytes: [UInt8]) throws {
    let json = try JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20))
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-clients/v1" else {
      throw FieldError(field: "format", expected: "safebox-clients/v1", actual: format)
    }
    let entries = try reader.array("clients", maxCount: 1024)
    try reader.finish()
    clients = []
    for (index, entry) in entries.enumerated() {
      let path = "clients[\(index)]"
      var client = try ObjectReader(entry, path: path)
      let name = try client.string("name", maxBytes: 64)
      let digest = try client.string("token", maxBytes: 64)
      let scopes = try client.array("scopes", maxCount: Scope.allCases.count)
      let grant = try client.optionalJSON("inference").map { json throws(FieldError) in
        try InferenceGrant(json, path: "\(path).inference")
      }
      try client.finish()
      guard let tokenDigest = SHA256Digest(hex: digest) else {
        throw FieldError(field: "\(path).token", expected: "64 lower-case hexadecimal digits", actual: digest)
      }
      var set: Set<Scope> = []
      for (position, value) in scopes.enumerated() {
        guard let text = value.string, let scope = Scope(rawValue: text) else {
          throw FieldError(
            field: "\(path).scopes[\(position)]", expected: "one of \(Scope.allCases.map(\.rawValue))",
            actual: value.canonicalString())
        }
        set.insert(scope)
      }
      try add(
        APIClient(name: name, scopes: set, tokenDigest: tokenDigest, inference: grant ?? InferenceGrant()),
        path: "\(path).")
    }
  }

  /// Names under which the box itself proposes. A client of such a name would pass for it, in the log and before the checks of
  /// what only the box may propose.
  static let reserved: Set<String> = [KeyProposals.name]

  /// Adds a client; its name must be new, and none of the box's own.
  ///
  /// - Parameter path: what stands before the names of fields in errors.
  public mutating func add(_ client: APIClient, path: String = "") throws(FieldError) {
    guard let first = client.name.utf8.first, first != 45, first != 46, client.name.utf8.count <= 64,
      client.name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 46 })
    else {
      throw FieldError(
        field: "\(path)name", expected: "1-64 characters of a-z 0-9 . -, first a letter or digit", actual: client.name)
    }
    guard !Self.reserved.contains(client.name) else {
      throw FieldError(
        field: "\(path)name", expected: "a name that the box does not use itself", actual: client.name)
    }
    guard !clients.contains(where: { $0.tokenDigest == client.tokenDigest }) else {
      throw FieldError(field: "\(path)token", expected: "a token that no other client has", actual: "one given twice")
    }
    guard !clients.contains(where: { $0.name == client.name }) else {
      throw FieldError(field: "\(path)name", expected: "a name that is not taken", actual: client.name)
    }
    clients.append(client)
  }

  /// Removes a client by name; false where there was none.
  public mutating func remove(_ name: String) -> Bool {
    let count = clients.count
    clients.removeAll { $0.name == name }
    return clients.count < count
  }

  /// The client whose token this is. Every client is compared, in constant time, so that timing names nobody.
  public func client(presenting token: String) -> APIClient? {
    let digest = SHA256.hash(Array(token.utf8)).bytes
    var found: APIClient?
    for client in clients where ConstantTime.equal(client.tokenDigest.bytes, digest) { found = client }
    return found
  }

  /// The bytes that `init(parsing:)` reads.
  public var bytes: [UInt8] {
    let list: [JSON] = clients.map { client in
      var object: JSONObject = [
        "name": .string(client.name), "token": .string(client.tokenDigest.hex),
        "scopes": .array(client.scopes.map(\.rawValue).sorted().map { .string($0) }),
      ]
      if client.inference != InferenceGrant() { object["inference"] = client.inference.json }
      return .object(object)
    }
    return JSON.object(["format": "safebox-clients/v1", "clients": .array(list)]).canonicalBytes() + [10]
  }
}
