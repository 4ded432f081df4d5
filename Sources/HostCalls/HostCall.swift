import CanonicalJSON
import Governance

/// A family of methods of `Protocol`, as `HTTP` or `SMTP`. One file each.
public protocol HostCall: Sendable {
  /// Its methods, for the table.
  var methods: [HostMethod] { get }
  /// Reads the arguments of one call and says what would be done. Does nothing yet: the manifest, the rates and the
  /// budgets are held against ``HostCallPlan/facts`` before anything runs.
  ///
  /// Throws for arguments that do not fit the method's schema; the error names the field and the fix.
  func plan(_ method: String, arguments: JSON, in context: HostCallContext) throws(HostCallError) -> HostCallPlan
}

/// One method, as documentation, manifests and `tool check` see it.
public struct HostMethod: Sendable, Hashable {
  /// Whether a call only looks, or changes the world and therefore waits for a decision.
  public enum Class: String, Sendable, Hashable {
    case observe
    case change
  }

  /// As in `HTTP.get`.
  public var name: String
  public var effect: Class
  /// The dimensions that a grant of this method must speak of, the most telling first; see ``Grant/permits(_:facts:)``.
  public var dimensions: [String]
  /// JSON Schema of the one argument.
  public var schema: JSON
  /// One line.
  public var summary: String

  public init(_ name: String, _ effect: Class, dimensions: [String], schema: JSON, summary: String) {
    self.name = name
    self.effect = effect
    self.dimensions = dimensions
    self.schema = schema
    self.summary = summary
  }
}

/// From where a call comes.
public struct HostCallContext: Sendable {
  /// The run's id and the call's number: together they name the call for ever, and a peer may be told them.
  public var run: String
  public var call: Int
  public var tool: ToolManifest
  public var community: String
  public var settings: CommunitySettings
  /// Unix milliseconds, the box's clock.
  public var now: Int64
  /// Tells those who watch the run of progress (a streamed piece of text, say). Never part of the outcome.
  public var progress: @Sendable (JSON) -> Void

  public init(
    run: String, call: Int, tool: ToolManifest, community: String, settings: CommunitySettings, now: Int64,
    progress: @escaping @Sendable (JSON) -> Void = { _ in }
  ) {
    self.run = run
    self.call = call
    self.tool = tool
    self.community = community
    self.settings = settings
    self.now = now
    self.progress = progress
  }
}

/// What a call would do.
public struct HostCallPlan: Sendable {
  public enum Step: Sendable {
    /// Look, now. Cancelled when the run is. May be done again after a crash: it changes nothing.
    case observe(@Sendable () async -> HostCallOutcome)
    /// Propose an action and wait for what becomes of it.
    /// `disclose` names private params that the log may show, so that policies can look at them.
    case change(type: String, params: JSONObject, disclose: Set<String> = [])
  }

  /// What grants are held against: one value for each dimension of the method. A call with several recipients has
  /// several; all of them must be granted.
  public var facts: [[String: String]]
  /// Names of the secrets that the arguments cite.
  public var secrets: [String]
  /// The most that this call could spend, where that is known before.
  public var reserve: Usage
  public var step: Step

  public init(facts: [[String: String]], secrets: [String] = [], reserve: Usage = Usage(), step: Step) {
    self.facts = facts
    self.secrets = secrets
    self.reserve = reserve
    self.step = step
  }
}

/// How a look ended.
public struct HostCallOutcome: Sendable {
  public var result: Result<JSON, HostCallError>
  public var usage: Usage
  /// Which version of which secret was used, as `NAME@VERSION`.
  public var secrets: [String]

  public init(_ result: Result<JSON, HostCallError>, usage: Usage = Usage(), secrets: [String] = []) {
    self.result = result
    self.usage = usage
    self.secrets = secrets
  }
}

/// What a call used up. Everything is disjoint: the tokens of one call are the sum of its four kinds.
public struct Usage: Sendable, Hashable {
  /// Tokens of the prompt that no cache served.
  public var inputTokens: Int64 = 0
  public var cacheReadTokens: Int64 = 0
  public var cacheWriteTokens: Int64 = 0
  public var outputTokens: Int64 = 0
  /// Millionths of a US dollar, by the prices of the community's settings.
  public var microUSD: Int64 = 0

  public init() {}

  /// All tokens.
  public var tokens: Int64 { inputTokens + cacheReadTokens + cacheWriteTokens + outputTokens }
  public var isZero: Bool { self == Usage() }

  /// Members that are 0 are left out.
  public var json: JSON {
    var object: JSONObject = [:]
    for (name, value) in [
      ("input", inputTokens), ("cacheRead", cacheReadTokens), ("cacheWrite", cacheWriteTokens),
      ("output", outputTokens), ("microusd", microUSD),
    ] where value != 0 { object[name] = .integer(value) }
    return .object(object)
  }

  public init(json: JSON, path: String = "usage") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let range: ClosedRange<Int64> = 0...JSON.maxSafeInteger
    inputTokens = try reader.optionalInteger("input", in: range) ?? 0
    cacheReadTokens = try reader.optionalInteger("cacheRead", in: range) ?? 0
    cacheWriteTokens = try reader.optionalInteger("cacheWrite", in: range) ?? 0
    outputTokens = try reader.optionalInteger("output", in: range) ?? 0
    microUSD = try reader.optionalInteger("microusd", in: range) ?? 0
    try reader.finish()
  }
}

/// What the tool's promise is rejected with. Nothing in it may hold a secret's value.
public struct HostCallError: Error, Sendable, Hashable, CustomStringConvertible {
  /// `bad_argument`, `not_granted`, `no_route`, `rate_limited`, `budget_exhausted`, `denied`, `failed`, `unknown`, `timeout`,
  /// `unreachable`, `upstream`, `too_large`, `no_secret`, `not_found`, `cancelled`.
  public var code: String
  /// One sentence; names the field and the fix where there is one.
  public var message: String
  /// Further public members, such as `status` or `retryAfter` (seconds).
  public var details: JSONObject

  public init(_ code: String, _ message: String, details: JSONObject = [:]) {
    self.code = code
    self.message = message
    self.details = details
  }

  public init(_ error: FieldError) { self.init("bad_argument", "\(error)") }

  public var json: JSON {
    var object = details
    object["code"] = .string(code)
    object["message"] = .string(message)
    return .object(object)
  }

  public var description: String { "\(code): \(message)" }
}
