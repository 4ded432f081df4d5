public import CanonicalJSON
public import Cryptography

/// An OpenClaim v1: somebody (`iss`) states something (`stm`) about something (`sub`), and keys sign it.
///
/// A `Claim` has been read, not checked: nothing may be concluded from it before ``ClaimVerifier`` has made a
/// ``Verified`` of it. The keys are part of the signed bytes, so the set of signers is fixed before the first signature.
public struct Claim: Sendable, Hashable {
  /// Greatest number of keys.
  public static let maxKeys = 64
  /// Greatest length of `iss` and `sub` in bytes.
  public static let maxNameBytes = 1024
  /// Greatest length of `nce` in bytes.
  public static let maxNonceBytes = 256
  /// Greatest length of one signature's text in bytes.
  public static let maxSignatureBytes = 8192

  /// Who states it.
  public let iss: String
  /// What it is about.
  public let sub: String
  /// Seconds since 1970 from which it holds; nil: always.
  public let nbf: Int64?
  /// Seconds since 1970 at which it no longer holds; nil: never.
  public let exp: Int64?
  /// A value that makes this claim differ from others that say the same.
  public let nce: String?
  /// The signature format as written; nil means ES256, the only one that is read.
  public let fmt: String?
  /// The keys, unique by their bytes, in the code unit order of their texts.
  public let keys: [ClaimKey]
  /// One text for each key, nil where that key has not signed.
  public let signatures: [String?]
  /// SHA-256 of ``signedBytes()``. It does not cover the signatures, so it can identify the claim.
  public let digest: SHA256Digest
  /// All members but `key` and `sig`, unknown ones included: they are signed too.
  private let members: JSONObject

  /// What it says.
  public var stm: JSON { members["stm"] ?? .null }

  /// Reads a claim. `key` may be one text or an array in any order; `sig` must be parallel to it, or absent or empty
  /// when nobody has signed yet.
  public init(json: JSON) throws(ClaimError) {
    do throws(FieldError) {
      var reader = try ObjectReader(json)
      let texts = try Self.readKeys(&reader)
      let signatures = try Self.readSignatures(&reader, count: texts.count)
      guard var members = json.object else { throw FieldError(field: "", expected: "an object", actual: json.summary) }
      members["key"] = nil
      members["sig"] = nil
      let keys = try texts.enumerated().map { index, text throws(FieldError) in
        try ClaimKey(parsing: text, path: "key[\(index)]")
      }
      try self.init(members: members, keys: keys, signatures: signatures)
    } catch {
      throw .field(error)
    }
  }

