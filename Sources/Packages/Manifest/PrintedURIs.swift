import CanonicalJSON
import Cryptography

/// What apt says that it would download, as packages of a manifest:
///
///     apt-get install --print-uris -qq --reinstall -o Acquire::ForceHash=SHA256 hello
///     'http://mirror/pool/main/h/hello/hello_2.10-3_amd64.deb' hello_2.10-3_amd64.deb 53084 SHA256:3b...
///
/// apt has checked these digests against the mirror's signed index. Lines with another digest than SHA-256 are refused.
public enum PrintedURIs {
  /// At most so many bytes.
  public static let limit = 4 << 20

  /// Reads the lines; the packages come sorted by name, which is the manifest's order. One package twice with the same
  /// digest is one with two sources.
  public static func parse(_ text: String) throws(FieldError) -> [PackageFile] {
    guard text.utf8.count <= limit else {
      throw FieldError(field: "", expected: "at most \(limit) bytes", actual: "\(text.utf8.count)")
    }
    var packages: [String: PackageFile] = [:]
    for (index, line) in text.split(separator: "\n").enumerated() {
      let package = try parse(line: line, path: "line \(index + 1)")
      guard let other = packages[package.name] else {
        packages[package.name] = package
        continue
      }
      guard other.sha256 == package.sha256, other.size == package.size, other.version.text == package.version.text
      else {
        throw FieldError(field: "line \(index + 1)", expected: "one version of \(package.name)", actual: "two")
      }
      packages[package.name] = try PackageFile(
        name: other.name, version: other.version, architecture: other.architecture, size: other.size,
        sha256: other.sha256, sources: other.sources + package.sources.filter { !other.sources.contains($0) })
    }
    return packages.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  private static func parse(line: Substring, path: String) throws(FieldError) -> PackageFile {
    func wrong(_ expected: String) -> FieldError {
      FieldError(field: path, expected: expected, actual: JSON.string(String(line.prefix(200))).summary)
    }
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 4, words[0].count > 2, words[0].first == "'", words[0].last == "'" else {
      throw wrong("'URI' file size SHA256:digest")
    }
    guard words[3].hasPrefix("SHA256:"), let sha256 = SHA256Digest(hex: words[3].dropFirst(7)) else {
      throw wrong("a SHA-256 digest (apt-get -o Acquire::ForceHash=SHA256)")
    }
    guard let size = Int64(words[2]), words[2].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw wrong("a size in bytes")
    }
    guard words[1].hasSuffix(".deb") else { throw wrong("a file that ends in .deb") }
    let parts = words[1].dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw wrong("a file named name_version_architecture.deb") }
    // apt escapes the colon of an epoch, and nothing else that a version can have.
    let text = parts[1].split(separator: "%3a", omittingEmptySubsequences: false).joined(separator: ":")
    guard let version = DebianVersion(text) else { throw wrong("a version") }
    let package = try PackageFile(
      name: String(parts[0]), version: version, architecture: String(parts[2]), size: size, sha256: sha256,
      sources: [String(words[0].dropFirst().dropLast())], path: path)
    guard package.file == words[1] else { throw wrong(package.file) }
    return package
  }
}
