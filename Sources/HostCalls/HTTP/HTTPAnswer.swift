import CanonicalJSON
import Cryptography
import HTTPClient
import Keychain

/// A response as a tool sees it.
enum HTTPAnswer {
  /// `{"status","headers","body","base64"?}`: names of headers in lower case, a repeated one joined with `, `, `set-cookie`
  /// always an array; `body` is null and `base64` there where the bytes are no text.
  static func json(_ response: HTTPClientResponse, redactor: Redactor) -> JSONObject {
    var answer: JSONObject = [
      "status": .integer(Int64(response.status)), "headers": .object(headers(response.headers, redactor)),
    ]
    let bytes = redactor.redact(response.body)
    if let text = HostValue.text(bytes) {
      answer["body"] = .string(text)
    } else {
      answer["body"] = .null
      answer["base64"] = .string(Base64.encode(bytes))
    }
    return answer
  }

  private static func headers(_ list: [HTTPClientHeader], _ redactor: Redactor) -> JSONObject {
    var object: JSONObject = [:]
    for header in list {
      // Names are tokens; values of peers may be anything.
      let name = redactor.redact(header.name.lowercased())
      let value = HostValue.text(Array(redactor.redact(header.value).utf8)) ?? ""
      if name == "set-cookie" {
        object[name] = .array((object[name]?.array ?? []) + [.string(value)])
      } else if let known = object[name]?.string {
        object[name] = .string("\(known), \(value)")
      } else {
        object[name] = .string(value)
      }
    }
    return object
  }
}
