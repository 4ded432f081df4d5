import CanonicalJSON
import Cryptography
import HTTPClient

/// What `Push.send` is asked for, and what `push.send` carries out.
struct PushDraft {
  enum Service: String {
    case fcm, webpush
  }

  var service: Service
  /// A registration token, or a subscription's endpoint.
  var to: String
  /// Of a subscription; empty where a commitment stands for them.
  var keys: WebPushSubscription.Keys?
  var title: String
  var body: String
  /// Texts by name, for the receiving application.
  var data: JSONObject
  var badge: Int64?
  var sound: String?

  static let maxTokenBytes = 512
  static let maxTitleBytes = 256
  static let maxBodyBytes = 2048
  static let maxDataBytes = 2048
  static let privateMembers: Set<String> = ["keys", "body", "data"]

  /// The arguments of a call: `to` is a token or a subscription as browsers give it.
  init(arguments reader: inout ObjectReader) throws(FieldError) {
    service = try Self.service(&reader)
    switch service {
    case .fcm: to = try Self.token(&reader)
    case .webpush:
      var subscription = try reader.object("to")
      to = try Self.endpoint(
        try subscription.string("endpoint", maxBytes: Self.maxTokenBytes), subscription.pathOf("endpoint"))
      // Browsers add when it ends; the push service knows that better.
      _ = subscription.optionalJSON("expirationTime")
      keys = try WebPushSubscription.Keys(try subscription.json("keys"), path: subscription.pathOf("keys"))
      try subscription.finish()
    }
    title = try Self.title(&reader)
    (body, data, badge, sound) = try Self.content(&reader, .opened)
    try checkSize(reader.pathOf("body"))
  }

  init(params reader: inout ObjectReader, _ view: ParamsView) throws(FieldError) {
    service = try Self.service(&reader)
    switch service {
    case .fcm: to = try Self.token(&reader)
    case .webpush:
      to = try Self.endpoint(try reader.string("to", maxBytes: Self.maxTokenBytes), reader.pathOf("to"))
      if let value = reader.optionalPrivate("keys", view) {
        keys = try WebPushSubscription.Keys(value, path: reader.pathOf("keys"))
      }
      guard keys != nil || view == .proposed else {
        throw FieldError(field: reader.pathOf("keys"), expected: "the subscription's keys", actual: "nothing")
      }
    }
    title = try Self.title(&reader)
    (body, data, badge, sound) = try Self.content(&reader, view)
    try checkSize(reader.pathOf("body"))
  }

  func params(community: String) -> JSONObject {
    var params: JSONObject = [
      "community": .string(community), "service": .string(service.rawValue), "to": .string(to),
      "title": .string(title), "body": .string(body),
    ]
    params["keys"] = keys?.json
    if !data.isEmpty { params["data"] = .object(data) }
    params["badge"] = badge.map { .integer($0) }
    params["sound"] = sound.map { .string($0) }
    return params
  }

  /// What a subscription's service worker gets.
  var payload: JSON {
    var payload: JSONObject = ["title": .string(title), "body": .string(body)]
    if !data.isEmpty { payload["data"] = .object(data) }
    payload["badge"] = badge.map { .integer($0) }
    payload["sound"] = sound.map { .string($0) }
    return .object(payload)
  }

  private func checkSize(_ field: String) throws(FieldError) {
    let bytes = payload.canonicalBytes().count
    guard bytes <= WebPushEncryption.maxPlaintextBytes else {
      throw FieldError(
        field: field, expected: "at most \(WebPushEncryption.maxPlaintextBytes) bytes of JSON in all",
        actual: "\(bytes) bytes")
    }
  }

  private static func service(_ reader: inout ObjectReader) throws(FieldError) -> Service {
    let text = try reader.string("service", maxBytes: 16)
    guard let service = Service(rawValue: text) else {
      throw FieldError(
        field: reader.pathOf("service"), expected: "fcm or webpush", actual: JSON.string(text).summary)
    }
    return service
  }

  private static func token(_ reader: inout ObjectReader) throws(FieldError) -> String {
    let text = try reader.string("to", maxBytes: maxTokenBytes)
    guard !text.isEmpty,
      text.utf8.allSatisfy({
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "_-:.".utf8.contains($0)
      })
    else {
      throw FieldError(
        field: reader.pathOf("to"), expected: "a registration token", actual: JSON.string(text).summary)
    }
    return text
  }

  private static func endpoint(_ text: String, _ path: String) throws(FieldError) -> String {
    guard let url = try? HTTPURL(text), url.scheme == .https || url.literal != nil else {
      throw FieldError(field: path, expected: "an https URL", actual: JSON.string(text).summary)
    }
    // As it will be sent, so that grants are held against nothing else.
    return url.description
  }

  private static func title(_ reader: inout ObjectReader) throws(FieldError) -> String {
    guard let title = try reader.optionalLine("title", maxBytes: maxTitleBytes) else {
      throw FieldError(field: reader.pathOf("title"), expected: "a line", actual: "nothing")
    }
    return title
  }

  private static func content(
    _ reader: inout ObjectReader, _ view: ParamsView
  ) throws(FieldError) -> (String, JSONObject, Int64?, String?) {
    let body = try reader.requiredPrivateText("body", maxBytes: maxBodyBytes, view)
    var data: JSONObject = [:]
    if let value = reader.optionalPrivate("data", view) {
      guard let object = value.object, object.allSatisfy({ $0.value.string != nil }),
        value.canonicalBytes().count <= maxDataBytes
      else {
        throw FieldError(
          field: reader.pathOf("data"), expected: "an object of texts with at most \(maxDataBytes) bytes",
          actual: value.summary)
      }
      data = object
    }
    return (
      body, data, try reader.optionalInteger("badge", in: 0...999_999), try reader.optionalLine("sound", maxBytes: 64)
    )
  }
}
