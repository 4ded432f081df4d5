import CanonicalJSON
import Cryptography

/// One package of a manifest.
public struct PackageFile: Sendable, Hashable {
  public static let maxSize: Int64 = 4 << 30
  public static let maxSources = 16

  public let name: String
  public let version: DebianVersion
  public let architecture: String
  /// Bytes.
  public let size: Int64
  public let sha256: SHA256Digest
  /// Where it can be had, in order: `https://`, `http://` or `file:///`; may be empty.
  public let sources: [String]

  /// `<name>_<version>_<architecture>.deb`, the colon of an epoch as `%3a`: what apt calls it.
  public var file: String {
    let version = version.text.split(separator: ":", omittingEmptySubsequences: false).joined(separator: "%3a")
    return "\(name)_\(version)_\(architecture).deb"
  }

  public init(
    name: String, version: DebianVersion, architecture: String, size: Int64, sha256: SHA256Digest, sources: [String]
  ) throws(FieldError) {
    try self.init(
      name: name, version: version, architecture: architecture, size: size, sha256: sha256, sources: sources, path: "")
  }

  init(
    name: String, version: DebianVersion, architecture: String, size: Int64, sha256: SHA256Digest, sources: [String],
    path: String
  ) throws(FieldError) {
    func at(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }
    guard DebianName.isPackage(name) else {
      throw FieldError(field: at("name"), expected: "a package's name", actual: JSON.string(name).summary)
    }
    guard DebianName.isArchitecture(architecture) else {
      throw FieldError(
        field: at("architecture"), expected: "an architecture", actual: JSON.string(architecture).summary)
    }
    guard (1...Self.maxSize).contains(size) else {
      throw FieldError(field: at("sizeBytes"), expected: "1 to \(Self.maxSize)", actual: "\(size)")
    }
    guard sources.count <= Self.maxSources else {
      throw FieldError(field: at("sources"), expected: "at most \(Self.maxSources)", actual: "\(sources.count)")
    }
    for (index, source) in sources.enumerated() {
      guard ["https://", "http://", "file:///"].contains(where: source.hasPrefix), source.utf8.count <= 2048,
        source.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else {
        throw FieldError(
          field: at("sources[\(index)]"), expected: "an https, http or file URL", actual: JSON.string(source).summary)
      }
    }
    self.name = name
    self.version = version
    self.architecture = architecture
    self.size = size
    self.sha256 = sha256
    self.sources = sources
    guard file.utf8.count <= 255 else {
      throw FieldError(field: at("file"), expected: "at most 255 bytes", actual: "\(file.utf8.count)")
    }
  }

  init(_ json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let name = try reader.string("name", maxBytes: 128)
    let text = try reader.string("version", maxBytes: 256)
    guard let version = DebianVersion(text) else {
      throw FieldError(field: reader.pathOf("version"), expected: "a version", actual: JSON.string(text).summary)
    }
    let architecture = try reader.string("architecture", maxBytes: 32)
    let file = try reader.string("file", maxBytes: 255)
    let size = try reader.integer("sizeBytes", in: 1...Self.maxSize)
    let hex = try reader.string("sha256", maxBytes: 64)
    // One way to write it, or one set of packages would have several digests.
    guard let sha256 = SHA256Digest(hex: hex), sha256.hex == hex else {
      throw FieldError(
        field: reader.pathOf("sha256"), expected: "64 lower-case hexadecimal digits", actual: JSON.string(hex).summary)
    }
    var sources: [String] = []
    for (index, element) in try reader.array("sources", maxCount: Self.maxSources).enumerated() {
      guard let source = element.string else {
        throw FieldError(field: reader.pathOf("sources[\(index)]"), expected: "a string", actual: element.summary)
      }
      sources.append(source)
    }
    try reader.finish()
    try self.init(
      name: name, version: version, architecture: architecture, size: size, sha256: sha256, sources: sources, path: path
    )
    guard file == self.file else {
      throw FieldError(field: reader.pathOf("file"), expected: self.file, actual: JSON.string(file).summary)
    }
  }

  var json: JSON {
    [
      "architecture": .string(architecture), "file": .string(file), "name": .string(name),
      "sha256": .string(sha256.hex), "sizeBytes": .integer(size), "sources": .array(sources.map(JSON.string)),
      "version": .string(version.text),
    ]
  }
}
