import CanonicalJSON
import Governance

/// What a run did, written as the least grants that permit it: for each method and each value of its first dimension one
/// grant with exactly the values seen. Taking any pattern away forbids a call that was made.
public struct LearnedGrants: Sendable {
  private struct Key: Hashable {
    var method: String
    /// The value of the first dimension; nil for a method without dimensions.
    var first: String?
  }

  private var seen: [Key: [String: Set<String>]] = [:]
  private var secretNames: Set<String> = []

  public init() {}

  /// Takes note of a call; the tool meant to make it, whatever became of it.
  public mutating func add(_ plan: HostCallPlan, method: HostMethod) {
    for facts in plan.facts {
      let key = Key(method: method.name, first: method.dimensions.first.flatMap { facts[$0] })
      var values = seen[key] ?? [:]
      for (dimension, value) in facts { values[dimension, default: []].insert(Self.pattern(for: value)) }
      seen[key] = values
    }
    secretNames.formUnion(plan.secrets)
  }

  /// Sorted by method and first value. A grant holds at most ``Grant/maxPatterns`` patterns of a dimension; more of them
  /// make further grants.
  public var grants: [JSON] {
    let keys = seen.keys.sorted { ($0.method, $0.first ?? "") < ($1.method, $1.first ?? "") }
    return keys.flatMap { key in
      let dimensions = (seen[key] ?? [:]).sorted { $0.key < $1.key }
      var grants: [JSONObject] = [["method": .string(key.method)]]
      for (dimension, values) in dimensions {
        let sorted = values.sorted()
        let parts = stride(from: 0, to: sorted.count, by: Grant.maxPatterns).map { start in
          JSON.array(sorted[start..<min(start + Grant.maxPatterns, sorted.count)].map(JSON.string))
        }
        grants = grants.flatMap { grant in
          parts.map { part in
            var grant = grant
            grant[dimension] = part
            return grant
          }
        }
      }
      return grants.map(JSON.object)
    }
  }

  /// Names of the secrets that were cited, sorted.
  public var secrets: [String] { secretNames.sorted() }

  /// The value itself. Patterns have no escape for a star and a greatest length; a value that none expresses is cut short
  /// at the last place that one can, with a star for the rest.
  static func pattern(for value: String) -> String {
    guard !value.isEmpty else { return "*" }
    let stars = value.utf8.count { $0 == UInt8(ascii: "*") }
    guard value.utf8.count > GrantPattern.maxBytes || stars > GrantPattern.maxStars else { return value }
    var text = ""
    var starsLeft = GrantPattern.maxStars - 1
    for character in value.unicodeScalars {
      if character == "*" { starsLeft -= 1 }
      guard starsLeft >= 0, text.utf8.count + UTF8.width(character) < GrantPattern.maxBytes else { break }
      text.unicodeScalars.append(character)
    }
    return text + "*"
  }
}
