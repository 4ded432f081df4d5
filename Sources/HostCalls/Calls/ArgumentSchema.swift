import CanonicalJSON

/// Writes the JSON Schema of a method's argument. It documents; the reader of the arguments is what refuses.
public enum ArgumentSchema {
  /// One member of an object.
  public struct Member: Sendable {
    var name: String
    var schema: JSON
    var isRequired: Bool

    /// Must be given.
    public static func required(_ name: String, _ schema: JSON, _ meaning: String) -> Member {
      Member(name: name, schema: ArgumentSchema.with(meaning, schema), isRequired: true)
    }

    /// May be left out.
    public static func optional(_ name: String, _ schema: JSON, _ meaning: String) -> Member {
      Member(name: name, schema: ArgumentSchema.with(meaning, schema), isRequired: false)
    }
  }

  /// An object with exactly these members.
  public static func object(_ members: [Member]) -> JSON {
    var object: JSONObject = [
      "type": "object", "additionalProperties": false,
      "properties": .object(JSONObject(members.map { ($0.name, $0.schema) })),
    ]
    let required = members.filter(\.isRequired).map { JSON.string($0.name) }
    if !required.isEmpty { object["required"] = .array(required) }
    return .object(object)
  }

  /// A string; the bound is in bytes here and in characters in JSON Schema, which is never less.
  public static func string(maxBytes: Int) -> JSON {
    ["type": "string", "maxLength": .integer(Int64(maxBytes))]
  }

  /// One of these words.
  public static func choice(_ words: [String]) -> JSON { ["enum": .array(words.map(JSON.string))] }

  public static func integer(_ range: ClosedRange<Int64>) -> JSON {
    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
  }

  /// A number, fractions too.
  public static func number(_ range: ClosedRange<Double>) -> JSON {
    var object: JSONObject = ["type": "number"]
    object["minimum"] = JSON.number(range.lowerBound)
    object["maximum"] = JSON.number(range.upperBound)
    return .object(object)
  }

  public static let boolean: JSON = ["type": "boolean"]
  /// Any JSON value.
  public static let any: JSON = [:]
  /// Any object.
  public static let anyObject: JSON = ["type": "object"]

  public static func array(_ element: JSON, maxCount: Int) -> JSON {
    ["type": "array", "items": element, "maxItems": .integer(Int64(maxCount))]
  }

  /// An object whose members all have one shape, such as headers.
  public static func map(_ element: JSON, maxCount: Int) -> JSON {
    ["type": "object", "additionalProperties": element, "maxProperties": .integer(Int64(maxCount))]
  }

  /// A value of one of these shapes.
  public static func either(_ shapes: JSON...) -> JSON { ["anyOf": .array(shapes)] }

  private static func with(_ meaning: String, _ schema: JSON) -> JSON {
    var object = schema.object ?? [:]
    object["description"] = .string(meaning)
    return .object(object)
  }
}
