import Cryptography

/// The models that may be used now, as the box's state says it. Asked at every request, so that a model that was removed
/// or whose runner was stopped is gone at once.
///
/// A name leads to nothing but an approved digest: what this does not name never reaches a runner.
public protocol ServedModels: Sendable {
  /// The runner that serves the approved model of this name; nil when no such model is approved or none serves it.
  func runner(for model: String) -> RunnerEndpoint?
  /// Every model that `runner(for:)` finds, in any order. At most 4,096 are shown.
  var all: [ServedModel] { get }
}

/// One approved model.
public struct ServedModel: Sendable, Hashable {
  /// What clients call it, 1-128 visible ASCII characters.
  public var name: String
  /// The digest of the manifest that was approved: what the name stands for.
  public var digest: SHA256Digest
  /// What it can be asked for.
  public var protocols: Set<ModelProtocol>
  /// When it was approved, in unix seconds.
  public var created: Int64
  /// Who is named as its owner in lists of models.
  public var owner: String

  /// A model as approved.
  public init(
    name: String, digest: SHA256Digest, protocols: Set<ModelProtocol>, created: Int64 = 0, owner: String = "safebox"
  ) {
    self.name = name
    self.digest = digest
    self.protocols = protocols
    self.created = created
    self.owner = owner
  }
}
