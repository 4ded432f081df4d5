import CanonicalJSON

/// An error of JSON-RPC 2.0 with the codes of the protocol's revisions.
struct RPCError: Error, Sendable, Hashable {
  var code: Int64
  var message: String
  var data: JSON?

  init(_ code: Int64, _ message: String, data: JSON? = nil) {
    self.code = code
    self.message = message
    self.data = data
  }

  static let parse: Int64 = -32700
  static let invalidRequest: Int64 = -32600
  static let methodNotFound: Int64 = -32601
  static let invalidParams: Int64 = -32602
  static let internalError: Int64 = -32603
  /// HTTP headers and body disagree (2026-07-28).
  static let headerMismatch: Int64 = -32020
  /// The revision asked for is not spoken here (2026-07-28).
  static let unsupportedVersion: Int64 = -32022
  /// Of ours, in the range left to implementations: as many requests are in flight as are taken.
  static let busy: Int64 = -32005
  /// The client took its request back. Only where the transport demands an answer all the same.
  static let cancelled: Int64 = -32800

  static func method(_ name: String) -> RPCError {
    RPCError(methodNotFound, "there is no method \(DisplayText.quoted(name))")
  }

  static func params(_ error: FieldError) -> RPCError { RPCError(invalidParams, "\(error)") }

  static func unsupported(_ version: String) -> RPCError {
    RPCError(
      unsupportedVersion, "unsupported protocol version",
      data: ["supported": Revision.list, "requested": .string(DisplayText.plain(version, limit: 64))])
  }

  var json: JSON {
    var object: JSONObject = ["code": .integer(code), "message": .string(message)]
    object["data"] = data
    return .object(object)
  }
}

/// What is shown of text that somebody else chose.
enum DisplayText {
  /// The text on one line: control characters, line and paragraph separators and the characters that change the reading
  /// direction are written as escapes. Cut after `limit` scalars.
  static func plain(_ text: String, limit: Int) -> String {
    var result = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == limit { return result + "..." }
      if isHarmless(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return result
  }

  /// The same in quotation marks, short.
  static func quoted(_ text: String) -> String { "\"\(plain(text, limit: 64))\"" }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    // Format characters reverse text or are not seen at all: a hidden instruction to a model is written with them.
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    default: true
    }
  }
}
