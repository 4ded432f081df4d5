import JavaScript

/// A way to start a worker that speaks the wire protocol.
protocol WorkerLauncher: Sendable {
  var backend: BackendName { get }
  /// Starts a worker. Called on a thread that lives as long as the workers do; may block it for the time of a start.
  func launch() throws(SandboxFailure) -> LaunchedWorker
}

/// A worker that has just been started.
struct LaunchedWorker: Sendable {
  /// Closed by whoever is given the worker, as is `channel`.
  var pidfd: Int32
  /// This side's end of the stream, non-blocking.
  var channel: Int32
  /// What holds around the process.
  var applied: Set<Layer>
  /// What does not, and why.
  var missing: [Layer: String]
  /// What the process applies to itself; it says so in its first frame.
  var own: Set<Layer>
  /// Looks from outside at a worker that claims these layers. Nil when they hold, else what is wrong.
  var contradict: @Sendable (_ claimed: Set<Layer>) -> String?
  /// To be called when the process is gone and waited for.
  var cleanUp: @Sendable () -> Void

  /// What is wrong with what the worker says of itself, or nil.
  func fault(in ready: WorkerReady) -> String? { contradict(Self.claims(ready)) }

  /// What stands around the worker, by what was applied to it and what it applied to itself.
  func isolation(backend: BackendName, ready: WorkerReady) -> Isolation {
    let claimed = own.intersection(Self.claims(ready))
    var reasons: [String: String] = [:]
    for (layer, reason) in missing { reasons[layer.rawValue] = reason }
    for layer in own where !claimed.contains(layer) {
      let error = ready.layers.first { $0.name == layer.rawValue }?.error
      reasons[layer.rawValue] = error.map { SystemError.text(Int32($0)) } ?? "the worker does not know it"
    }
    return Isolation(backend: backend, applied: applied.union(claimed).map(\.rawValue).sorted(), missing: reasons)
  }

  private static func claims(_ ready: WorkerReady) -> Set<Layer> {
    Set(ready.layers.filter { $0.error == 0 }.compactMap { Layer(rawValue: $0.name) })
  }
}
