import CanonicalJSON
import Cryptography

/// One version of a tool, as the owners registered it.
public struct RegisteredTool: Sendable, Hashable {
  public let manifest: ToolManifest
  /// The manifest's digest.
  public let digest: SHA256Digest
  /// The proposal that registered it.
  public let proposal: SHA256Digest
  /// Index of the entry by which that proposal was executed.
  public let index: UInt64
  /// The proposal that retired it; nil while new runs may start.
  public internal(set) var retiredBy: SHA256Digest?

  public var isRetired: Bool { retiredBy != nil }
}

/// The tool versions that were ever registered. None is overwritten and none is forgotten: runs and receipts name them.
struct ToolRegistry: Sendable {
  enum Limits {
    /// Versions, retired ones included.
    static let tools = 4096
    /// Canonical bytes of all manifests together.
    static let bytes = 64 << 20
  }

  private struct Key: Hashable {
    var name: String
    var version: String
  }

  private(set) var byDigest: [SHA256Digest: RegisteredTool] = [:]
  private var digests: [Key: SHA256Digest] = [:]
  private var bytes = 0
  let limits: (tools: Int, bytes: Int)

  init(limits: (tools: Int, bytes: Int) = (Limits.tools, Limits.bytes)) { self.limits = limits }

  subscript(name: String, version: String) -> RegisteredTool? {
    digests[Key(name: name, version: version)].flatMap { byDigest[$0] }
  }

  func checkRegister(_ manifest: ToolManifest) throws(EffectFault) {
    guard self[manifest.name, manifest.version] == nil else {
      throw .toolExists(name: manifest.name, version: manifest.version)
    }
    guard byDigest.count < limits.tools, bytes + manifest.json.canonicalBytes().count <= limits.bytes else {
      throw .toolsFull(limit: limits.tools)
    }
  }

  func checkRetire(name: String, version: String) throws(EffectFault) {
    guard let tool = self[name, version], !tool.isRetired else { throw .noTool(name: name, version: version) }
  }

  mutating func register(_ manifest: ToolManifest, by proposal: SHA256Digest, index: UInt64) {
    let json = manifest.json.canonicalBytes()
    let digest = SHA256.hash(json)
    bytes += json.count
    digests[Key(name: manifest.name, version: manifest.version)] = digest
    byDigest[digest] = RegisteredTool(manifest: manifest, digest: digest, proposal: proposal, index: index)
  }

  mutating func retire(name: String, version: String, by proposal: SHA256Digest) {
    guard let digest = digests[Key(name: name, version: version)] else { return }
    byDigest[digest]?.retiredBy = proposal
  }
}

/// How a community's calls reach the world, as the owners set it. The fold keeps it and does not read it.
public struct CommunityRecord: Sendable, Hashable {
  public let settings: JSONObject
  /// The proposal that set it.
  public let proposal: SHA256Digest

  /// Communities of one box.
  public static let maxCount = 1024
  /// Canonical bytes of one community's settings.
  public static let maxBytes = 32_768
}

extension BoxState {
  /// Every tool version that was ever registered, retired ones included, by name and version.
  public var tools: [RegisteredTool] {
    registry.byDigest.values.sorted {
      ($0.manifest.name, $0.manifest.version) < ($1.manifest.name, $1.manifest.version)
    }
  }

  /// The tool version with this manifest, retired or not; nil where none was registered.
  public func tool(digest: SHA256Digest) -> RegisteredTool? { registry.byDigest[digest] }

  /// A tool version, retired or not; nil where none was registered.
  public func tool(named name: String, version: String) -> RegisteredTool? { registry[name, version] }

  /// The version of a tool that was registered last, among those that are not retired.
  public func latestTool(named name: String) -> RegisteredTool? {
    registry.byDigest.values.filter { $0.manifest.name == name && !$0.isRetired }.max { $0.index < $1.index }
  }

  /// The settings of a community; nil where none were ever set.
  public func settings(of community: String) -> JSONObject? { communities[community]?.settings }
}
