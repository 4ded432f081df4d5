import Governance
import JavaScript
import Runs
import Sandbox

/// The backends of this box, started when the first tool needs them: a box without tools keeps no workers.
actor BoxSandbox: SessionSource {
  private let worker: String?
  private var jail: JailBackend?
  private var sandbox: Sandbox?
  private var isShutDown = false

  /// - Parameter worker: path of the worker's executable; `nil` for the one beside this program.
  init(worker: String?) { self.worker = worker }

  private func backends() throws(SandboxFailure) -> Sandbox {
    if let sandbox { return sandbox }
    guard !isShutDown else { throw .ended }
    var backends: [any SandboxBackend] = []
    var absent: [BackendName: String] = [:]
    var configuration = JailBackend.Configuration()
    configuration.worker = worker
    do {
      let jail = try JailBackend(configuration)
      self.jail = jail
      backends.append(jail)
    } catch {
      absent[.jail] = "\(error)"
    }
    backends.append(InProcessBackend())
    let sandbox = Sandbox(backends, absent: absent)
    self.sandbox = sandbox
    return sandbox
  }

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation {
    try await backends().isolation(
      on: BackendName(rawValue: demand.backend), isFullRequired: demand.isFullRequired)
  }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    try await backends().open(
      program, on: BackendName(rawValue: demand.backend), isFullRequired: demand.isFullRequired, seconds: seconds)
  }

  /// What `safebox status` shows.
  func status() async -> [Sandbox.Row] { await (try? backends().status()) ?? [] }

  func shutDown() async {
    isShutDown = true
    sandbox = nil
    let jail = jail
    self.jail = nil
    await jail?.shutDown()
  }
}
