import CanonicalJSON
import Cryptography

/// What one version of a tool is and may do: what `tool.register` puts to the owners (docs/formats.md section 13).
public struct ToolManifest: Sendable, Hashable {
  public var name: String
  /// 1-32 of `0-9 A-Z a-z . + -`.
  public var version: String
  public var description: String
  /// SHA-256 of the source, one ES module.
  public var source: SHA256Digest
  /// JSON Schema of the input, for callers; nil where the tool takes anything.
  public var input: JSON?
  public var uses: [Grant]
  /// Names of the secrets that its calls may cite.
  public var secrets: [String]
  public var limits: Limits
  public var rates: [Rate]
  public var budgets: [Budget]
  public var isolation: IsolationDemand

  /// The manifest's digest names the tool version everywhere.
  public var digest: SHA256Digest { .of(json) }

  /// Bounds of one run.
  public struct Limits: Sendable, Hashable {
    /// In units of 10,000 interrupt polls of the engine.
    public var fuel: Int64 = 10_000
    /// Bytes.
    public var memory: Int64 = 64 << 20
    /// Bytes.
    public var stack: Int64 = 1 << 20
    /// Host calls.
    public var calls: Int64 = 1000
    /// Seconds of computing between two host calls, by the wall clock.
    public var seconds: Int64 = 10

    public static let fuelRange: ClosedRange<Int64> = 1...1_000_000
    public static let memoryRange: ClosedRange<Int64> = (1 << 20)...(256 << 20)
    public static let stackRange: ClosedRange<Int64> = (32 << 10)...(1 << 20)
    public static let callsRange: ClosedRange<Int64> = 0...10_000
    public static let secondsRange: ClosedRange<Int64> = 1...300

    public init() {}

    /// All of them, written out.
    public var json: JSON {
      [
        "fuel": .integer(fuel), "memory": .integer(memory), "stack": .integer(stack), "calls": .integer(calls),
        "seconds": .integer(seconds),
      ]
    }
  }

  /// At most so many calls of a method in any such period, by all runs of this tool in one community.
  public struct Rate: Sendable, Hashable {
    public var method: String
    public var count: Int64
    /// Seconds.
    public var period: Int64

    public init(method: String, count: Int64, period: Int64) {
      self.method = method
      self.count = count
      self.period = period
    }
  }

  /// At most so much spent in any such period, by all runs of this tool in one community.
  public struct Budget: Sendable, Hashable {
    public enum Unit: String, Sendable, Hashable, CaseIterable {
      case tokens
      /// Millionths of a US dollar.
      case microusd
    }
    public var unit: Unit
    public var limit: Int64
    /// Seconds.
    public var period: Int64

    public init(unit: Unit, limit: Int64, period: Int64) {
      self.unit = unit
      self.limit = limit
      self.period = period
    }
  }

  /// Where it may run.
  public struct IsolationDemand: Sendable, Hashable {
    /// `jail`, `gvisor` or `inprocess`; the last is no boundary, and the owners who sign the manifest accept that.
    public var backend: String
    /// Whether everything that the backend knows must hold; otherwise what is missing is recorded and the run goes on.
    public var isFullRequired: Bool

    public init(backend: String, isFullRequired: Bool) {
      self.backend = backend
      self.isFullRequired = isFullRequired
    }
  }

  public static let maxGrants = 64
  public static let maxSecrets = 32
  public static let maxMeters = 32
  public static let backends: Set<String> = ["jail", "gvisor", "inprocess"]
  /// Seconds: 400 days.
  public static let longestPeriod: Int64 = 400 * 86_400

  public init(
    name: String, version: String, description: String = "", source: SHA256Digest, input: JSON? = nil,
    uses: [Grant] = [], secrets: [String] = [], limits: Limits = Limits(), rates: [Rate] = [], budgets: [Budget] = [],
    isolation: IsolationDemand = IsolationDemand(backend: "jail", isFullRequired: false)
  ) {
    self.name = name
    self.version = version
    self.description = description
    self.source = source
    self.input = input
    self.uses = uses
    self.secrets = secrets
    self.limits = limits
    self.rates = rates
    self.budgets = budgets
    self.isolation = isolation
  }

