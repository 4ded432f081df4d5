import CanonicalJSON
import Cryptography
import Glibc

/// The installed models of a machine, each in a directory that is named by its manifest's digest (docs/models.md):
///
///     models/<digest>/              exactly the manifest's files
///     models/.partial/<digest>/     being fetched: the same file system, so that one rename installs
///     manifests/<digest>.json       canonical bytes; kept for ever, because a rollback can bring a removed model back
///     seals/<digest>.json           fs-verity digests measured at installation
///
/// A model is installed when its directory is there; nothing else says so. Every call opens what it needs by the path of the
/// root, so that a rollback may exchange `models` under it. All calls block while the disk works.
public struct ModelStore: Sendable {
  /// What has to be read to believe in a file.
  public enum Reading: Sendable, Hashable {
    /// Every byte, always.
    case everyByte
    /// Every byte, except where fs-verity holds the file to the digest that was recorded at installation.
    case unlessSealed
  }

  /// The directory of the store.
  public let root: String
  let verity: FileVerity
  /// Called after each step of a commit. What it throws ends the commit as a crash would: nothing is cleared away.
  let afterStep: @Sendable (CommitStep) throws(ModelFault) -> Void

  /// The store below an existing directory. Makes the directories that are absent when something is first written.
  public init(root: String) {
    self.init(root: root, verity: .kernel)
  }

  init(
    root: String, verity: FileVerity,
    afterStep: @escaping @Sendable (CommitStep) throws(ModelFault) -> Void = { (_) throws(ModelFault) in }
  ) {
    self.root = root
    self.verity = verity
    self.afterStep = afterStep
  }

  // MARK: paths

  /// Where the model is or would be installed.
  public func path(of digest: SHA256Digest) -> String { "\(root)/models/\(digest.hex)" }
  /// Where the model is fetched to.
  public func partialPath(of digest: SHA256Digest) -> String { "\(root)/models/.partial/\(digest.hex)" }
  /// Where whoever fetches may keep notes about the partial: beside it, because anything inside would be refused. Removed
  /// with the partial.
  public func journalPath(of digest: SHA256Digest) -> String { partialPath(of: digest) + Places.journalSuffix }
  /// Where the model's manifest is kept.
  public func manifestPath(of digest: SHA256Digest) -> String { "\(root)/manifests/\(Places.fileName(digest))" }

  // MARK: being fetched

  /// Makes the directory into which a model is fetched, or finds the one of an earlier attempt, and returns its path. Only
  /// its owner may look into it.
  ///
  /// What an interrupted commit left may be sealed: such files are whole, and are committed without another write.
  public func partial(for digest: SHA256Digest) throws(ModelFault) -> String {
    try ModelFault.calling { () throws(SystemCallFault) in
      let partial = try Places(making: root).partial()
      _ = try partial.makeDirectory(digest.hex, mode: 0o700)
      try partial.sync()
    }
    return partialPath(of: digest)
  }

  /// The models of which something was fetched, in the order of their digests.
  public func partials() throws(ModelFault) -> [SHA256Digest] {
    try ModelFault.calling { () throws(SystemCallFault) in
      guard let places = try Places(opening: root) else { return [] }
      return try places.partial().names(limit: Places.maxNames).compactMap { SHA256Digest(hex: $0) }
    }
  }

  /// Removes what was fetched of a model, and the notes about it.
  public func discardPartial(of digest: SHA256Digest) throws(ModelFault) {
    try ModelFault.calling { () throws(SystemCallFault) in
      guard let partial = try Places(opening: root)?.partial() else { return }
      try partial.removeDirectory(digest.hex)
      try partial.removeFile(digest.hex + Places.journalSuffix)
      try partial.sync()
    }
  }

  // MARK: installed

  /// Whether the model's directory is there. Says nothing about what is in it.
  public func isInstalled(_ digest: SHA256Digest) throws(ModelFault) -> Bool {
    try ModelFault.calling { () throws(SystemCallFault) in
      try Places(opening: root)?.models.status(digest.hex)?.kind == .directory
    }
  }

  /// The installed models, in the order of their digests. Nothing is verified.
  public func list() throws(ModelFault) -> [SHA256Digest] {
    try ModelFault.calling { () throws(SystemCallFault) in
      guard let places = try Places(opening: root) else { return [] }
      return try places.models.names(limit: Places.maxNames).compactMap { SHA256Digest(hex: $0) }
    }
  }

  /// The stored manifest of that digest.
  ///
  /// - Throws: `manifestMissing`, `manifestAltered`, `manifestInvalid`.
  public func manifest(of digest: SHA256Digest) throws(ModelFault) -> ModelManifest {
    let bytes = try ModelFault.calling { () throws(SystemCallFault) in
      guard let places = try Places(opening: root) else { return [UInt8]?.none }
      return try SmallFile.read(Places.fileName(digest), limit: ModelManifest.maxBytes, in: places.manifests)
    }
    guard let bytes else { throw .manifestMissing(digest) }
    let actual = SHA256.hash(bytes)
    guard actual == digest else { throw .manifestAltered(expected: digest, actual: actual) }
    do throws(FieldError) {
      return try ModelManifest(parsing: bytes)
    } catch {
      throw .manifestInvalid(error)
    }
  }
}

/// The directories of a store that anybody may read, open.
struct Places {
  static let journalSuffix = ".journal"
  static let removingPrefix = ".removing-"
  static let maxNames = 4096
  private static let partialName = ".partial"

  let models: OpenDirectory
  let manifests: OpenDirectory
  let seals: OpenDirectory

  static func fileName(_ digest: SHA256Digest) -> String { digest.hex + ".json" }

  /// Makes what is absent.
  init(making root: String) throws(SystemCallFault) {
    models = try OpenDirectory.make("\(root)/models", mode: 0o755)
    manifests = try OpenDirectory.make("\(root)/manifests", mode: 0o755)
    seals = try OpenDirectory.make("\(root)/seals", mode: 0o755)
    _ = try OpenDirectory.make("\(root)/models/\(Self.partialName)", mode: 0o700)
  }

  /// nil when nothing was ever written here.
  init?(opening root: String) throws(SystemCallFault) {
    do throws(SystemCallFault) {
      models = try OpenDirectory(opening: "\(root)/models")
      manifests = try OpenDirectory(opening: "\(root)/manifests")
      seals = try OpenDirectory(opening: "\(root)/seals")
    } catch {
      if error.errno == ENOENT { return nil }
      throw error
    }
  }

  /// Where models are fetched to. Only the owner of the store may open it.
  func partial() throws(SystemCallFault) -> OpenDirectory { try models.directory(Self.partialName) }
}
