import CanonicalJSON
import Cryptography

extension Rule {
  /// Reads a rule; refuses nesting, size and delays over ``Limits``.
  public init(json: JSON, path: String = "rule") throws(FieldError) {
    var budget = Budget()
    self = try Self.read(json, path: path, depth: 1, &budget)
    guard longestDelay <= Limits.delay else {
      throw FieldError(
        field: path, expected: "time-locks that add up to at most \(Limits.delay) seconds", actual: "\(longestDelay)")
    }
  }

  /// What is left of the limits while one rule is read.
  private struct Budget {
    var nodes = Limits.nodes
    var checks = Limits.checks
    var codes = CodeRule.maxInRule
  }

  private static func read(
    _ json: JSON, path: String, depth: Int, _ budget: inout Budget
  ) throws(FieldError) -> Rule {
    budget.nodes -= 1
    guard depth <= Limits.depth, budget.nodes >= 0 else {
      throw FieldError(
        field: path, expected: "at most \(Limits.depth) levels and \(Limits.nodes) rules", actual: "more")
    }
    var reader = try ObjectReader(json, path: path)
    let name = try reader.string("rule", maxBytes: 32)
    let rule: Rule
    switch name {
    case "deny": rule = .deny
    case "automatic": rule = .automatic(try checks(&reader, &budget))
    case "single": rule = .single(committee: try reader.name("committee"))
    case "quorum": rule = .quorum(try quorum(&reader))
    case "groups": rule = .groups(try groups(&reader))
    case "timelock":
      rule = .timelock(
        Timelock(
          delay: try reader.integer("delay", in: 1...Limits.delay),
          objectors: Quorum(
            Int(try reader.integer("objections", in: 1...Int64(Constitution.Limits.signers))),
            of: try reader.name("objectors")),
          after: try read(reader.json("after"), path: reader.pathOf("after"), depth: depth + 1, &budget)))
    case "all": rule = .all(try rules(&reader, depth, &budget))
    case "any": rule = .any(try rules(&reader, depth, &budget))
    case "code": rule = .code(try code(&reader, depth, &budget))
    default:
      throw FieldError(
        field: reader.pathOf("rule"), expected: "the name of a rule", actual: JSON.string(name).summary)
    }
    try reader.finish()
    return rule
  }

  private static func checks(_ reader: inout ObjectReader, _ budget: inout Budget) throws(FieldError) -> [Check] {
    var checks: [Check] = []
    for (index, json) in try reader.array("checks", maxCount: Limits.checks).enumerated() {
      checks.append(try Check(json: json, path: "\(reader.pathOf("checks"))[\(index)]"))
    }
    budget.checks -= checks.count
    guard budget.checks >= 0 else {
      throw FieldError(
        field: reader.pathOf("checks"), expected: "at most \(Limits.checks) checks in one rule", actual: "more")
    }
    return checks
  }

  private static func quorum(_ reader: inout ObjectReader) throws(FieldError) -> Quorum {
    Quorum(
      Int(try reader.integer("threshold", in: 1...Int64(Constitution.Limits.signers))),
      of: try reader.name("committee"))
  }

  private static func groups(_ reader: inout ObjectReader) throws(FieldError) -> [Quorum] {
    var groups: [Quorum] = []
    for (index, json) in try reader.array("groups", maxCount: Limits.groups).enumerated() {
      var group = try ObjectReader(json, path: "\(reader.pathOf("groups"))[\(index)]")
      groups.append(try quorum(&group))
      try group.finish()
    }
    guard !groups.isEmpty else {
      throw FieldError(field: reader.pathOf("groups"), expected: "at least one group", actual: "none")
    }
    return groups
  }

  /// An empty `all` would always be satisfied and an empty `any` never: neither is meant by anybody.
  private static func rules(
    _ reader: inout ObjectReader, _ depth: Int, _ budget: inout Budget
  ) throws(FieldError) -> [Rule] {
    var rules: [Rule] = []
    for (index, json) in try reader.array("of", maxCount: Limits.nodes).enumerated() {
      rules.append(try read(json, path: "\(reader.pathOf("of"))[\(index)]", depth: depth + 1, &budget))
    }
    guard !rules.isEmpty else {
      throw FieldError(field: reader.pathOf("of"), expected: "at least one rule", actual: "none")
    }
    return rules
  }

  private static func code(
    _ reader: inout ObjectReader, _ depth: Int, _ budget: inout Budget
  ) throws(FieldError) -> CodeRule {
    budget.codes -= 1
    guard budget.codes >= 0 else {
      throw FieldError(
        field: reader.pathOf("source"), expected: "at most \(CodeRule.maxInRule) programs in one rule", actual: "more")
    }
    let source = try reader.string("source", maxBytes: CodeRule.maxBytes)
    let json = try reader.json("branches")
    let path = reader.pathOf("branches")
    guard let object = json.object, object.count <= Limits.nodes else {
      throw FieldError(field: path, expected: "an object of at most \(Limits.nodes) rules", actual: json.summary)
    }
    var branches: [String: Rule] = [:]
    for member in object {
      let name = try Name.checked(member.key, at: path)
      branches[name] = try read(member.value, path: "\(path).\(name)", depth: depth + 1, &budget)
    }
    return CodeRule(source: source, branches: branches)
  }

  public var json: JSON {
    switch self {
    case .deny: return ["rule": "deny"]
    case .automatic(let checks): return ["rule": "automatic", "checks": .array(checks.map(\.json))]
    case .single(let committee): return ["rule": "single", "committee": .string(committee)]
    case .quorum(let quorum):
      var object = quorum.json
      object["rule"] = "quorum"
      return .object(object)
    case .groups(let groups): return ["rule": "groups", "groups": .array(groups.map { .object($0.json) })]
    case .timelock(let lock):
      return [
        "rule": "timelock", "delay": .integer(lock.delay), "objectors": .string(lock.objectors.committee),
        "objections": .integer(Int64(lock.objectors.threshold)), "after": lock.after.json,
      ]
    case .all(let rules): return ["rule": "all", "of": .array(rules.map(\.json))]
    case .any(let rules): return ["rule": "any", "of": .array(rules.map(\.json))]
    case .code(let code):
      return [
        "rule": "code", "source": .string(code.source),
        "branches": .object(JSONObject(code.branches.map { ($0.key, $0.value.json) })),
      ]
    }
  }
}

extension Quorum {
  var json: JSONObject { ["committee": .string(committee), "threshold": .integer(Int64(threshold))] }
}
