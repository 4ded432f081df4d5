import CanonicalJSON
import Governance

/// One operation without a socket: what sudo starts as root for an installation whose socket is served without root.
///
/// JSON Lines, 8 MiB each. It writes `{"position"}`; reads any number of `{"log"}` (the body of `POST /v1/log`) and answers
/// each with `{"position"}`; reads one `{"operation"}` (the body of `POST /v1/operations`), or `{"restart":NAME}` where it was
/// started for that; writes what the socket would answer, and ends. A refusal is `{"refused":{"code","detail"}}` and ends it.
public struct PerformSession: Sendable {
  /// The longest line that is read.
  public static let maxLine = OperationRequest.maxBytes + 64

  private let desk: OperationDesk
  private let operation: Operation
  private let runners: (any RunnerControl)?

  /// - Parameter operation: the only one that this session carries out, whatever is asked for: sudo permitted no other.
  public init(_ desk: OperationDesk, only operation: Operation, runners: (any RunnerControl)?) {
    self.desk = desk
    self.operation = operation
    self.runners = runners
  }

  /// - Parameters:
  ///   - read: the next line without its line feed; nil at the end.
  ///   - write: takes one line.
  /// - Returns: whether the operation was carried out.
  public func run(
    read: @Sendable () async throws -> [UInt8]?, write: @Sendable (JSON) throws -> Void
  ) async throws -> Bool {
    try write(["position": try await desk.standing().position.json])
    do {
      while let line = try await read() {
        let json = try JSON(
          parsing: line, limits: JSONLimits(maxBytes: Self.maxLine, maxDepth: 17, integersOnly: true))
        var reader = try ObjectReader(json)
        if let push = reader.optionalJSON("log") {
          try reader.finish()
          try write(["position": try await desk.follow(LogPush(json: push)).json])
          continue
        }
        if operation == .restartRunner {
          let name = try reader.string("restart", maxBytes: 64)
          try reader.finish()
          guard let runners else { throw OperationFault.notAvailable(operation) }
          try write(["result": .object(try await desk.restart(name, by: runners))])
          return true
        }
        let request = try OperationRequest(json: reader.json("operation"))
        try reader.finish()
        return try await carryOut(request, write)
      }
      return false
    } catch {
      guard let problem = try? await SystemProblem.problem(for: error, desk) else { throw error }
      var refusal: JSONObject = ["code": .string(problem.code ?? "refused")]
      refusal["detail"] = problem.detail.map(JSON.string)
      try write(["refused": .object(refusal)])
      return false
    }
  }

  private func carryOut(_ request: OperationRequest, _ write: @Sendable (JSON) throws -> Void) async throws -> Bool {
    let result: ReportedResult
    switch try await desk.admit(request, only: operation) {
    case .recorded(let recorded): result = recorded
    case .running(let running):
      // A caller that is gone does not end what has begun.
      for await progress in running.progress { try? write(["progress": progress]) }
      result = try await running.result()
    }
    try write(.object(result.line))
    return result.result.outcome == .executed
  }
}
