import CanonicalJSON
import Governance

extension SystemOrder {
  /// The params that an action with this order has, all of them.
  public var params: JSONObject {
    switch self {
    case .installModel(let record): record.params
    case .removeModel(let manifest): ["manifest": .string(manifest.hex)]
    case .startRunner(let record): record.params
    case .stopRunner(let name), .createDirectory(let name): ["name": .string(name)]
    case .installPackages(let record): record.params
    case .createSnapshot(let snapshot), .rollBack(let snapshot): snapshot.params
    }
  }

  /// What it acts on, by which churn is held back: two orders on one object have one name.
  public var object: String {
    switch self {
    case .installModel(let record): "model \(record.manifest)"
    case .removeModel(let manifest): "model \(manifest)"
    case .startRunner(let record): "runner \(record.name)"
    case .stopRunner(let name): "runner \(name)"
    case .installPackages: "packages"
    case .createSnapshot(let snapshot), .rollBack(let snapshot): "snapshots \(snapshot.scope.rawValue)"
    case .createDirectory(let name): "directory \(name)"
    }
  }
}
