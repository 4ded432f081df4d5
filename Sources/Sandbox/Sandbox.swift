import JavaScript

/// The backends of this box, and the choice among them.
public struct Sandbox: Sendable {
  /// What `safebox status` says of one backend.
  public struct Row: Sendable, Hashable {
    public var name: BackendName
    public var isAvailable: Bool
    /// Layers that hold, sorted.
    public var applied: [String]
    /// Layers that do not, with the reason.
    public var missing: [String: String]
    /// Why it is not available.
    public var reason: String?
  }

  private let backends: [any SandboxBackend]
  /// Backends that could not even be set up.
  private let absent: [BackendName: String]

  /// - Parameter absent: why other backends are not among them.
  public init(_ backends: [any SandboxBackend], absent: [BackendName: String] = [:]) {
    self.backends = backends
    self.absent = absent
  }

  /// A session on the backend of that name, and on no other.
  ///
  /// - Parameters:
  ///   - isFullRequired: refuses where a layer is missing that the backend knows.
  ///   - seconds: see ``SandboxBackend/open(_:seconds:)``.
  public func open(
    _ program: MachineProgram, on name: BackendName, isFullRequired: Bool, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    guard let backend = backends.first(where: { $0.name == name }) else {
      throw .unavailable(name, reason: absent[name] ?? "this box has no such backend")
    }
    let session = try await backend.open(program, seconds: seconds)
    guard !isFullRequired || session.isolation.isFull else {
      session.end()
      throw Self.notFull(session.isolation)
    }
    return session
  }

  /// What would hold on the backend of that name; throws where it cannot be used, or where everything is demanded and something is missing.
  public func isolation(on name: BackendName, isFullRequired: Bool) async throws(SandboxFailure) -> Isolation {
    guard let backend = backends.first(where: { $0.name == name }) else {
      throw .unavailable(name, reason: absent[name] ?? "this box has no such backend")
    }
    let isolation = try await backend.availability().get()
    guard !isFullRequired || isolation.isFull else { throw Self.notFull(isolation) }
    return isolation
  }

  private static func notFull(_ isolation: Isolation) -> SandboxFailure {
    let names = isolation.missing.keys.sorted().joined(separator: ", ")
    return .unavailable(
      isolation.backend, reason: names.isEmpty ? "it is no boundary" : "full isolation is demanded: no \(names)")
  }

  /// One row for each backend, whether it can be used or not.
  public func status() async -> [Row] {
    var rows: [Row] = []
    for backend in backends {
      switch await backend.availability() {
      case .success(let isolation):
        rows.append(
          Row(
            name: backend.name, isAvailable: true, applied: isolation.applied, missing: isolation.missing, reason: nil))
      case .failure(let failure):
        rows.append(Self.absence(of: backend.name, failure.reason))
      }
    }
    for (name, reason) in absent.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      rows.append(Self.absence(of: name, reason))
    }
    return rows
  }

  private static func absence(of name: BackendName, _ reason: String) -> Row {
    Row(name: name, isAvailable: false, applied: [], missing: [:], reason: reason)
  }
}

extension SandboxFailure {
  /// Without the name of the backend, where a table already says it.
  fileprivate var reason: String {
    if case .unavailable(_, let reason) = self { return reason }
    return description
  }
}
