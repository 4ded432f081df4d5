import CanonicalJSON
import Cryptography

/// What is to be done: a type and its parameters, and what must have been done before.
public struct Action: Sendable, Hashable {
  /// 2-5 lower-case words joined by dots, for example `http.request`.
  public let type: String
  /// The parameters. Commitments may stand for any value (docs/formats.md section 5).
  public let params: JSONObject
  /// Proposals that must have been executed first; at most 8.
  public let follows: [SHA256Digest]

  public static let maxFollows = 8

  /// The type and follows must be well formed; ``init(json:path:)`` checks what comes from outside.
  public init(type: String, params: JSONObject, follows: [SHA256Digest] = []) throws(FieldError) {
    try self.init(json: Self.json(type: type, params: params, follows: follows), path: "action")
  }

  public init(json: JSON, path: String = "action") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    type = try reader.string("type", maxBytes: 256)
    guard Name.isActionType(type) else {
      throw FieldError(
        field: reader.pathOf("type"), expected: "2-5 lower-case words joined by dots",
        actual: JSON.string(type).summary)
    }
    let value = try reader.json("params")
    guard let params = value.object else {
      throw FieldError(field: reader.pathOf("params"), expected: "an object", actual: value.summary)
    }
    self.params = params
    var follows: [SHA256Digest] = []
    for (index, value) in (try reader.optionalArray("follows", maxCount: Self.maxFollows) ?? []).enumerated() {
      let path = "\(reader.pathOf("follows"))[\(index)]"
      let digest = try SHA256Digest(field: value, at: path)
      guard !follows.contains(digest) else {
        throw FieldError(field: path, expected: "a proposal named once", actual: "\(digest) again")
      }
      follows.append(digest)
    }
    // An empty list and an absent one would be two digests of one action.
    guard json["follows"] == nil || !follows.isEmpty else {
      throw FieldError(field: reader.pathOf("follows"), expected: "at least one proposal, or no list", actual: "none")
    }
    self.follows = follows
    try reader.finish()
    try Commitment.checkWellFormed(.object(params), path: reader.pathOf("params"))
  }

  public var json: JSON { Self.json(type: type, params: params, follows: follows) }

  private static func json(type: String, params: JSONObject, follows: [SHA256Digest]) -> JSON {
    var object: JSONObject = ["type": .string(type), "params": .object(params)]
    if !follows.isEmpty { object["follows"] = .array(follows.map { .string($0.hex) }) }
    return .object(object)
  }
}
