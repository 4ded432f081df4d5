import CanonicalJSON
import Cryptography
import Governance
import Inference
import Models
import Synchronization
import SystemOperations

/// Which models are served, as the log says it: a name is that of a runner which ought to run, and leads to the model that
/// it was started with. Nothing else leads anywhere.
final class BoxModels: ServedModels {
  private struct State {
    var runners: [ApprovedRunner] = []
    var endpoints: [String: RunnerEndpoint] = [:]
    /// When to ask again for what the privileged process did not say.
    var askAgain: ContinuousClock.Instant?
  }

  /// Between two questions to a privileged process that does not answer.
  private static let patience = Duration.seconds(5)

  private let sequencer: Sequencer
  private let manifests: ContentStore
  /// The privileged process's directory.
  private let root: String
  private let process: SystemClient
  private let state = Mutex(State())

  init(sequencer: Sequencer, manifests: ContentStore, root: String, process: SystemClient) {
    self.sequencer = sequencer
    self.manifests = manifests
    self.root = root
    self.process = process
  }

  func runner(for model: String) -> RunnerEndpoint? { state.withLock { $0.endpoints[model] } }
  var all: [ServedModel] { state.withLock { $0.endpoints.values.map(\.model).sorted { $0.name < $1.name } } }

  /// Takes over what the log says now. Called before every request, so that what was stopped is gone at once.
  func refresh() async throws {
    let runners = try await sequencer.inspect { state, _ in
      state.runners.map { ($0, state.model(digest: $0.record.model)) }
    }
    let isKnown = state.withLock { state in
      state.runners == runners.map(\.0) && state.askAgain.map { ContinuousClock.now < $0 } ?? true
    }
    guard !isKnown else { return }
    // How many slots a runner has depends on its definition, which only the privileged process reads.
    let states = try? await process.runners()["runners"]?.array
    var endpoints: [String: RunnerEndpoint] = [:]
    for (runner, model) in runners {
      guard model != nil, let bytes = try await manifests.document(runner.record.model) else { continue }
      let manifest = try ModelManifest(parsing: bytes)
      let name = runner.record.name
      let slots = states?.first { $0["name"]?.string == name }?["slots"]?.integer
      endpoints[name] = endpoint(name, manifest, slots: Int(clamping: slots ?? 0))
    }
    state.withLock { state in
      state.runners = runners.map(\.0)
      state.endpoints = endpoints
      let isComplete = states != nil || runners.isEmpty
      state.askAgain = isComplete ? nil : ContinuousClock.now.advanced(by: Self.patience)
    }
  }

  private func endpoint(_ name: String, _ manifest: ModelManifest, slots: Int) -> RunnerEndpoint {
    let place = "\(root)/run/\(name)"
    let isLlama = manifest.runnerType == "llama-cpp"
    return RunnerEndpoint(
      name: name, socket: "\(place)/runner.sock",
      model: ServedModel(
        name: name, digest: manifest.digest,
        protocols: Set(manifest.protocols.compactMap { Inference.ModelProtocol(rawValue: $0.rawValue) }),
        owner: "\(manifest.name)@\(manifest.version)"),
      dialect: isLlama ? .llamaCpp : .openAI, slots: isLlama ? slots : 0,
      cacheDirectory: isLlama ? "\(place)/cache" : nil)
  }
}
