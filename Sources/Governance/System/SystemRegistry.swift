import CanonicalJSON
import Cryptography

/// What the owners' executed orders have made of the machine: which models may be used, and which runners ought to run.
struct SystemRegistry: Sendable {
  enum Limits {
    static let models = 1024
    static let runners = 64
  }

  private(set) var models: [SHA256Digest: ApprovedModel] = [:]
  private(set) var runners: [String: ApprovedRunner] = [:]

  func check(_ order: SystemOrder) throws(EffectFault) {
    switch order {
    case .installModel(let record):
      // One name and version is one model for ever, also after its removal.
      let same = models.values.first { $0.record.name == record.name && $0.record.version == record.version }
      if let same, same.record.manifest != record.manifest {
        throw .modelExists(name: record.name, version: record.version)
      }
      guard models[record.manifest] != nil || models.count < Limits.models else {
        throw .modelsFull(limit: Limits.models)
      }
    case .removeModel(let digest):
      guard models[digest]?.isRemoved == false else { throw .noModel(digest) }
      if let user = runners.values.first(where: { $0.record.model == digest }) {
        throw .modelInUse(digest, runner: user.record.name)
      }
    case .startRunner(let record):
      guard models[record.model]?.isRemoved == false else { throw .noModel(record.model) }
      guard runners[record.name] != nil || runners.count < Limits.runners else {
        throw .runnersFull(limit: Limits.runners)
      }
    case .stopRunner(let name):
      guard runners[name] != nil else { throw .noRunner(name) }
    case .installPackages, .createSnapshot, .rollBack, .createDirectory: return
    }
  }

  mutating func record(_ order: SystemOrder, by proposal: SHA256Digest, index: UInt64) {
    switch order {
    case .installModel(let record):
      models[record.manifest] = ApprovedModel(record: record, proposal: proposal, index: index)
    case .removeModel(let digest): models[digest]?.isRemoved = true
    case .startRunner(let record): runners[record.name] = ApprovedRunner(record: record, proposal: proposal)
    case .stopRunner(let name): runners[name] = nil
    case .installPackages, .createSnapshot, .rollBack, .createDirectory: return
    }
  }
}

/// A model that the owners approved and that was installed.
public struct ApprovedModel: Sendable, Hashable {
  public let record: ModelRecord
  /// The proposal that installed it.
  public let proposal: SHA256Digest
  /// Index of the entry by which that was finished.
  public let index: UInt64
  /// Its weights were removed; it may be installed again, under the same manifest.
  public internal(set) var isRemoved = false
}

/// A runner that ought to run.
public struct ApprovedRunner: Sendable, Hashable {
  public let record: RunnerRecord
  /// The proposal that started it.
  public let proposal: SHA256Digest
}

extension BoxState {
  /// The models that may be used, by name and version.
  public var models: [ApprovedModel] {
    system.models.values.filter { !$0.isRemoved }
      .sorted { ($0.record.name, $0.record.version) < ($1.record.name, $1.record.version) }
  }

  /// The model with this manifest, if it may be used.
  public func model(digest: SHA256Digest) -> ApprovedModel? {
    system.models[digest].flatMap { $0.isRemoved ? nil : $0 }
  }

  /// The runners that ought to run, by name.
  public var runners: [ApprovedRunner] { system.runners.values.sorted { $0.record.name < $1.record.name } }

  /// The runner of this name, if it ought to run.
  public func runner(named name: String) -> ApprovedRunner? { system.runners[name] }
}
