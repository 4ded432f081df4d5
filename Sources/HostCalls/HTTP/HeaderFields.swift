import CanonicalJSON

/// The header fields that a caller may give an HTTP request.
struct HeaderFields: Sendable {
  static let maxCount = 32
  static let maxValueBytes = 8192
  /// All names and values together, with 4 bytes each for what separates them.
  static let maxBytes = 32_768

  var list: [(name: String, value: String)] = []

  init() {}

  init(_ json: JSON, field: String) throws(FieldError) {
    guard let object = json.object, object.count <= Self.maxCount else {
      throw FieldError(
        field: field, expected: "an object of at most \(Self.maxCount) strings",
        actual: json.object.map { "\($0.count) members" } ?? "another kind of value")
    }
    var names: Set<String> = []
    var bytes = 0
    for (name, member) in object {
      guard Self.isToken(name) else {
        throw FieldError(field: field, expected: "names that are header names", actual: JSON.string(name).summary)
      }
      let field = "\(field).\(name)"
      let lowered = name.lowercased()
      // Values are private: no error shows one.
      guard let text = member.string, text.utf8.count <= Self.maxValueBytes, Self.isFieldValue(text) else {
        throw FieldError(
          field: field, expected: "at most \(Self.maxValueBytes) bytes without control characters or outer blanks",
          actual: "another value")
      }
      guard !Self.own.contains(lowered), !lowered.hasPrefix("proxy-") else {
        throw FieldError(field: field, expected: "a header that the box does not set itself", actual: name)
      }
      // Peers disagree about which of two counts, and an approver sees one list, not what the peer makes of it.
      guard names.insert(lowered).inserted else {
        throw FieldError(field: field, expected: "a header given once", actual: "\(name) in two spellings")
      }
      bytes += name.utf8.count + text.utf8.count + 4
      list.append((name, text))
    }
    guard bytes <= Self.maxBytes else {
      throw FieldError(field: field, expected: "at most \(Self.maxBytes) bytes in all", actual: "\(bytes) bytes")
    }
  }

  func contains(_ name: String) -> Bool { list.contains { $0.name.lowercased() == name } }

  /// What the box or the HTTP client decides; a caller that set them could smuggle a second request.
  private static let own: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "idempotency-key", "expect", "te", "trailer",
    "upgrade", "keep-alive", "http2-settings",
    // By these, servers take another method or path than the one that was granted and approved.
    "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
  ]

  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 128
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || "!#$%&'*+-.^_`|~".utf8.contains($0)
      }
  }

  private static func isFieldValue(_ text: String) -> Bool {
    let blanks: Set<UInt8?> = [32, 9]
    return text.utf8.allSatisfy { ($0 >= 32 && $0 != 127) || $0 == 9 } && !blanks.contains(text.utf8.first)
      && !blanks.contains(text.utf8.last)
  }
}
