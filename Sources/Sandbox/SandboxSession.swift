import JavaScript

/// Where a tool runs. A new kind of box (a microVM, say) is a new value here and a new ``SandboxBackend``.
public struct BackendName: RawRepresentable, Sendable, Hashable {
  public var rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  /// A process of its own in our jail.
  public static let jail = BackendName(rawValue: "jail")
  /// A process of its own on gVisor's kernel, through the OCI runtime `runsc`.
  public static let gvisor = BackendName(rawValue: "gvisor")
  /// No boundary at all: an engine within this process.
  public static let inprocess = BackendName(rawValue: "inprocess")
}

/// What stands between a tool and this machine, as far as it could be applied.
public struct Isolation: Sendable, Hashable {
  public var backend: BackendName
  /// Names of what holds, sorted; from ``Layer``.
  public var applied: [String]
  /// What the backend knows and could not apply, with the reason.
  public var missing: [String: String]

  public init(backend: BackendName, applied: [String], missing: [String: String]) {
    self.backend = backend
    self.applied = applied
    self.missing = missing
  }

  /// True when everything that the backend knows holds.
  public var isFull: Bool { missing.isEmpty && backend != .inprocess }
}

/// One run of one program in one box.
///
/// It is a conversation in turns: `begin`, then `answer` again and again while the turn says that the tool waits. Not
/// more than one of them at a time.
public protocol SandboxSession: Sendable {
  var isolation: Isolation { get }
  func begin() async throws(SandboxFailure) -> MachineTurn
  func answer(_ answer: MachineAnswer) async throws(SandboxFailure) -> MachineTurn
  /// Ends it, whatever it does; at once, and more than once if you like.
  func end()
}

/// Why a session came to no turn. Unlike a ``MachineFailure`` it is no property of the program: another attempt may
/// go another way.
public enum SandboxFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// The backend is not there, or could not start a worker.
  case unavailable(BackendName, reason: String)
  /// Every worker is busy and the queue is full.
  case overloaded
  /// The worker computed longer than its wall clock allows, and was killed.
  case timedOut(seconds: Int)
  /// The worker died.
  case died(reason: String)
  /// The worker said something that no worker of ours says, and was killed.
  case protocolViolation(String)
  /// `end` was called.
  case ended

  public var description: String {
    switch self {
    case .unavailable(let backend, let reason): "the backend \(backend.rawValue) is not available: \(reason)"
    case .overloaded: "every worker is busy and the queue is full"
    case .timedOut(let seconds): "the tool computed for more than \(seconds) s and was killed"
    case .died(let reason): "the worker died: \(reason)"
    case .protocolViolation(let what): "the worker broke the protocol: \(what)"
    case .ended: "the session was ended"
    }
  }
}

/// A way to run tools on this machine.
public protocol SandboxBackend: Sendable {
  var name: BackendName { get }
  /// What would hold here, or why the backend cannot be used.
  func availability() async -> Result<Isolation, SandboxFailure>
  /// A session for one program.
  ///
  /// - Parameter seconds: computing time of one turn by the wall clock, after which the worker is killed.
  func open(_ program: MachineProgram, seconds: Int) async throws(SandboxFailure) -> any SandboxSession
}
