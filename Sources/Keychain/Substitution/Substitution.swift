import CanonicalJSON

/// A text with its secrets in it: only for the wire. Descriptions and mirrors show what was used, not the text.
public struct Substitution: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// What goes out. Check after the substitution what a place allows (no line breaks in a header), and encode for the
  /// place afterwards (a query value, a JSON text).
  public let text: String
  /// Which version of which secret, as `NAME@VERSION`, each once, in order.
  public let used: [String]

  public var description: String { "Substitution(\(used.joined(separator: ", ")))" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["used": used]) }
}

/// A document with its secrets in it; as ``Substitution``.
public struct JSONSubstitution: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public let json: JSON
  public let used: [String]

  public var description: String { "JSONSubstitution(\(used.joined(separator: ", ")))" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["used": used]) }
}
