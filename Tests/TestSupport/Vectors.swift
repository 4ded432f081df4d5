import CanonicalJSON
import Foundation
import Testing

/// Third-party conformance vectors. They live beside the package and are never copied into it, so a test that needs them
/// carries the trait `.enabled(if: Vectors.available, Vectors.absence)`.
public enum Vectors {
  /// The directory of the vectors: `SAFEBOX_VECTORS`, else the nearest `shared/vectors` beside the package or beside one
  /// of the directories that contain it; nil if absent.
  public static let directory: String? = {
    if let chosen = ProcessInfo.processInfo.environment["SAFEBOX_VECTORS"] { return isDirectory(chosen) ? chosen : nil }
    var parent = URL(fileURLWithPath: packageRoot).deletingLastPathComponent()
    while parent.path != "/" {
      let candidate = parent.appendingPathComponent("shared/vectors").path
      if isDirectory(candidate) { return candidate }
      parent.deleteLastPathComponent()
    }
    return nil
  }()

  private static func isDirectory(_ path: String) -> Bool {
    var result: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &result) && result.boolValue
  }

  /// True when the vectors can be read.
  public static let available = directory != nil

  /// Why a test is skipped without them.
  public static let absence: Comment = "conformance vectors not found; set SAFEBOX_VECTORS to their directory"

  /// Root of this package, found from this source file.
  public static let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// The path of a vector file, for example `path("jcs/input/weird.json")`.
  public static func path(_ name: String) throws -> String {
    guard let directory else { throw MissingVector(name: name) }
    return directory + "/" + name
  }

  /// The bytes of a vector file.
  public static func bytes(_ name: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: try path(name)) else { throw MissingVector(name: name) }
    return [UInt8](data)
  }

  /// A vector file as text.
  public static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  /// A vector file as lines, without the line ends.
  public static func lines(_ name: String) throws -> [Substring] {
    try text(name).split(omittingEmptySubsequences: false) { $0.isNewline }
  }

  /// A vector file read by the strict parser; noncharacters are allowed because some vectors are about them.
  public static func json(_ name: String) throws -> JSON {
    try JSON(
      parsing: bytes(name), limits: JSONLimits(maxBytes: 256 << 20, allowsNoncharacters: true))
  }

  /// A file of Tests/Vectors: vectors of our own, which are always here.
  public static func own(_ name: String) throws -> JSON {
    let path = packageRoot + "/Tests/Vectors/" + name
    guard let data = FileManager.default.contents(atPath: path) else { throw MissingVector(name: path) }
    return try JSON(parsing: [UInt8](data), limits: JSONLimits(maxBytes: 64 << 20, allowsNoncharacters: true))
  }

  /// The names in a directory of vectors, sorted.
  public static func list(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }

  /// A vector file that is not there.
  public struct MissingVector: Error, CustomStringConvertible {
    public let name: String
    public var description: String { "conformance vector \(name) not found" }
  }
}
