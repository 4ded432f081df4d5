import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls
import Storage
import SystemOperations
import TransparencyLog

/// The box's side of `safebox-system`: carries the log to it, asks it to carry out what was decided, and hears how that
/// went. It believes nothing that the box says; the box records what it signs.
struct PrivilegedProcess: Sendable {
  /// How long an operation is asked for while nobody answers. Longer than a decision stays fresh for the process, so that
  /// afterwards nothing can begin any more.
  private static let patience = Duration.seconds(1800)

  let client: SystemClient
  let reader: LogReader
  let manifests: ContentStore
  let blocking: BlockingWork
  /// What speaks to the runners; nil in a box without models.
  let inference: BoxInference?
  /// A checkpoint with the cosignatures of a quorum, in a box that has witnesses.
  let cosigned: @Sendable () async -> SignedCheckpoint?
  let progress = OperationProgress()

  // MARK: orders

  func carryOut(_ order: ExecutionOrder) async -> ExecutionOutcome {
    func failed(_ reason: String, _ code: String) -> ExecutionOutcome {
      .failed(result: ["reason": .string(reason), "code": .string(code)], opening: nil)
    }
    let action = order.statement.action
    guard let operation = Operation(rawValue: action.type) else {
      return failed("the privileged process has no such operation", "not_an_operation")
    }
    defer { progress.forget(order.proposal) }
    var attachments: [String: [UInt8]] = [:]
    if let name = operation.surface.attachment {
      guard let digest = action.params[name]?.string.flatMap({ SHA256Digest(hex: $0) }),
        let document = try? await manifests.document(digest)
      else { return failed("the manifest is not kept here any more", "no_manifest") }
      attachments[name] = document
    }
    // What a conversation has in a runner's memory is saved before the runner goes.
    let name = [.startRunner, .stopRunner].contains(operation) ? action.params["name"]?.string : nil
    if let name { await inference?.suspend(name) }
    let outcome = await ask(order.proposal, (type: action.type, params: action.params), attachments)
    if let name { await inference?.resume(name) }
    return outcome
  }

  private func ask(
    _ proposal: SHA256Digest, _ action: (type: String, params: JSONObject), _ attachments: [String: [UInt8]]
  ) async -> ExecutionOutcome {
    let deadline = ContinuousClock.now.advanced(by: Self.patience)
    while true {
      let failure: SystemClient.Failure
      do {
        try await follow()
        let progress = progress
        let reported = try await client.perform(
          proposal, action: action, attachments: attachments, progress: { progress.note($0, of: proposal) })
        return Self.outcome(reported)
      } catch let error as SystemClient.Failure {
        failure = error
      } catch {
        failure = .unreachable("\(error)")
      }
      let pause: Int
      switch failure {
      // Nothing began, and nothing will: the process says why.
      case .refused(let status, let code, let detail, nil):
        guard status < 500 || status == 501 else { return .unknown(result: ["reason": .string("\(failure)")]) }
        return .failed(result: ["reason": .string(detail), "code": .string(code)], opening: nil)
      // It works on something else, perhaps for hours; whoever asks waits for its turn.
      case .refused(_, _, _, let seconds?): pause = max(1, min(30, seconds))
      // It may have begun. It answers with what became of it when it is back.
      case .unreachable, .malformed:
        guard ContinuousClock.now < deadline else { return .unknown(result: ["reason": .string("\(failure)")]) }
        pause = 1
      }
      guard (try? await Task.sleep(for: .seconds(pause))) != nil else {
        return .unknown(result: ["reason": "the box was stopped while it waited for the privileged process"])
      }
    }
  }

  private static func outcome(_ reported: ReportedResult) -> ExecutionOutcome {
    switch reported.result {
    case .executed(let result):
      return .executed(result: ["result": .object(result), "report": reported.report], opening: nil)
    case .failed(let fault):
      return .failed(
        result: [
          "reason": .string(fault.detail), "code": .string(fault.code), "error": .object(fault.json),
          "report": reported.report,
        ], opening: nil)
    case .unknown(let fault):
      return .unknown(
        result: [
          "reason": .string(fault.detail), "code": .string(fault.code), "error": .object(fault.json),
          "report": reported.report,
        ])
    }
  }

  /// Brings its copy of the log up to date. Where the process demands witnesses, only what they cosigned counts.
  private func follow() async throws {
    let reader = reader
    var newest = await cosigned()
    if newest == nil { newest = try await blocking.run { try reader.latestCheckpoint() } }
    guard let signed = newest else { return }
    _ = try await client.follow(size: signed.checkpoint.size, checkpoint: signed.note.bytes) { [blocking] range in
      try await blocking.run {
        try reader.entries(from: range.lowerBound, limit: min(range.count, 1024)).map(\.bytes)
      }
    }
  }

  // MARK: looking

  func operations() async throws -> JSON { try await answer { try await client.operations() } }
  func status() async throws -> JSON { try await answer { try await client.status() } }
  func runners() async throws -> JSON { try await answer { try await client.runners() } }
  func snapshots() async throws -> JSON { try await answer { try await client.snapshots() } }

  func log(of name: String, tail: Int) async throws -> [UInt8] {
    try await answer { try await client.log(ofRunner: name, tail: tail) }
  }

  /// Starts a runner again, with what its conversations had in memory saved before and restored when they go on.
  func restart(_ name: String) async throws -> JSON {
    await inference?.suspend(name)
    do {
      let answer = try await answer {
        // It restarts what ought to run by the log that it knows.
        try await follow()
        return try await client.restart(runner: name)
      }
      await inference?.resume(name)
      return answer
    } catch {
      await inference?.resume(name)
      throw error
    }
  }

  /// What the process refuses, it refuses to whoever asked.
  private func answer<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
    do {
      return try await body()
    } catch let failure as SystemClient.Failure {
      switch failure {
      case .refused(let status, let code, let detail, let retryAfter):
        var problem = Problem(status: status, code: code, detail: detail)
        if let retryAfter { problem.headers = ["Retry-After": "\(retryAfter)"] }
        throw problem
      case .unreachable, .malformed:
        throw Problem(status: 502, code: "system_unreachable", detail: "\(failure)")
          .with("next_steps", ["is safebox-system running? see docs/system-operations.md"])
      }
    }
  }
}
