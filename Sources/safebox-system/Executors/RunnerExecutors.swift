import CanonicalJSON
import Cryptography
import Governance
import Models
import Runners
import Snapshots
import SystemOperations

/// The runners of this machine: starts them with what the owners approved, verified anew each time, and looks after them.
struct BoxRunners: RunnerControl {
  let supervisor: RunnerSupervisor
  let store: ModelStore
  let root: String

  /// How long requests under way may take to end before a runner goes.
  private static let drain = Duration.seconds(30)

  /// What the supervisor is told: the model by its digest, the root file system by the digest that was approved with it.
  private func order(_ runner: RunnerRecord, _ model: ApprovedModel) throws -> RunnerSupervisor.Order {
    let store = store
    let digest = model.record.manifest
    guard runner.model == digest else {
      throw OperationFault(code: "model", detail: "the runner is approved for \(runner.model), not for \(digest)")
    }
    let manifest = try store.manifest(of: digest)
    guard let isolation = RunnerIsolation(rawValue: runner.isolation.rawValue) else {
      throw OperationFault(code: "isolation", detail: "\(runner.isolation.rawValue) is not known here")
    }
    return RunnerSupervisor.Order(
      name: runner.name, manifest: manifest, root: "\(root)/runners/\(model.record.runner.hex)",
      rootDigest: model.record.runner, isolation: isolation, verify: { try store.verify(digest) })
  }

  /// Starts a runner in the place of whatever the name served.
  func start(_ runner: RunnerRecord, _ model: ApprovedModel) async throws -> RunnerStatus {
    let order = try order(runner, model)
    if await isRunning(runner.name) { try await supervisor.stop(runner.name, drain: Self.drain) }
    return try await supervisor.start(order)
  }

  /// Stops a runner; nothing to do where it does not run.
  func stop(_ name: String) async throws {
    guard await isRunning(name) else { return }
    try await supervisor.stop(name, drain: Self.drain)
  }

  func isRunning(_ name: String) async -> Bool { await supervisor.status().contains { $0.name == name } }

  // MARK: RunnerControl

  func list() async -> [JSONObject] {
    await supervisor.status().map { status in
      var object = status.json.object ?? [:]
      object["state"] = object["phase"]
      object["note"] = object["fault"]
      return object
    }
  }

  func log(_ name: String, tail bytes: Int) async throws -> [UInt8]? {
    guard await isRunning(name) else { return nil }
    return try await supervisor.log(of: name, tail: bytes)
  }

  func restart(_ runner: ApprovedRunner, serving model: ApprovedModel) async throws -> JSONObject {
    do {
      return try await start(runner.record, model).json.object ?? [:]
    } catch {
      throw OperationFault(code: "runner", detail: "\(error)")
    }
  }
}

/// `runner.start`.
struct RunnerStart: OperationExecutor {
  let runners: BoxRunners

  func examine(_ mandate: Mandate) throws {
    guard case .startRunner = mandate.order, mandate.model != nil else {
      throw OperationFault(code: "model", field: "params.model", detail: "no such model is approved and installed")
    }
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    guard case .startRunner(let record) = mandate.order, let model = mandate.model else { return [:] }
    progress(["step": "verify and start"])
    do {
      return Self.result(try await runners.start(record, model))
    } catch {
      // What the name served before is what the owners still want until this is executed.
      var detail = "\(error)"
      if let before = mandate.runner, let old = mandate.previous {
        do {
          _ = try await runners.start(before.record, old)
          detail += "; the name serves what it served before"
        } catch {
          detail += "; and what it served before does not start any more: \(error)"
        }
      }
      throw OperationFault(code: "runner", detail: detail)
    }
  }

  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await perform(mandate, progress: progress))
  }

  private static func result(_ status: RunnerStatus) -> JSONObject {
    let json = status.json.object ?? [:]
    var result: JSONObject = [:]
    for name in ["name", "manifest", "root", "isolation", "applied", "missing", "controlGroups", "startMilliseconds"] {
      result[name] = json[name]
    }
    return result
  }
}

/// `runner.stop`.
struct RunnerStop: OperationExecutor {
  let runners: BoxRunners

  func examine(_ mandate: Mandate) throws {
    guard case .stopRunner = mandate.order else {
      throw OperationFault(code: "order", detail: "it is no stop of a runner")
    }
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    guard case .stopRunner(let name) = mandate.order else { return [:] }
    do {
      try await runners.stop(name)
    } catch {
      throw OperationFault(code: "runner", detail: "\(error)")
    }
    return ["name": .string(name)]
  }

  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await perform(mandate, progress: progress))
  }
}
