/// A text of evidence or of a policy, the same as another where their bytes are. Swift's own equality of texts also takes the sign
/// of kelvin for a K and composed letters for their parts, which no other verifier of the same evidence does.
public struct ExactText: Sendable, Hashable {
  public let text: String

  public init(_ text: String) { self.text = text }

  public static func == (left: ExactText, right: ExactText) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
  public func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
}
