import CanonicalJSON
import Cryptography
import Governance
import HostCalls

/// What came of a call.
struct CallAnswer: Sendable {
  var result: Result<JSON, HostCallError>
  var proposal: SHA256Digest?
  var child: SHA256Digest?
  var usage = Usage()
  var secrets: [String] = []
  /// What the usage book holds for it until it is recorded; nil for a call that was refused before it began.
  var reservation: UsageLedger.Reservation?

  init(_ result: Result<JSON, HostCallError>, proposal: SHA256Digest? = nil, child: SHA256Digest? = nil) {
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

/// What a call waits for when nobody knows how long it takes. A run that only waits so needs no worker.
public struct CallWait: Sendable, Hashable {
  public enum Reason: Sendable, Hashable {
    /// A decision.
    case proposal(SHA256Digest)
    /// Another run.
    case run(SHA256Digest)
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
