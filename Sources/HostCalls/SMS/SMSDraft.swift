import CanonicalJSON

/// What `SMS.send` is asked for, and what `sms.send` carries out.
struct SMSDraft {
  /// A number in E.164.
  var to: String
  var from: String?
  var body: String

  /// Characters (UTF-16 units, as the service counts them).
  static let maxBodyUnits = 1600
  static let privateMembers: Set<String> = ["body"]

  init(_ reader: inout ObjectReader, _ view: ParamsView) throws(FieldError) {
    to = try reader.string("to", maxBytes: 32)
    guard PhoneNumber.isE164(to) else {
      throw FieldError(
        field: reader.pathOf("to"), expected: "a number as in +15551234567", actual: JSON.string(to).summary)
    }
    if let value = reader.optionalJSON("from") { from = try SMSRoute.sender(value, path: reader.pathOf("from")) }
    body = try reader.requiredPrivateText("body", maxBytes: Self.maxBodyUnits * 3, view)
    guard body.utf16.count <= Self.maxBodyUnits, view == .proposed || !body.isEmpty else {
      throw FieldError(
        field: reader.pathOf("body"), expected: "1 to \(Self.maxBodyUnits) characters",
        actual: "\(body.utf16.count)")
    }
  }

  func params(community: String, from: String) -> JSONObject {
    ["community": .string(community), "from": .string(from), "to": .string(to), "body": .string(body)]
  }
}
