import CanonicalJSON
import Cryptography

/// Recorded when a run is over. The fold recomputes chain and execution hash.
public struct RunFinished: EntryBody {
  public var run: RunID
  /// How many answers were delivered.
  public var calls: Int64
  /// ``RunChain/digest`` after the last of them.
  public var chain: SHA256Digest
  /// Fuel used by the whole run.
  public var fuel: Int64
  public var outcome: RunOutcome
  /// ``ExecutionHash/digest``.
  public var execution: SHA256Digest

  public init(
    run: RunID, calls: Int64, chain: SHA256Digest, fuel: Int64, outcome: RunOutcome, execution: SHA256Digest
  ) {
    self.run = run
    self.calls = calls
    self.chain = chain
    self.fuel = fuel
    self.outcome = outcome
    self.execution = execution
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    run = try reader.run("run")
    calls = try reader.integer("calls", in: 0...ToolManifest.Limits.callsRange.upperBound)
    chain = try reader.digest("chain")
    fuel = try reader.integer("fuel", in: 0...JSON.maxSafeInteger)
    switch (try reader.optionalDigest("result"), try reader.optionalObject("failure")) {
    case (let digest?, nil): outcome = .result(digest)
    case (nil, var failure?):
      let text = try failure.string("kind", maxBytes: 32)
      guard let kind = RunFailureKind(rawValue: text) else {
        throw FieldError(
          field: "failure.kind", expected: "one of \(RunFailureKind.allCases.map(\.rawValue))",
          actual: JSON.string(text).summary)
      }
      outcome = .failure(kind, message: try failure.digest("message"))
      try failure.finish()
    case (nil, nil): throw FieldError(field: "result", expected: "a result or a failure", actual: "neither")
    case (.some, .some): throw FieldError(field: "result", expected: "a result or a failure", actual: "both")
    }
    execution = try reader.digest("execution")
    try reader.finish()
  }

  public var kind: EntryKind { .runFinished }

  public var body: JSON {
    var object: JSONObject = [
      "run": .string(run.hex), "calls": .integer(calls), "chain": .string(chain.hex), "fuel": .integer(fuel),
      "execution": .string(execution.hex),
    ]
    switch outcome {
    case .result(let digest): object["result"] = .string(digest.hex)
    case .failure(let kind, let message):
      object["failure"] = ["kind": .string(kind.rawValue), "message": .string(message.hex)]
    }
    return .object(object)
  }
}
