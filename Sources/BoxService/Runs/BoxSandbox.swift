import Governance
import JavaScript
import Receipts
import Runs
import Sandbox

/// The backends of this box, each started when the first tool needs it: a box without tools keeps no workers.
actor BoxSandbox: SessionSource {
  private let worker: String?
  private var jail: Result<JailBackend, SandboxFailure>?
  private var gvisor: Result<GVisorBackend, SandboxFailure>?
  private var isShutDown = false

  /// - Parameter worker: path of the worker's executable; `nil` for the one beside this program.
  init(worker: String?) { self.worker = worker }

  private func startedJail() -> Result<JailBackend, SandboxFailure> {
    if let jail { return jail }
    guard !isShutDown else { return .failure(.ended) }
    var configuration = JailBackend.Configuration()
    configuration.worker = worker
    let made = Result { () throws(SandboxFailure) in try JailBackend(configuration) }
    jail = made
    return made
  }

  private func startedGVisor() -> Result<GVisorBackend, SandboxFailure> {
    if let gvisor { return gvisor }
    guard !isShutDown else { return .failure(.ended) }
    var configuration = GVisorBackend.Configuration()
    configuration.worker = worker
    let made = Result { () throws(SandboxFailure) in try GVisorBackend(configuration) }
    gvisor = made
    return made
  }

  /// The backends that are started, and `name` with them.
  private func sandbox(with name: BackendName) -> Sandbox {
    if name == .jail { _ = startedJail() }
    if name == .gvisor { _ = startedGVisor() }
    var backends: [any SandboxBackend] = []
    var absent: [BackendName: String] = [:]
    switch jail {
    case .success(let backend)?: backends.append(backend)
    case .failure(let failure)?: absent[.jail] = "\(failure)"
    case nil: absent[.jail] = "no tool has asked for it yet"
    }
    switch gvisor {
    case .success(let backend)?: backends.append(backend)
    case .failure(let failure)?: absent[.gvisor] = "\(failure)"
    case nil: absent[.gvisor] = "not tried yet: the first run of a tool that demands it starts it"
    }
    backends.append(InProcessBackend())
    return Sandbox(backends, absent: absent)
  }

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation {
    let name = BackendName(rawValue: demand.backend)
    return try await sandbox(with: name).isolation(on: name, isFullRequired: demand.isFullRequired)
  }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    let name = BackendName(rawValue: demand.backend)
    return try await sandbox(with: name).open(
      program, on: name, isFullRequired: demand.isFullRequired, seconds: seconds)
  }

  /// What `safebox status` shows. Looks at the jail; gVisor is only looked at once a tool has demanded it.
  func status() async -> [Sandbox.Row] { await sandbox(with: .jail).status() }

  /// What the claim ceiling says of it.
  func fact() async -> BoxFacts.Sandbox {
    let row = await status().first { $0.name == .jail }
    guard let row, row.isAvailable else { return .none(reason: row?.reason ?? "it cannot be used") }
    return .jail(missing: row.missing.keys.sorted())
  }

  func shutDown() async {
    isShutDown = true
    let (jail, gvisor) = (jail, gvisor)
    self.jail = nil
    self.gvisor = nil
    if case .success(let backend)? = jail { await backend.shutDown() }
    if case .success(let backend)? = gvisor { await backend.shutDown() }
  }
}
