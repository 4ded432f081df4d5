import CanonicalJSON
import Cryptography

/// The body of `POST /v1/operations`: which proposal, and the documents that its order names by their digests.
public struct OperationRequest: Sendable {
  public let proposal: SHA256Digest
  /// What the caller believes the action to be; held against what was approved. nil: the caller does not say.
  public let action: (type: String, params: JSONObject)?
  /// By the name of the parameter that is the document's digest.
  public let attachments: [String: [UInt8]]

  /// The most bytes that the JSON text may have.
  public static let maxBytes = 8 << 20

  public init(
    proposal: SHA256Digest, action: (type: String, params: JSONObject)? = nil, attachments: [String: [UInt8]] = [:]
  ) {
    self.proposal = proposal
    self.action = action
    self.attachments = attachments
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let hex = try reader.string("proposal", maxBytes: 64)
    guard let proposal = SHA256Digest(hex: hex) else {
      throw FieldError(field: "proposal", expected: "a digest", actual: JSON.string(hex).summary)
    }
    self.proposal = proposal
    if var action = try reader.optionalObject("action") {
      let type = try action.string("type", maxBytes: 64)
      let params = try action.json("params")
      guard let object = params.object else {
        throw FieldError(field: "action.params", expected: "an object", actual: params.summary)
      }
      try action.finish()
      self.action = (type, object)
    } else {
      action = nil
    }
    // The params of a system action are public, so there is nothing to open.
    if let openings = reader.optionalJSON("openings"), openings.object?.isEmpty != true {
      throw FieldError(field: "openings", expected: "an empty object", actual: openings.summary)
    }
    var attachments: [String: [UInt8]] = [:]
    for member in try reader.optionalJSON("attachments").map(Self.object) ?? [:] {
      guard let text = member.value.string, let bytes = Base64.decode(text) else {
        throw FieldError(field: "attachments", expected: "base64 in each member", actual: member.value.summary)
      }
      attachments[member.key] = bytes
    }
    self.attachments = attachments
    try reader.finish()
  }

  private static func object(_ json: JSON) throws(FieldError) -> JSONObject {
    guard let object = json.object, object.count <= 8 else {
      throw FieldError(field: "attachments", expected: "an object of at most 8", actual: json.summary)
    }
    return object
  }

  public var json: JSON {
    var object: JSONObject = ["proposal": .string(proposal.hex)]
    if let action { object["action"] = ["type": .string(action.type), "params": .object(action.params)] }
    object["attachments"] = .object(JSONObject(attachments.map { ($0.key, .string(Base64.encode($0.value))) }))
    return .object(object)
  }
}
