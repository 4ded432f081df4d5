import CanonicalJSON
import HTTPClient

/// Reading what vendors answer: strictly in what we rely on, and without objecting to what they add.
enum VendorAnswer {
  /// Bytes of a vendor's own words that are passed on.
  static let maxMessageBytes = 500

  /// The JSON of a good answer. Anything else is `upstream` or `rate_limited`.
  static func json(_ response: HTTPClientResponse, now: Int64) throws(HostCallError) -> JSON {
    guard (200...299).contains(response.status) else {
      throw error(response.status, response.headers, response.body, now: now)
    }
    try check(type: response.headers, is: "application/json", status: response.status)
    return try parse(response.body)
  }

  static func parse(_ bytes: [UInt8]) throws(HostCallError) -> JSON {
    do {
      return cleaned(
        try JSON(
          parsing: bytes, limits: JSONLimits(maxBytes: VendorConnection.maxResponseBytes, allowsNoncharacters: true)))
    } catch {
      throw malformed("no JSON: \(error)")
    }
  }

  /// The answer is not what the vendor's documentation says.
  static func malformed(_ what: String) -> HostCallError {
    HostCallError("upstream", "the vendor's answer is malformed: \(what)")
  }

  static func check(type headers: [HTTPClientHeader], is expected: String, status: Int) throws(HostCallError) {
    let type = headers.first { $0.name.lowercased() == "content-type" }?.value ?? ""
    let essence = type.prefix { $0 != ";" }.lowercased()
    guard essence.split(separator: " ").first.map(String.init) == expected else {
      throw HostCallError(
        "upstream", "the vendor answered with content type \(JSON.string(type).summary), expected \(expected)",
        details: ["status": .integer(Int64(status))])
    }
  }

  /// What a status other than 2xx means. `429` is `rate_limited`, all else `upstream`; both with `retryAfter` (seconds)
  /// where the vendor says when to come back.
  static func error(_ status: Int, _ headers: [HTTPClientHeader], _ body: [UInt8], now: Int64) -> HostCallError {
    var details: JSONObject = ["status": .integer(Int64(status))]
    if let value = headers.first(where: { $0.name.lowercased() == "retry-after" })?.value {
      details["retryAfter"] = RetryAfter.seconds(value, now: now).map(JSON.integer)
    }
    let json = (try? JSON(parsing: body, limits: JSONLimits(maxBytes: 1 << 20, allowsNoncharacters: true)))
    let words = json.flatMap(words)
    details["type"] = words?.type.map { .string($0) }
    var message = "the vendor answered \(status)"
    if let text = words?.message { message += ": \(text)" }
    return HostCallError(status == 429 ? "rate_limited" : "upstream", message, details: details)
  }

  /// An error object within a stream that began well.
  static func error(inStream json: JSON) -> HostCallError {
    let words = words(json)
    var details: JSONObject = [:]
    details["type"] = words?.type.map { .string($0) }
    let isLimit = words?.type?.contains("rate_limit") ?? false
    return HostCallError(
      isLimit ? "rate_limited" : "upstream", "the vendor ended the stream: \(words?.message ?? "no reason given")",
      details: details)
  }

  /// OpenAI, Anthropic and llama.cpp: `{"error":{"message","type"}}`. Stability: `{"name","message"}` or
  /// `{"name","errors":[...]}`. Others: `{"error":"..."}` or `{"detail":"..."}`.
  private static func words(_ json: JSON) -> (message: String, type: String?)? {
    let error = json["error"]
    let message =
      error?["message"]?.string ?? error?.string ?? json["message"]?.string ?? json["errors"]?.array?.first?.string
      ?? json["detail"]?.string
    guard let message else { return nil }
    let type = error?["type"]?.string ?? json["name"]?.string
    return (cut(message), type.map(cut))
  }

  private static func cut(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      guard result.utf8.count + UTF8.width(scalar) <= maxMessageBytes else { return result + "..." }
      result.unicodeScalars.append(scalar.value < 0x20 || isNoncharacter(scalar) ? " " : scalar)
    }
    return result
  }

  /// Noncharacters, which no value of ours may hold, become U+FFFD.
  static func cleaned(_ json: JSON) -> JSON {
    switch json {
    case .string(let text): .string(cleaned(text))
    case .array(let elements): .array(elements.map { cleaned($0) })
    case .object(let members):
      .object(
        JSONObject(
          members.compactMap { name, value in
            // A name cannot be replaced without the risk of meeting another.
            name.unicodeScalars.contains(where: isNoncharacter) ? nil : (name, cleaned(value))
          }))
    default: json
    }
  }

  private static func cleaned(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isNoncharacter) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isNoncharacter(scalar) ? "\u{FFFD}" : scalar) }
    return String(result)
  }

  private static func isNoncharacter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
  }
}
