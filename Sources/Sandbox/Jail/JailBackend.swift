import Glibc
import JavaScript

/// Runs each tool in a process of its own in our jail (docs/tools.md, "The jail").
public final class JailBackend: SandboxBackend {
  /// What an operator may choose.
  public struct Configuration: Sendable, Hashable {
    /// Path of `safebox-worker`; nil for the one beside the running executable.
    public var worker: String?
    /// Workers at one time, busy ones with them.
    public var workers = 64
    /// Workers started ahead of their use.
    public var ready = 4
    /// Callers that may wait for a worker before `overloaded`.
    public var queue = 1024

    public init() {}
  }

  public let name = BackendName.jail
  private let pool: WorkerPool

  /// Starts the first workers in the background.
  ///
  /// - Throws: `unavailable` when there is no worker's executable, or no descriptor or thread to be had.
  public convenience init(_ configuration: Configuration = Configuration()) throws(SandboxFailure) {
    try self.init(JailLauncher(path: WorkerExecutable.path(configuration.worker)), configuration)
  }

  init(_ launcher: any WorkerLauncher, _ configuration: Configuration, readySeconds: Int = 10) throws(SandboxFailure) {
    let size = WorkerPool.Size(
      workers: configuration.workers, ready: configuration.ready, queue: configuration.queue)
    pool = try WorkerPool(launcher: launcher, size: size, readySeconds: readySeconds)
  }

  deinit { pool.drain() }

  public func availability() async -> Result<Isolation, SandboxFailure> { await pool.isolation() }

  public func open(_ program: MachineProgram, seconds: Int) async throws(SandboxFailure) -> any SandboxSession {
    WorkerSession(try await pool.lease(), program: program, seconds: seconds)
  }

  /// Ends the workers that nobody uses and waits for the others; nobody gets one any more.
  public func shutDown() async { await pool.shutDown() }

  /// Workers that were started and have not ended.
  public var population: Int { pool.population }

  /// Callers that wait for a worker.
  var waiting: Int { pool.waiting }
}

/// Where the worker's executable lies when nobody says.
enum WorkerExecutable {
  static func path(_ configured: String?) throws(SandboxFailure) -> String {
    if let configured { return configured }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { throw .unavailable(.jail, reason: "/proc/self/exe: \(SystemError.text(errno))") }
    let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return path.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/safebox-worker"
  }
}
