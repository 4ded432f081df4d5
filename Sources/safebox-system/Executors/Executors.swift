import Acquisition
import Governance
import HTTPClient
import Models
import Packages
import Runners
import Snapshots
import SystemOperations
import Terminal

/// Which operation is carried out by what: the composition point. An operation that is not in the table answers
/// `not_available`.
struct Executors: Sendable {
  let table: [Operation: any OperationExecutor]
  let snapshots: (any SystemOperations.SnapshotHook)?
  let runners: (any RunnerControl)?
  private let boxRunners: BoxRunners

  init(_ configuration: SystemConfiguration, root: AnchoredDirectory) throws {
    let settings = try OperatorSettings(configuration)
    for place in Self.places { _ = try root.makeDirectory(place.name, mode: place.mode) }
    // No snapshot holds these, which is checked by what they are, so they must be there.
    for name in ["log", "journal"] { _ = try root.makeDirectory(name, mode: 0o700) }
    for scope in SnapshotName.Scope.allCases {
      _ = try root.makeDirectory("snapshots", mode: 0o700).makeDirectory(scope.rawValue, mode: 0o700)
    }
    for name in ["verified", "fetched"] {
      _ = try root.makeDirectory("staging", mode: 0o700).makeDirectory(name, mode: 0o700)
    }
    let store = ModelStore(root: configuration.root)
    try store.clearLeftovers()
    let client = HTTPClient()
    let clock = WallClock.milliseconds
    let scopes = try ScopeSnapshots(root: configuration.root, settings: settings, clock: clock)
    var supervision = RunnerSupervisor.Configuration(
      directory: "\(configuration.root)/run", adapters: settings.adapters)
    supervision.socketGroup = settings.socketGroup
    supervision.alarm = { Terminal.standard.writeError("safebox-system: runner: \($0)\n") }
    boxRunners = BoxRunners(
      supervisor: try RunnerSupervisor(supervision), store: store, root: configuration.root)
    table = [
      .createDirectory: try DirectoryCreation(root: root),
      .installModel: ModelInstallation(
        acquisition: ModelAcquisition(store: store, client: client, configuration: settings.acquisition)),
      .removeModel: ModelRemoval(store: store),
      .startRunner: RunnerStart(runners: boxRunners),
      .stopRunner: RunnerStop(runners: boxRunners),
      .installPackages: PackageInstallation(
        installer: PackageInstaller(
          keeper: try scopes.keeper(.packages), staging: "\(configuration.root)/staging/verified"),
        fetch: PackageFetch(
          client: client, settings: settings.acquisition, directory: "\(configuration.root)/staging/fetched"),
        clock: clock),
      .createSnapshot: SnapshotCreation(snapshots: scopes, clock: clock),
      .rollBack: SnapshotRollback(snapshots: scopes),
    ]
    snapshots = scopes
    runners = boxRunners
  }

  /// Directories below the root, and who may look into them.
  private static let places: [(name: String, mode: UInt32)] = [
    ("models", 0o755), ("manifests", 0o755), ("runners", 0o755), ("run", 0o755), ("packages", 0o755),
    ("directories", 0o755),
  ]

  /// Starts the runners that ought to run by the log, after everything interrupted was brought to an end. One that does not
  /// start keeps none of the others from it.
  func start(_ standing: OperationDesk.Standing) async throws {
    for runner in standing.runners {
      guard let model = standing.models.first(where: { $0.record.manifest == runner.record.model }) else { continue }
      guard await !boxRunners.isRunning(runner.record.name) else { continue }
      do {
        _ = try await boxRunners.start(runner.record, model)
      } catch {
        Terminal.standard.writeError("safebox-system: the runner \(runner.record.name) does not start: \(error)\n")
      }
    }
  }

  /// Stops what would outlive this process.
  func stop() async { await boxRunners.supervisor.shutDown(drain: .seconds(10)) }
}
