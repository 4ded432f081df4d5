import CanonicalJSON
import Cryptography

/// How actions of the covered types are decided.
public struct Policy: Sendable, Hashable {
  /// What it covers; at least one pattern.
  public let covers: [Pattern]
  public let rule: Rule
  /// Whether an approval by the proposer counts.
  public let selfApproval: Bool
  /// The longest time in seconds from opening to `expires`.
  public let maxExpiry: Int64
  /// Per proposer; nil is written by leaving it out and sets no bound.
  public let quota: Quota?
  /// Addresses that an action may reach although they are private, as `address:port`.
  public let egress: [String]
  /// Fewer signers for narrowing actions; nil where the policy has none.
  public let breakGlass: BreakGlass?
  /// The policy as its author wrote it. The digest is over this: written out or left out, a default is the author's
  /// choice, and whoever hashes the stored text must get the same digest.
  public let json: JSON

  public static let defaultMaxExpiry: Int64 = 7 * 86_400
  /// 30 days: also how far ahead a claim may expire.
  public static let longestExpiry: Int64 = 30 * 86_400
  static let maxCovers = 32
  static let maxEgress = 32

  /// Action types that only take power away.
  public static let narrowing: Set<String> = ["box.stop", "box.seal", "signer.revoke"]

  public init(
    covers: [Pattern], rule: Rule, selfApproval: Bool = false, maxExpiry: Int64 = defaultMaxExpiry,
    quota: Quota? = nil, egress: [String] = [], breakGlass: BreakGlass? = nil
  ) {
    self.covers = covers
    self.rule = rule
    self.selfApproval = selfApproval
    self.maxExpiry = maxExpiry
    self.quota = quota
    self.egress = egress
    self.breakGlass = breakGlass
    var object: JSONObject = ["covers": .array(covers.map { .string($0.text) }), "rule": rule.json]
    if selfApproval { object["selfApproval"] = true }
    if maxExpiry != Self.defaultMaxExpiry { object["maxExpiry"] = .integer(maxExpiry) }
    object["quota"] = quota?.json
    if !egress.isEmpty { object["egress"] = ["addresses": .array(egress.map(JSON.string))] }
    object["breakGlass"] = breakGlass?.json
    json = .object(object)
  }

  public init(json: JSON, path: String = "policy") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    var covers: [Pattern] = []
    for (index, value) in try reader.array("covers", maxCount: Self.maxCovers).enumerated() {
      let path = "\(reader.pathOf("covers"))[\(index)]"
      guard let text = value.string else {
        throw FieldError(field: path, expected: "a pattern", actual: value.summary)
      }
      let pattern = try Pattern(parsing: text, path: path)
      guard !covers.contains(pattern) else {
        throw FieldError(field: path, expected: "a pattern given once", actual: "\(text) again")
      }
      covers.append(pattern)
    }
    guard !covers.isEmpty else {
      throw FieldError(field: reader.pathOf("covers"), expected: "at least one pattern", actual: "none")
    }
    self.covers = covers
    rule = try Rule(json: reader.json("rule"), path: reader.pathOf("rule"))
    selfApproval = try reader.optionalBool("selfApproval", default: false)
    maxExpiry = try reader.optionalInteger("maxExpiry", in: 1...Self.longestExpiry) ?? Self.defaultMaxExpiry
    quota = try reader.optionalJSON("quota").map { json throws(FieldError) in
      try Quota(json: json, path: reader.pathOf("quota"))
    }
    var egress: [String] = []
    if var addresses = try reader.optionalObject("egress") {
      for (index, value) in try addresses.array("addresses", maxCount: Self.maxEgress).enumerated() {
        egress.append(try Self.address(value, path: "\(addresses.pathOf("addresses"))[\(index)]"))
      }
      try addresses.finish()
    }
    self.egress = egress
    breakGlass = try reader.optionalJSON("breakGlass").map { json throws(FieldError) in
      try BreakGlass(json: json, path: reader.pathOf("breakGlass"))
    }
    try reader.finish()
    self.json = json
  }

  /// The policy digest, which statements name.
  public func digest(name: String) -> SHA256Digest { .of(["name": .string(name), "policy": json]) }

  /// `address:port` with an IPv4 address or a bracketed IPv6 one.
  private static func address(_ value: JSON, path: String) throws(FieldError) -> String {
    let expected = "an IP address and a port, such as 127.0.0.1:8090 or [::1]:8090"
    guard let text = value.string, let (host, port) = URLAuthority.split(text[...]), port != nil,
      host.hasPrefix("[") || isIPv4(host)
    else { throw FieldError(field: path, expected: expected, actual: value.summary) }
    return text
  }

  private static func isIPv4(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { part in UInt8(part).map { String($0) == part } ?? false }
  }
}

/// Bounds on what one proposer may put under a policy.
public struct Quota: Sendable, Hashable {
  /// Proposals open at one time.
  public var open: Int64
  /// Proposals opened within the period.
  public var count: Int64
  /// Seconds.
  public var period: Int64

  public init(open: Int64, count: Int64, period: Int64) {
    self.open = open
    self.count = count
    self.period = period
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    open = try reader.integer("open", in: 1...100_000)
    count = try reader.integer("count", in: 1...100_000)
    period = try reader.integer("period", in: 1...Check.Limits.period)
    try reader.finish()
  }

  var json: JSON { ["open": .integer(open), "count": .integer(count), "period": .integer(period)] }
}

/// Fewer signers, for narrowing actions only; the effect lapses unless it is ratified.
public struct BreakGlass: Sendable, Hashable {
  public var rule: Rule
  /// Seconds after which the effect lapses; at most 30 days.
  public var ttl: Int64

  public init(rule: Rule, ttl: Int64) {
    self.rule = rule
    self.ttl = ttl
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    rule = try Rule(json: reader.json("rule"), path: reader.pathOf("rule"))
    ttl = try reader.integer("ttl", in: 1...Policy.longestExpiry)
    try reader.finish()
  }

  var json: JSON { ["rule": rule.json, "ttl": .integer(ttl)] }
}
