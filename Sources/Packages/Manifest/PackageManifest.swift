import CanonicalJSON
import Cryptography

/// A set of Debian packages, byte by byte, that is installed as a whole or not at all. What people approve is its digest:
/// SHA-256 over the RFC 8785 form, the same whatever order the members came in.
///
///     {"architecture": "amd64", "format": "safebox-packages/1", "name": "tools-2026-11",
///      "packages": [{"architecture": "amd64", "file": "hello_2.10-3_amd64.deb", "name": "hello", "sha256": "...",
///                    "sizeBytes": 53084, "sources": ["https://..."], "version": "2.10-3"}],
///      "downgrades": ["hello"]}
///
/// `packages` are 1-4096, in ascending order of their names, each once; `downgrades`, which may be absent, names those of
/// them that may become older than what is installed. Members that are not named here are refused.
public struct PackageManifest: Sendable, Hashable {
  public static let format = "safebox-packages/1"
  public static let limit = 4096
  /// Bytes of the JSON text.
  public static let maxBytes = 8 << 20

  /// 1-64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
  public let name: String
  /// That of the root; each package has this or `all`.
  public let architecture: String
  public let packages: [PackageFile]
  /// In ascending order.
  public let downgrades: [String]

  /// - Throws: `FieldError` for anything that the format does not allow.
  public init(name: String, architecture: String, packages: [PackageFile], downgrades: [String] = []) throws(FieldError)
  {
    guard Self.isName(name) else {
      throw FieldError(
        field: "name", expected: "1-64 of a-z 0-9 . _ -, beginning with a letter or digit",
        actual: JSON.string(name).summary)
    }
    guard DebianName.isArchitecture(architecture), architecture != "all" else {
      throw FieldError(
        field: "architecture", expected: "the architecture of a machine", actual: JSON.string(architecture).summary)
    }
    guard (1...Self.limit).contains(packages.count) else {
      throw FieldError(field: "packages", expected: "1 to \(Self.limit)", actual: "\(packages.count)")
    }
    for (index, package) in packages.enumerated() {
      guard package.architecture == architecture || package.architecture == "all" else {
        throw FieldError(
          field: "packages[\(index)].architecture", expected: "\(architecture) or all",
          actual: JSON.string(package.architecture).summary)
      }
      if index > 0, !packages[index - 1].name.utf8.lexicographicallyPrecedes(package.name.utf8) {
        throw FieldError(
          field: "packages[\(index)].name", expected: "a name after \(packages[index - 1].name)",
          actual: JSON.string(package.name).summary)
      }
    }
    for (index, name) in downgrades.enumerated() {
      guard packages.contains(where: { $0.name == name }) else {
        throw FieldError(
          field: "downgrades[\(index)]", expected: "the name of a package of this manifest",
          actual: JSON.string(name).summary)
      }
      if index > 0, !downgrades[index - 1].utf8.lexicographicallyPrecedes(name.utf8) {
        throw FieldError(
          field: "downgrades[\(index)]", expected: "a name after \(downgrades[index - 1])",
          actual: JSON.string(name).summary)
      }
    }
    self.name = name
    self.architecture = architecture
    self.packages = packages
    self.downgrades = downgrades
  }

  /// Reads the JSON text of a manifest, strictly.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    let json: JSON
    do { json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, integersOnly: true)) } catch {
      throw FieldError(field: "", expected: "a package manifest", actual: "\(error)")
    }
    try self.init(json: json)
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    let name = try reader.string("name", maxBytes: 64)
    let architecture = try reader.string("architecture", maxBytes: 32)
    var packages: [PackageFile] = []
    for (index, element) in try reader.array("packages", maxCount: Self.limit).enumerated() {
      packages.append(try PackageFile(element, path: "packages[\(index)]"))
    }
    var downgrades: [String] = []
    for (index, element) in (try reader.optionalArray("downgrades", maxCount: Self.limit) ?? []).enumerated() {
      guard let text = element.string else {
        throw FieldError(field: "downgrades[\(index)]", expected: "a string", actual: element.summary)
      }
      downgrades.append(text)
    }
    try reader.finish()
    try self.init(name: name, architecture: architecture, packages: packages, downgrades: downgrades)
  }

  public var json: JSON {
    var object: JSONObject = [
      "format": .string(Self.format), "name": .string(name), "architecture": .string(architecture),
      "packages": .array(packages.map(\.json)),
    ]
    if !downgrades.isEmpty { object["downgrades"] = .array(downgrades.map(JSON.string)) }
    return .object(object)
  }

  /// RFC 8785.
  public var canonicalBytes: [UInt8] { json.canonicalBytes() }
  /// What approvers sign.
  public var digest: SHA256Digest { SHA256.hash(canonicalBytes) }
  /// All files together.
  public var totalBytes: Int64 { packages.reduce(0) { $0 + $1.size } }

  private static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard let first = bytes.first, bytes.count <= 64, isLetterOrDigit(first) else { return false }
    return bytes.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
  }
}
