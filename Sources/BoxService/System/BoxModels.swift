import CanonicalJSON
import Cryptography
import Governance
import Inference
import Models
import Synchronization

/// Which models are served, as the log says it: a name is that of a runner which ought to run, and leads to the model that
/// it was started with. Nothing else leads anywhere.
final class BoxModels: ServedModels {
  private struct State {
    var runners: [ApprovedRunner] = []
    var endpoints: [String: RunnerEndpoint] = [:]
  }

  private let sequencer: Sequencer
  private let manifests: ContentStore
  /// The privileged process's directory.
  private let root: String
  private let state = Mutex(State())

  init(sequencer: Sequencer, manifests: ContentStore, root: String) {
    self.sequencer = sequencer
    self.manifests = manifests
    self.root = root
  }

  func runner(for model: String) -> RunnerEndpoint? { state.withLock { $0.endpoints[model] } }
  var all: [ServedModel] { state.withLock { $0.endpoints.values.map(\.model).sorted { $0.name < $1.name } } }

  /// Takes over what the log says now. Called before every request, so that what was stopped is gone at once.
  func refresh() async throws {
    let runners = try await sequencer.inspect { state, _ in
      state.runners.map { ($0, state.model(digest: $0.record.model)) }
    }
    guard runners.map(\.0) != state.withLock({ $0.runners }) else { return }
    var endpoints: [String: RunnerEndpoint] = [:]
    for (runner, model) in runners {
      guard let model, let bytes = try await manifests.document(runner.record.model) else { continue }
      let manifest = try ModelManifest(parsing: bytes)
      endpoints[runner.record.name] = endpoint(runner.record.name, manifest, model)
    }
    state.withLock { state in
      state.runners = runners.map(\.0)
      state.endpoints = endpoints
    }
  }

  private func endpoint(_ name: String, _ manifest: ModelManifest, _ model: ApprovedModel) -> RunnerEndpoint {
    let place = "\(root)/run/\(name)"
    let isLlama = manifest.runnerType == "llama-cpp"
    var slots = 0
    if isLlama {
      if case .integer(let count)? = manifest.runner?.arguments["slots"] { slots = Int(clamping: count) } else { slots = 1 }
    }
    return RunnerEndpoint(
      name: name, socket: "\(place)/runner.sock",
      model: ServedModel(
        name: name, digest: manifest.digest,
        protocols: Set(manifest.protocols.compactMap { Inference.ModelProtocol(rawValue: $0.rawValue) }),
        owner: "\(manifest.name)@\(manifest.version)"),
      dialect: isLlama ? .llamaCpp : .openAI, slots: slots, cacheDirectory: isLlama ? "\(place)/cache" : nil)
  }
}
