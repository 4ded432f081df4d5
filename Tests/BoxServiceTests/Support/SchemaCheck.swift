import CanonicalJSON

@testable import BoxService

/// Holds every answer that a test gets to what the box's OpenAPI description says of it.
enum SchemaCheck {
  static func check(_ method: String, _ path: String, _ answer: Answer, box: Box) throws {
    guard path.hasPrefix("/v1/") || path == "/openapi.json" else { return }
    let bare = String(path.prefix { $0 != "?" })
    let endpoints = box.endpoints.filter { $0.method == method && matches($0.path, bare) }
    // Literal text wins over a name.
    guard let endpoint = endpoints.max(by: { literals($0.path) < literals($1.path) }) else { return }
    let type = answer.header("content-type") ?? ""
    if answer.status >= 400 {
      guard type == "application/problem+json" else {
        throw TestFailure("\(method) \(path) \(answer.status) is \(type), not a problem")
      }
      return try validate(answer.json, APISchemas.reference("Problem"), at: "\(method) \(path)")
    }
    guard let described = endpoint.answers.first(where: { $0.status == answer.status }) else {
      throw TestFailure("\(method) \(path) answers \(answer.status), which the description does not know")
    }
    guard type.hasPrefix(described.mediaType) else {
      throw TestFailure("\(method) \(path) is \(type), not \(described.mediaType)")
    }
    if described.mediaType == "application/json" {
      try validate(answer.json, described.schema, at: "\(method) \(path)")
    }
  }

  private static func literals(_ pattern: String) -> Int {
    pattern.split(separator: "/").count { !$0.hasPrefix("{") }
  }

  private static func matches(_ pattern: String, _ path: String) -> Bool {
    let parts = pattern.split(separator: "/", omittingEmptySubsequences: false)
    let segments = path.split(separator: "/", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if part.hasSuffix("...}") { return segments.count > index }
      guard index < segments.count, part.hasPrefix("{") || part == segments[index] else { return false }
    }
    return parts.count == segments.count
  }

  /// The part of JSON Schema 2020-12 that the description uses.
  static func validate(_ value: JSON, _ schema: JSON, at path: String) throws {
    if let reference = schema["$ref"]?.string {
      let name = String(reference.split(separator: "/").last ?? "")
      guard let target = APISchemas.named[name] else { throw TestFailure("\(reference) is not described") }
      return try validate(value, target, at: path)
    }
    if let choices = schema["anyOf"]?.array {
      for choice in choices where (try? validate(value, choice, at: path)) != nil { return }
      throw TestFailure("\(path): none of the alternatives fits \(value.canonicalString().prefix(200))")
    }
    switch schema["type"]?.string {
    case nil: return
    case "null":
      guard value == .null else { throw TestFailure("\(path) is not null") }
    case "string":
      guard let text = value.string else { throw TestFailure("\(path) is no string") }
      if schema["pattern"] == APISchemas.digest["pattern"] {
        let isHex = text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        guard text.utf8.count == 64, isHex else { throw TestFailure("\(path) is no digest: \(text)") }
      }
    case "integer":
      guard let integer = value.integer else { throw TestFailure("\(path) is no integer") }
      if let least = schema["minimum"]?.integer, integer < least { throw TestFailure("\(path) is below \(least)") }
    case "boolean":
      guard value.bool != nil else { throw TestFailure("\(path) is no boolean") }
    case "array":
      guard let elements = value.array else { throw TestFailure("\(path) is no array") }
      for (index, element) in elements.enumerated() {
        if let items = schema["items"] { try validate(element, items, at: "\(path)[\(index)]") }
      }
    case "object":
      guard let object = value.object else { throw TestFailure("\(path) is no object") }
      for name in schema["required"]?.array ?? [] where object[name.string ?? ""] == nil {
        throw TestFailure("\(path) lacks \(name.string ?? "")")
      }
      for member in object {
        if let described = schema["properties"]?[member.key] {
          try validate(member.value, described, at: "\(path).\(member.key)")
        } else if let rest = schema["additionalProperties"] {
          try validate(member.value, rest, at: "\(path).\(member.key)")
        } else if schema["properties"] != nil, schema != APISchemas.named["Problem"] {
          throw TestFailure("\(path).\(member.key) is not described")
        }
      }
    case let other?: throw TestFailure("the schema type \(other) is not known to the tests")
    }
  }
}