  public init(json: JSON, path: String = "manifest") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    name = try reader.name("name")
    version = try Self.version(&reader)
    description = try reader.optionalString("description", maxBytes: 1024) ?? ""
    source = try reader.digest("source")
    input = reader.optionalJSON("input")
    if let input, input.object == nil {
      throw FieldError(field: reader.pathOf("input"), expected: "a JSON Schema object", actual: input.summary)
    }
    var uses: [Grant] = []
    for (index, value) in (try reader.optionalArray("uses", maxCount: Self.maxGrants) ?? []).enumerated() {
      uses.append(try Grant(json: value, path: "\(reader.pathOf("uses"))[\(index)]"))
    }
    self.uses = uses
    secrets = json["secrets"] != nil ? try reader.names("secrets", maxCount: Self.maxSecrets) : []
    var limits = Limits()
    if var object = try reader.optionalObject("limits") {
      limits.fuel = try object.optionalInteger("fuel", in: Limits.fuelRange) ?? limits.fuel
      limits.memory = try object.optionalInteger("memory", in: Limits.memoryRange) ?? limits.memory
      limits.stack = try object.optionalInteger("stack", in: Limits.stackRange) ?? limits.stack
      limits.calls = try object.optionalInteger("calls", in: Limits.callsRange) ?? limits.calls
      limits.seconds = try object.optionalInteger("seconds", in: Limits.secondsRange) ?? limits.seconds
      try object.finish()
    }
    self.limits = limits
    var rates: [Rate] = []
    for (index, value) in (try reader.optionalArray("rates", maxCount: Self.maxMeters) ?? []).enumerated() {
      var object = try ObjectReader(value, path: "\(reader.pathOf("rates"))[\(index)]")
      rates.append(
        Rate(
          method: try object.string("method", maxBytes: 64), count: try object.integer("count", in: 1...1_000_000_000),
          period: try object.integer("period", in: 1...Self.longestPeriod)))
      try object.finish()
    }
    self.rates = rates
    var budgets: [Budget] = []
    for (index, value) in (try reader.optionalArray("budgets", maxCount: Self.maxMeters) ?? []).enumerated() {
      budgets.append(try Budget(json: value, path: "\(reader.pathOf("budgets"))[\(index)]"))
    }
    self.budgets = budgets
    isolation = IsolationDemand(backend: "jail", isFullRequired: false)
    if var object = try reader.optionalObject("isolation") {
      let backend = try object.optionalString("backend", maxBytes: 32) ?? "jail"
      guard Self.backends.contains(backend) else {
        throw FieldError(
          field: object.pathOf("backend"), expected: "one of \(Self.backends.sorted())",
          actual: JSON.string(backend).summary)
      }
      isolation = IsolationDemand(
        backend: backend, isFullRequired: try object.optionalBool("full", default: false))
      try object.finish()
      guard backend != "inprocess" || !isolation.isFullRequired else {
        throw FieldError(
          field: object.pathOf("full"), expected: "false where there is no boundary", actual: "true")
      }
    }
    try reader.finish()
  }

  /// The canonical form, with every default written out.
  public var json: JSON {
    var object: JSONObject = [
      "name": .string(name), "version": .string(version), "description": .string(description),
      "source": .string(source.hex), "uses": .array(uses.map(\.json)), "secrets": .array(secrets.map(JSON.string)),
      "limits": limits.json,
      "rates": .array(
        rates.map {
          ["method": .string($0.method), "count": .integer($0.count), "period": .integer($0.period)]
        }),
      "budgets": .array(budgets.map(\.json)),
      "isolation": ["backend": .string(isolation.backend), "full": .bool(isolation.isFullRequired)],
    ]
    object["input"] = input
    return .object(object)
  }

  /// Whether some grant covers a call with these facts.
  public func permits(_ method: String, facts: [String: String]) -> Bool {
    uses.contains { $0.permits(method, facts: facts) }
  }

  /// The member `version` of a manifest, or of an action about one.
  static func version(_ reader: inout ObjectReader) throws(FieldError) -> String {
    let version = try reader.string("version", maxBytes: 32)
    guard !version.isEmpty, version.utf8.allSatisfy(isVersionByte) else {
      throw FieldError(
        field: reader.pathOf("version"), expected: "1-32 of 0-9 A-Z a-z . + -", actual: JSON.string(version).summary)
    }
    return version
  }

  private static func isVersionByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || ".+-".utf8.contains(byte)
  }
}

extension ToolManifest.Budget {
  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let text = try reader.string("unit", maxBytes: 16)
    guard let unit = Unit(rawValue: text) else {
      throw FieldError(
        field: reader.pathOf("unit"), expected: "one of \(Unit.allCases.map(\.rawValue))",
        actual: JSON.string(text).summary)
    }
    self.unit = unit
    limit = try reader.integer("limit", in: 0...JSON.maxSafeInteger)
    period = try reader.integer("period", in: 1...ToolManifest.longestPeriod)
    try reader.finish()
  }

  public var json: JSON { ["unit": .string(unit.rawValue), "limit": .integer(limit), "period": .integer(period)] }
}
