/// The name of a snapshot in its scope: 1-64 of `a-z 0-9 . _ -`, beginning with a letter or digit. It can be a file name,
/// a name that ZFS takes, and an argument that is no option.
public struct SnapshotLabel: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String
  public var description: String { text }

  /// - Throws: ``SnapshotFault/badLabel(_:)``.
  public init(_ text: String) throws(SnapshotFault) {
    guard let label = SnapshotLabel(valid: text) else { throw .badLabel(text) }
    self = label
  }

  /// Nil for what is no label.
  init?(valid text: String) {
    let bytes = text.utf8
    guard let first = bytes.first, bytes.count <= 64, Self.isLetterOrDigit(first),
      bytes.allSatisfy({ Self.isLetterOrDigit($0) || ".-_".utf8.contains($0) })
    else { return nil }
    self.text = text
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  public static func < (left: SnapshotLabel, right: SnapshotLabel) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }
}
