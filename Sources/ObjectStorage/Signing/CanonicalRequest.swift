import HTTPClient

/// The one text to which all spellings of a request reduce, so that a proxy which reorders headers or re-encodes a path does
/// not break the signature. Source: AWS, "Create a signed AWS API request", step 1.
struct CanonicalRequest {
  let text: String
  /// Names of the headers that are covered, sorted and joined with `;`.
  let signedHeaders: String

  init(_ request: HTTPClientRequest, url: HTTPURL, payload: SigV4.Payload) {
    var values = ["host": url.authority]
    for header in request.headers {
      let name = header.name.lowercased()
      let value = Self.trimmed(header.value)
      // Repeated fields are one, in their order.
      values[name] = values[name].map { "\($0),\(value)" } ?? value
    }
    let names = values.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    signedHeaders = names.joined(separator: ";")
    let target = url.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = PercentEncoding.encode(PercentEncoding.decode(target.first ?? "/"), keepsSlashes: true)
    let query = target.count > 1 ? Self.query(target[1]) : ""
    let lines = names.map { "\($0):\(values[$0] ?? "")\n" }.joined()
    text = "\(request.method)\n\(path)\n\(query)\n\(lines)\n\(signedHeaders)\n\(payload.text)"
  }

  // Sorted by encoded name, then by encoded value. `+` stays a plus sign: a service that reads it as a blank would see
  // another request than the one signed, and refuses it.
  private static func query(_ query: Substring) -> String {
    let pairs = query.split(separator: "&").map { part -> (name: String, value: String) in
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      func encoded(_ side: Substring) -> String {
        PercentEncoding.encode(PercentEncoding.decode(side), keepsSlashes: false)
      }
      return (encoded(sides[0]), sides.count > 1 ? encoded(sides[1]) : "")
    }
    let sorted = pairs.sorted { left, right in
      let (a, b) = (Array(left.name.utf8), Array(right.name.utf8))
      if a != b { return a.lexicographicallyPrecedes(b) }
      return Array(left.value.utf8).lexicographicallyPrecedes(Array(right.value.utf8))
    }
    return sorted.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
  }

  // Without outer blanks, and runs of blanks as one.
  private static func trimmed(_ value: String) -> String {
    value.utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
      .map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }
}
