import Glibc
import JavaScript

/// Runs each tool on gVisor's kernel, through the OCI runtime `runsc` (docs/tools.md, "Backends").
///
/// The same worker as in the jail, in a container without network whose only file it is. What the kernel of gVisor does
/// not offer (Landlock) is no layer of this backend; control groups are one and are missing.
public final class GVisorBackend: SandboxBackend {
  /// What an operator may choose.
  public struct Configuration: Sendable, Hashable {
    /// Path of `runsc`; nil to look along PATH.
    public var runtime: String?
    /// Path of `safebox-worker`; nil for the one beside the running executable.
    public var worker: String?
    /// As `runsc --platform` takes it. `ptrace` works everywhere; `kvm` and `systrap` are faster where they work.
    public var platform = "ptrace"
    /// Containers at one time, busy ones with them.
    public var workers = 8
    /// Containers started ahead of their use.
    public var ready = 1
    /// Callers that may wait for one before `overloaded`.
    public var queue = 256
    /// Seconds in which a container must be up.
    public var startSeconds = 20

    public init() {}
  }

  public let name = BackendName.gvisor
  private let launcher: GVisorLauncher
  private let pool: WorkerPool

  /// Starts the first container in the background.
  ///
  /// - Throws: `unavailable` when there is no `runsc`, no worker's executable, or no place for the bundle.
  public init(_ configuration: Configuration = Configuration()) throws(SandboxFailure) {
    guard let runtime = configuration.runtime ?? Self.find("runsc") else {
      throw .unavailable(.gvisor, reason: "runsc is not installed")
    }
    let bundle = try OCIBundle(worker: WorkerExecutable.path(configuration.worker))
    launcher = GVisorLauncher(runtime: runtime, platform: configuration.platform, bundle: bundle)
    let size = WorkerPool.Size(workers: configuration.workers, ready: configuration.ready, queue: configuration.queue)
    pool = try WorkerPool(launcher: launcher, size: size, readySeconds: configuration.startSeconds)
  }

  deinit { pool.drain() }

  public func availability() async -> Result<Isolation, SandboxFailure> {
    await pool.isolation().mapError { failure in
      if case .unavailable = failure { return failure }
      let words = [failure.description, launcher.bundle.lastWords].compactMap { $0 }.joined(separator: ": ")
      return .unavailable(.gvisor, reason: words)
    }
  }

  public func open(_ program: MachineProgram, seconds: Int) async throws(SandboxFailure) -> any SandboxSession {
    WorkerSession(try await pool.lease(), program: program, seconds: seconds)
  }

  /// Ends the containers that nobody uses and waits for the others; nobody gets one any more.
  public func shutDown() async { await pool.shutDown() }

  /// Containers that were started and have not ended.
  public var population: Int { pool.population }

  private static func find(_ name: String) -> String? {
    guard let path = getenv("PATH").map({ String(cString: $0) }) else { return nil }
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }
}
