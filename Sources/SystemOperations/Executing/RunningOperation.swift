import CanonicalJSON
import Governance
import Synchronization

/// An operation under way, in a task of its own: a caller that goes away does not stop it half-way, and finds its result in
/// the journal.
final class RunningOperation: Sendable {
  /// What it has to say while it runs; the newest 64 are kept for a caller that reads slowly.
  let progress: AsyncStream<JSON>
  private let task: Task<ReportedResult, any Error>

  /// How often a sign of life is given.
  static let heartbeat: Duration = .seconds(10)

  init(_ desk: OperationDesk, _ mandate: Mandate, _ executor: any OperationExecutor, isResumed: Bool) {
    let (stream, continuation) = AsyncStream.makeStream(of: JSON.self, bufferingPolicy: .bufferingNewest(64))
    progress = stream
    task = Task {
      defer { continuation.finish() }
      let result = await Self.carryOut(desk.parts, mandate, executor, isResumed) { continuation.yield($0) }
      return try await desk.settle(mandate, result)
    }
  }

  /// The recorded result. Throws only when it could not be recorded.
  func result() async throws -> ReportedResult { try await task.value }

  private static func carryOut(
    _ parts: OperationDesk.Parts, _ mandate: Mandate, _ executor: any OperationExecutor, _ isResumed: Bool,
    progress: @escaping @Sendable (JSON) -> Void
  ) async -> OperationResult {
    let isOver = Mutex(false)
    let work = Task {
      isResumed
        ? await reconcile(mandate, executor, progress) : await perform(parts, mandate, executor, progress)
    }
    let seconds = mandate.operation.surface.seconds
    let watch = Task {
      let start = ContinuousClock.now
      while true {
        try await Task.sleep(for: heartbeat)
        let elapsed = ContinuousClock.now - start
        progress(["elapsed": .integer(elapsed.components.seconds)])
        if elapsed.components.seconds >= seconds {
          isOver.withLock { $0 = true }
          work.cancel()
        }
      }
    }
    let result = await work.value
    watch.cancel()
    if case .failed = result, isOver.withLock({ $0 }) {
      return .failed(OperationFault(code: "timed_out", detail: "not done after \(seconds) seconds"))
    }
    return result
  }

  private static func perform(
    _ parts: OperationDesk.Parts, _ mandate: Mandate, _ executor: any OperationExecutor,
    _ progress: @escaping @Sendable (JSON) -> Void
  ) async -> OperationResult {
    var evidence: JSONObject?
    let scope = mandate.scopeBefore
    if let scope, let snapshots = parts.snapshots {
      do { evidence = try await snapshots.before(mandate, scope: scope) } catch {
        return .failed(fault("snapshot.failed", error))
      }
    }
    var result: OperationResult
    do {
      result = .executed(try await executor.perform(mandate, progress: progress))
    } catch {
      result = .failed(fault("failed", error))
    }
    guard let scope, let snapshots = parts.snapshots, var evidence else { return bounded(result) }
    // The snapshot is there whatever is found afterwards, so a failure to look again is part of the evidence.
    do {
      let after = try await snapshots.after(mandate, scope: scope, succeeded: result.outcome == .executed)
      for member in after { evidence[member.key] = member.value }
    } catch {
      evidence["after_failed"] = .string("\(error)")
    }
    switch result {
    case .executed(var object):
      object["snapshot"] = .object(evidence)
      result = .executed(object)
    case .failed(var fault):
      fault.evidence["snapshot"] = .object(evidence)
      result = .failed(fault)
    case .unknown: break
    }
    return bounded(result)
  }

  private static func reconcile(
    _ mandate: Mandate, _ executor: any OperationExecutor, _ progress: @escaping @Sendable (JSON) -> Void
  ) async -> OperationResult {
    do {
      switch try await executor.reconcile(mandate, progress: progress) {
      case .executed(let object): return bounded(.executed(object))
      case .failed(let fault): return bounded(.failed(fault))
      case .unknown(let fault): return bounded(.unknown(fault))
      }
    } catch {
      return .unknown(fault("reconcile.failed", error))
    }
  }

  /// A result too large for an entry is a mistake of the executor; what it did is done all the same.
  private static func bounded(_ result: OperationResult) -> OperationResult {
    let bytes = result.json.canonicalBytes().count
    guard bytes > OperationResult.maxBytes else { return result }
    let omitted: JSONObject = ["omitted": .string("\(bytes) bytes, over \(OperationResult.maxBytes)")]
    switch result {
    case .executed: return .executed(omitted)
    case .failed(let fault): return .failed(OperationFault(code: fault.code, detail: fault.detail, evidence: omitted))
    case .unknown(let fault): return .unknown(OperationFault(code: fault.code, detail: fault.detail, evidence: omitted))
    }
  }

  private static func fault(_ code: String, _ error: any Error) -> OperationFault {
    switch error {
    case let fault as OperationFault: fault
    case let error as FieldError: OperationFault(code: code, error)
    default: OperationFault(code: code, detail: "\(error)")
    }
  }
}
