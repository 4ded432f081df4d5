import CanonicalJSON
import Cryptography
import Governance
import HostCalls

/// What came of a call.
struct CallAnswer: Sendable {
  var result: Result<JSON, HostCallError>
  var proposal: SHA256Digest?
  var child: RunID?
  var usage = Usage()
  var secrets: [String] = []
  /// What the usage book holds for it until it is recorded; nil for a call that was refused before it began.
  var reservation: UsageLedger.Reservation?

  init(_ result: Result<JSON, HostCallError>, proposal: SHA256Digest? = nil, child: RunID? = nil) {
    self.result = result
    self.proposal = proposal
    self.child = child
  }

  init(_ outcome: HostCallOutcome) {
    result = outcome.result
    usage = outcome.usage
    secrets = outcome.secrets
  }
}

extension CallAnswer {
  /// As `run.called` records it: `calls` says that the call was begun and counts against rates.
  var entryUsage: JSONObject? {
    guard reservation != nil else { return nil }
    var object = usage.json.object ?? [:]
    object["calls"] = 1
    return object
  }
}

extension UsageLedger.Fact {
  /// The fact that a `run.called` entry records; nil where the call was refused before it began.
  public init?(_ called: RunCalled, tool: String, community: String, at: Int64) {
    guard var object = called.usage, object["calls"] != nil else { return nil }
    object["calls"] = nil
    guard let usage = try? Usage(json: .object(object)) else { return nil }
    self.init(community: community, tool: tool, method: called.method, at: at, usage: usage)
  }
}

/// What a call waits for when nobody knows how long it takes. A run that only waits so needs no worker.
public struct CallWait: Sendable, Hashable {
  public enum Reason: Sendable, Hashable {
    /// A decision.
    case proposal(SHA256Digest)
    /// Another run.
    case run(RunID)
    /// A time in Unix milliseconds.
    case time(Int64)
  }

  public var call: Int
  public var method: String
  public var reason: Reason

  public init(call: Int, method: String, reason: Reason) {
    self.call = call
    self.method = method
    self.reason = reason
  }

  public var json: JSON {
    var object: JSONObject = ["call": .integer(Int64(call)), "method": .string(method)]
    switch reason {
    case .proposal(let id): object["proposal"] = .string(id.hex)
    case .run(let id): object["child"] = .string(id.hex)
    case .time(let time): object["until"] = .integer(time)
    }
    return .object(object)
  }
}
