import CanonicalJSON
import Cryptography

/// What the privileged process is told to do by an action (docs/formats.md section 14). The fold keeps what was done; the
/// doing is outside.
public enum SystemOrder: Sendable, Hashable {
  case installModel(ModelRecord)
  case removeModel(SHA256Digest)
  case startRunner(RunnerRecord)
  case stopRunner(name: String)
  case installPackages(PackageRecord)
  case createSnapshot(SnapshotName)
  case rollBack(SnapshotName)
  case createDirectory(name: String)

  /// Reads the params of an action of one of ``ActionType/system``. Nothing in them is private: the fold keeps them.
  init(_ action: Action) throws(FieldError) {
    let params = JSON.object(action.params)
    guard !Commitment.occurs(in: params) else {
      throw FieldError(field: "action.params", expected: "public values", actual: "a commitment")
    }
    var reader = ObjectReader(members: action.params, path: "action.params")
    switch action.type {
    case ActionType.installModel: self = .installModel(try ModelRecord(&reader))
    case ActionType.removeModel: self = .removeModel(try reader.digest("manifest"))
    case ActionType.startRunner: self = .startRunner(try RunnerRecord(&reader))
    case ActionType.stopRunner: self = .stopRunner(name: try reader.name("name"))
    case ActionType.installPackages: self = .installPackages(try PackageRecord(&reader))
    case ActionType.createSnapshot: self = .createSnapshot(try SnapshotName(&reader))
    case ActionType.rollBack: self = .rollBack(try SnapshotName(&reader))
    default: self = .createDirectory(name: try reader.name("name"))
    }
    try reader.finish()
  }

  /// The order that an action gives; nil for other types.
  public static func of(_ action: Action) throws(FieldError) -> SystemOrder? {
    ActionType.system.contains(action.type) ? try SystemOrder(action) : nil
  }

  /// The manifest that travels beside the order, by its digest; nil for orders without one.
  public var manifest: SHA256Digest? {
    switch self {
    case .installModel(let record): record.manifest
    case .startRunner(let record): record.model
    case .installPackages(let record): record.manifest
    case .removeModel, .stopRunner, .createSnapshot, .rollBack, .createDirectory: nil
    }
  }
}

/// A model as its approvers read it: the digest of its manifest, and what the manifest says that people decide by. Whoever
/// carries it out holds the manifest against each of them.
public struct ModelRecord: Sendable, Hashable {
  /// SHA-256 of the manifest's canonical bytes.
  public let manifest: SHA256Digest
  public let name: String
  public let version: String
  /// All files together.
  public let bytes: Int64
  public let files: Int64
  public let licence: String
  /// Digest of the root file system of the runner that may serve it.
  public let runner: SHA256Digest

  public init(
    manifest: SHA256Digest, name: String, version: String, bytes: Int64, files: Int64, licence: String,
    runner: SHA256Digest
  ) {
    self.manifest = manifest
    self.name = name
    self.version = version
    self.bytes = bytes
    self.files = files
    self.licence = licence
    self.runner = runner
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    manifest = try reader.digest("manifest")
    name = try reader.string("name", maxBytes: 128)
    version = try reader.string("version", maxBytes: 64)
    bytes = try reader.integer("bytes", in: 1...JSON.maxSafeInteger)
    files = try reader.integer("files", in: 1...256)
    licence = try reader.string("licence", maxBytes: 256)
    runner = try reader.digest("runner")
  }

  /// The params of `model.install`.
  public var params: JSONObject {
    [
      "manifest": .string(manifest.hex), "name": .string(name), "version": .string(version), "bytes": .integer(bytes),
      "files": .integer(files), "licence": .string(licence), "runner": .string(runner.hex),
    ]
  }
}

/// A runner by its name, which is what clients ask for, and the approved model that it serves.
public struct RunnerRecord: Sendable, Hashable {
  /// What holds around the container.
  public enum Isolation: String, Sendable, Hashable, CaseIterable {
    case runc
    case runsc
  }

  public let name: String
  /// Digest of the manifest of the model.
  public let model: SHA256Digest
  public let isolation: Isolation

  public init(name: String, model: SHA256Digest, isolation: Isolation) {
    self.name = name
    self.model = model
    self.isolation = isolation
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    name = try reader.name("name")
    model = try reader.digest("model")
    let text = try reader.string("isolation", maxBytes: 16)
    guard let isolation = Isolation(rawValue: text) else {
      throw FieldError(
        field: reader.pathOf("isolation"), expected: "runc or runsc", actual: JSON.string(text).summary)
    }
    self.isolation = isolation
  }

  /// The params of `runner.start`.
  public var params: JSONObject {
    ["name": .string(name), "model": .string(model.hex), "isolation": .string(isolation.rawValue)]
  }
}

/// A set of Debian packages as its approvers read it.
public struct PackageRecord: Sendable, Hashable {
  /// SHA-256 of the package manifest's canonical bytes.
  public let manifest: SHA256Digest
  public let name: String
  public let packages: Int64
  public let bytes: Int64

  public init(manifest: SHA256Digest, name: String, packages: Int64, bytes: Int64) {
    self.manifest = manifest
    self.name = name
    self.packages = packages
    self.bytes = bytes
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    manifest = try reader.digest("manifest")
    name = try reader.name("name")
    packages = try reader.integer("packages", in: 1...4096)
    bytes = try reader.integer("bytes", in: 1...JSON.maxSafeInteger)
  }

  /// The params of `package.install`.
  public var params: JSONObject {
    [
      "manifest": .string(manifest.hex), "name": .string(name), "packages": .integer(packages),
      "bytes": .integer(bytes),
    ]
  }
}

/// A snapshot: what it is of, and its name there.
public struct SnapshotName: Sendable, Hashable {
  /// What can be snapshot and rolled back by itself. The log is none of them.
  public enum Scope: String, Sendable, Hashable, CaseIterable {
    /// The installed models.
    case models
    /// The root into which packages are installed.
    case packages
    /// Directories made by `directory.create`.
    case directories
  }

  public let scope: Scope
  public let name: String

  public init(scope: Scope, name: String) {
    self.scope = scope
    self.name = name
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    let text = try reader.string("scope", maxBytes: 16)
    guard let scope = Scope(rawValue: text) else {
      throw FieldError(
        field: reader.pathOf("scope"), expected: "one of \(Scope.allCases.map(\.rawValue))",
        actual: JSON.string(text).summary)
    }
    self.scope = scope
    name = try reader.name("name")
  }

  /// The params of `snapshot.create` and `snapshot.rollback`.
  public var params: JSONObject { ["scope": .string(scope.rawValue), "name": .string(name)] }
}
