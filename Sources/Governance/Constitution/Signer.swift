import CanonicalJSON
import Cryptography
import OpenClaims

/// A person or service that signs, with one or more keys. Signers are counted, never keys.
public struct Signer: Sendable, Hashable {
  public let name: String
  /// 1-8 keys.
  public let keys: [SignerKey]

  public init(name: String, keys: [SignerKey]) {
    self.name = name
    self.keys = keys
  }

  init(name: String, json: JSON, path: String) throws(FieldError) {
    self.name = name
    var reader = try ObjectReader(json, path: path)
    var keys: [SignerKey] = []
    for (index, json) in try reader.array("keys", maxCount: Constitution.Limits.keys).enumerated() {
      keys.append(try SignerKey(json: json, path: "\(reader.pathOf("keys"))[\(index)]"))
    }
    guard !keys.isEmpty else {
      throw FieldError(field: reader.pathOf("keys"), expected: "at least one key", actual: "none")
    }
    self.keys = keys
    try reader.finish()
  }

  var json: JSON { ["keys": .array(keys.map(\.json))] }

  /// True when one of the signer's keys is `key` and signs in the same way.
  func owns(_ key: ClaimKey) -> Bool { keys.contains { $0.key == key && $0.key.algorithm == key.algorithm } }
}

/// A signer's key with the proof that its holder agreed to be this signer of this box.
public struct SignerKey: Sendable, Hashable {
  public let key: ClaimKey
  /// The `sig` value of the possession claim (docs/formats.md section 2).
  public let possession: String

  public init(key: ClaimKey, possession: String) {
    self.key = key
    self.possession = possession
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let text = try reader.string("key", maxBytes: 1024)
    key = try ClaimKey(parsing: text, path: reader.pathOf("key"))
    possession = try reader.string("possession", maxBytes: 4096)
    try reader.finish()
  }

  var json: JSON { ["key": .string(key.text), "possession": .string(possession)] }
}
