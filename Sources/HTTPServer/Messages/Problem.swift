/// An error answer in the form of RFC 9457. Throw it from a route, or call `response`.
public struct Problem: Error, Sendable {
  /// A URI that names the kind of problem; `about:blank` says no more than the status does.
  public var type: String
  /// The kind of problem in a few words, the same for every occurrence.
  public var title: String
  /// The HTTP status, 400...599.
  public var status: Int
  /// What went wrong this time, and what to do about it.
  public var detail: String?
  /// A stable identifier for programs, for example `approval_missing`.
  public var code: String?
  /// Fields to send along, for example `Retry-After` or `Allow`.
  public var headers: HTTPHeaders = [:]
  /// Extension members: a name and its value as encoded JSON. The caller answers for the value being valid JSON.
  public private(set) var members: [(name: String, json: String)] = []

  /// A problem; the title defaults to the status phrase.
  public init(
    status: Int, code: String? = nil, title: String? = nil, detail: String? = nil, type: String = "about:blank"
  ) {
    self.type = type
    self.title = title ?? "\(StatusPhrase.phrase(for: status))"
    self.status = status
    self.detail = detail
    self.code = code
  }

  /// Adds or replaces an extension member. The five standard names are refused by being ignored.
  public mutating func set(_ name: String, encodedJSON: String) {
    guard !["type", "title", "status", "detail", "code", "instance"].contains(name) else { return }
    members.removeAll { $0.name == name }
    members.append((name: name, json: encodedJSON))
  }

  /// The problem with one more extension member.
  public func with(_ name: String, encodedJSON: String) -> Problem {
    var copy = self
    copy.set(name, encodedJSON: encodedJSON)
    return copy
  }

  /// The body, members in the order type, title, status, detail, code, extensions.
  public func encoded() -> [UInt8] {
    var text = "{\"type\":"
    Self.append(type, to: &text)
    text += ",\"title\":"
    Self.append(title, to: &text)
    text += ",\"status\":\(status)"
    if let detail {
      text += ",\"detail\":"
      Self.append(detail, to: &text)
    }
    if let code {
      text += ",\"code\":"
      Self.append(code, to: &text)
    }
    for member in members {
      text += ","
      Self.append(member.name, to: &text)
      text += ":\(member.json)"
    }
    text += "}"
    return Array(text.utf8)
  }

  /// The response, as `application/problem+json`.
  public var response: HTTPResponse {
    var fields = headers
    fields["Content-Type"] = "application/problem+json"
    return HTTPResponse(status: status, headers: fields, body: .bytes(encoded()))
  }

  /// A JSON string literal: what RFC 8259 section 7 says must be escaped is, nothing else.
  private static func append(_ string: String, to text: inout String) {
    let digits = Array("0123456789abcdef")
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        text += "\\u00"
        text.append(digits[Int(scalar.value >> 4)])
        text.append(digits[Int(scalar.value & 15)])
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
