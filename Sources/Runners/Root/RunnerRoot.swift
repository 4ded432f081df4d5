import CanonicalJSON
import Cryptography
import Glibc

/// The root file system of a type of runner, and its definition: a directory with `rootfs/` and `runner.json`.
///
/// `scripts/runner-root` builds one from pinned packages. Manifests name it by its digest, over the tree and the definition.
/// What is verified here is read again later by the container, by path: only root may write there (the digest's check
/// holds everything to that), and a changed tree is refused at the next start.
public struct RunnerRoot: Sendable {
  /// Absolute path of the directory.
  public let directory: String
  public let definition: RunnerDefinition
  /// SHA-256 over the tree's digest and the canonical definition, as they were when this was opened.
  public let digest: SHA256Digest

  /// The directory that becomes `/`.
  public var fileSystem: String { directory + "/rootfs" }

  /// Reads and hashes a root. Blocks for as long as reading all its files takes.
  ///
  /// - Throws: ``RunnerFault``, or a `FieldError` of the definition.
  public init(opening directory: String) throws {
    let json = try Self.json(in: directory)
    definition = try RunnerDefinition(json: json)
    self.directory = directory
    var hash = SHA256()
    hash.update(try RunnerTree.digest(of: directory + "/rootfs"))
    hash.update(SHA256.hash(json.canonicalBytes()))
    digest = hash.finalize()
  }

  /// Opens a root and holds it against the digest that was approved.
  public init(opening directory: String, approved: SHA256Digest) throws {
    try self.init(opening: directory)
    guard digest == approved else { throw RunnerFault.rootDigest(expected: approved.hex, actual: digest.hex) }
  }

  /// The definition alone, without a look at the tree.
  static func definition(in directory: String) throws -> RunnerDefinition {
    try RunnerDefinition(json: json(in: directory))
  }

  private static func json(in directory: String) throws -> JSON {
    let path = directory + "/runner.json"
    guard let bytes = SystemFile.read(path, limit: RunnerDefinition.maxBytes + 1) else {
      throw RunnerFault.system(call: "read", path: path, error: errno)
    }
    do throws(JSONError) {
      return try JSON(
        parsing: bytes, limits: JSONLimits(maxBytes: RunnerDefinition.maxBytes, maxDepth: 8, integersOnly: true))
    } catch {
      throw FieldError(
        field: "", expected: "JSON of at most \(RunnerDefinition.maxBytes) bytes", actual: error.description)
    }
  }

  /// Whether something is at an absolute path of the root, followed link by link inside it at most at its last step.
  func has(_ path: String) -> Bool {
    var status = stat()
    return lstat(fileSystem + path, &status) == 0
  }
}
