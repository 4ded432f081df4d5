import CanonicalJSON
import Cryptography

/// All of a manifest but its files: what a person says about a model. Checked when a manifest is made of it.
public struct ModelDescription: Sendable, Hashable {
  public var name: String
  public var version: String
  public var license: String
  public var runnerType: String
  public var metadata: JSONObject?
  public var protocols: [ModelProtocol]
  public var runner: RunnerRequirement?
  public var resources: ModelResources?

  public init(
    name: String, version: String, license: String, runnerType: String, metadata: JSONObject? = nil,
    protocols: [ModelProtocol] = [], runner: RunnerRequirement? = nil, resources: ModelResources? = nil
  ) {
    self.name = name
    self.version = version
    self.license = license
    self.runnerType = runnerType
    self.metadata = metadata
    self.protocols = protocols
    self.runner = runner
    self.resources = resources
  }

  var json: JSONObject {
    var object: JSONObject = [
      "name": .string(name), "version": .string(version), "license": .string(license),
      "runnerType": .string(runnerType),
    ]
    object["metadata"] = metadata.map(JSON.object)
    if !protocols.isEmpty { object["protocols"] = .array(protocols.map { .string($0.rawValue) }) }
    object["runner"] = runner?.json
    object["resources"] = resources?.json
    return object
  }
}

/// What of a manifest people decide by. Whoever carries an action out holds these against its params.
public struct ModelFacts: Sendable, Hashable {
  /// The manifest's digest.
  public let manifest: SHA256Digest
  public let name: String
  public let version: String
  /// All files together.
  public let bytes: Int64
  public let files: Int64
  public let licence: String
  /// Digest of the runner's root file system; nil when the manifest names none.
  public let runner: SHA256Digest?
}
