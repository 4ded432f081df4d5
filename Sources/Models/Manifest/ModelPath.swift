import CanonicalJSON

/// The path of a file below its model's directory: segments of `[A-Za-z0-9._-]` joined by `/`, none of them `.` or `..`.
///
/// The alphabet has no character that a shell, a terminal, a URL or a file system reads in its own way.
public enum ModelPath {
  /// Greatest length of a path in bytes.
  public static let maxBytes = 256
  /// Greatest length of a segment in bytes: what Linux file systems can name.
  public static let maxSegmentBytes = 255

  /// Why a text is no path, or nil when it is one.
  public static func fault(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty else { return "an empty path" }
    guard bytes.count <= maxBytes else { return "\(bytes.count) bytes" }
    for segment in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      if segment.isEmpty { return "an empty segment" }
      if segment.count > maxSegmentBytes { return "a segment of \(segment.count) bytes" }
      if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) { return "the segment . or .." }
      if !segment.allSatisfy(isPlain) { return JSON.string(text).summary }
    }
    return nil
  }

  static func check(_ text: String, at field: String) throws(FieldError) {
    guard let fault = fault(text) else { return }
    throw FieldError(
      field: field, expected: "a relative path of at most \(maxBytes) bytes, segments of A-Z a-z 0-9 . _ -",
      actual: fault)
  }

  /// Letters, digits, `.`, `_`, `-` of ASCII.
  static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// Paths that can stand in one directory on every file system: no two are equal or differ in case only, none is the
/// directory of another, and directories are written in one case.
struct ModelPathSet {
  private struct Place {
    var text: Substring
    var isFile: Bool
  }

  private var places: [String: Place] = [:]

  /// Adds a path that ``ModelPath`` accepts. The error says what it collides with.
  mutating func insert(_ path: String, at field: String) throws(FieldError) {
    var end = path.startIndex
    while end != path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let place = Place(text: path[..<end], isFile: end == path.endIndex)
      guard let other = places.updateValue(place, forKey: place.text.lowercased()) else { continue }
      if other.text != place.text {
        throw FieldError(
          field: field, expected: "a path that differs from others in more than case",
          actual: "\(path), which collides with \(other.text)")
      }
      if place.isFile || other.isFile {
        throw FieldError(
          field: field, expected: "a path that is neither another file's nor its directory",
          actual: "\(path), which collides with \(other.text)")
      }
    }
  }
}