  /// Reads the text of a claim.
  ///
  /// With ``JSONLimits/claim`` numbers are integers, as in everything that this package signs. With
  /// ``JSONLimits/publishedClaim`` other people's claims with fractions are read too.
  public init(parsing bytes: [UInt8], limits: JSONLimits = .claim) throws(ClaimError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: limits)
    } catch {
      throw .json(error)
    }
    try self.init(json: json)
  }

  /// A claim that nobody has signed yet. `extensions` are further top-level members; they are signed like the others.
  public init(
    iss: String, sub: String, stm: JSON, nbf: Int64? = nil, exp: Int64? = nil, nce: String? = nil, keys: [ClaimKey],
    extensions: JSONObject = [:]
  ) throws(ClaimError) {
    var members = extensions
    for (name, value) in extensions
    where ["ocp", "iss", "sub", "stm", "nbf", "exp", "nce", "fmt", "key", "sig"].contains(name) {
      throw .field(FieldError(field: name, expected: "an extension", actual: value.summary))
    }
    members["ocp"] = 1
    members["iss"] = .string(iss)
    members["sub"] = .string(sub)
    members["stm"] = stm
    members["nbf"] = nbf.map(JSON.integer)
    members["exp"] = exp.map(JSON.integer)
    members["nce"] = nce.map(JSON.string)
    do throws(FieldError) {
      try self.init(members: members, keys: keys, signatures: keys.map { _ in nil })
    } catch {
      throw .field(error)
    }
  }

  /// All ways lead here, so that a claim made by us obeys the same rules as one that is read.
  private init(members: JSONObject, keys: [ClaimKey], signatures: [String?]) throws(FieldError) {
    var reader = ObjectReader(members: members)
    _ = try reader.integer("ocp", in: 1...1)
    iss = try reader.string("iss", maxBytes: Self.maxNameBytes)
    sub = try reader.string("sub", maxBytes: Self.maxNameBytes)
    _ = try reader.json("stm")
    nbf = try reader.optionalInteger("nbf", in: 0...JSON.maxSafeInteger)
    exp = try reader.optionalInteger("exp", in: 0...JSON.maxSafeInteger)
    nce = try reader.optionalString("nce", maxBytes: Self.maxNonceBytes)
    fmt = try reader.optionalString("fmt", maxBytes: 32)
    if let fmt, fmt != "ES256" {
      throw FieldError(field: "fmt", expected: "ES256", actual: JSON.string(fmt).summary)
    }
    guard (1...Self.maxKeys).contains(keys.count) else {
      throw FieldError(field: "key", expected: "1 to \(Self.maxKeys) keys", actual: "\(keys.count)")
    }
    // Equality of keys is equality of their bytes: one key in two encodings must not count as two signers.
    if Set(keys).count < keys.count {
      throw FieldError(
        field: "key", expected: "each key once", actual: "\(keys.count) texts of \(Set(keys).count) keys")
    }
    let order = keys.indices.sorted { keys[$0].text < keys[$1].text }
    self.keys = order.map { keys[$0] }
    self.signatures = order.map { signatures[$0] }
    self.members = members
    digest = SHA256.hash(Self.signedBytes(of: members, keys: self.keys.map(\.text)))
  }

  private static func readKeys(_ reader: inout ObjectReader) throws(FieldError) -> [String] {
    let value = try reader.json("key")
    let elements = value.array ?? [value]
    guard (1...maxKeys).contains(elements.count) else {
      throw FieldError(field: "key", expected: "1 to \(maxKeys) keys", actual: value.summary)
    }
    return try elements.enumerated().map { index, element throws(FieldError) in
      guard let text = element.string else {
        throw FieldError(field: "key[\(index)]", expected: "a string", actual: element.summary)
      }
      return text
    }
  }

  private static func readSignatures(_ reader: inout ObjectReader, count: Int) throws(FieldError) -> [String?] {
    let elements = try reader.optionalArray("sig", maxCount: maxKeys) ?? []
    if elements.isEmpty { return Array(repeating: nil, count: count) }
    guard elements.count == count else {
      throw FieldError(field: "sig", expected: "one element for each of the \(count) keys", actual: "\(elements.count)")
    }
    return try elements.enumerated().map { index, element throws(FieldError) in
      if element.isNull { return nil }
      guard let text = element.string, text.utf8.count <= maxSignatureBytes else {
        throw FieldError(
          field: "sig[\(index)]", expected: "null or a string of at most \(maxSignatureBytes) bytes",
          actual: element.summary)
      }
      return text
    }
  }

  /// The canonical form without `sig`, with `key` as a sorted array: the bytes that every key of the claim signs.
  public func signedBytes() -> [UInt8] { Self.signedBytes(of: members, keys: keys.map(\.text)) }

  /// The rule itself, for members that may hold any `key` and `sig`: both are replaced. Nested `sig` members stay.
  static func signedBytes(of members: JSONObject, keys: [String]) -> [UInt8] {
    var members = members
    members["sig"] = nil
    members["key"] = .array(keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }.map(JSON.string))
    return JSON.object(members).canonicalBytes()
  }

  /// The whole claim with `key` and `sig` as arrays.
  public var json: JSON {
    var members = members
    members["key"] = .array(keys.map { .string($0.text) })
    members["sig"] = .array(signatures.map { text in text.map(JSON.string) ?? .null })
    return .object(members)
  }

  /// The same claim with another text in the place of one key's signature.
  func replacingSignature(at index: Int, with text: String) -> Claim {
    var signatures = signatures
    signatures[index] = text
    return Claim(self, signatures: signatures)
  }

  private init(_ other: Claim, signatures: [String?]) {
    (iss, sub, nbf, exp, nce, fmt) = (other.iss, other.sub, other.nbf, other.exp, other.nce, other.fmt)
    (keys, members, digest) = (other.keys, other.members, other.digest)
    self.signatures = signatures
  }
}

extension Claim {
  /// Equality of the whole texts, signatures and spelling of the keys included.
  public static func == (left: Claim, right: Claim) -> Bool {
    left.digest == right.digest && left.signatures == right.signatures
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}
