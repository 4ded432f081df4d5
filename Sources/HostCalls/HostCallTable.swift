import CanonicalJSON

/// All methods of `Protocol` that a family answers, by name. What it lists is the same on every box: the manifest decides
/// what a tool may do, not what exists.
public struct HostCallTable: Sendable {
  /// Sorted by name.
  public let methods: [HostMethod]
  private let families: [String: any HostCall]
  private let byName: [String: HostMethod]

  /// A method that two families claim is a programming error.
  public init(_ families: [any HostCall]) {
    var byName: [String: HostMethod] = [:]
    var owners: [String: any HostCall] = [:]
    for family in families {
      for method in family.methods {
        precondition(byName[method.name] == nil, "two families claim \(method.name)")
        byName[method.name] = method
        owners[method.name] = family
      }
    }
    self.byName = byName
    self.families = owners
    methods = byName.values.sorted { $0.name < $1.name }
  }

  /// The method of that name, as in `HTTP.get`.
  public subscript(method: String) -> HostMethod? { byName[method] }

  /// What a call would do; see ``HostCall/plan(_:arguments:in:)``. An unknown method is `bad_argument`.
  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    guard let family = families[method] else {
      throw HostCallError("bad_argument", "\(JSON.string(method).summary) names no method")
    }
    return try family.plan(method, arguments: arguments, in: context)
  }

  /// For documentation and agents: an array in the order of the names.
  public var json: JSON {
    .array(
      methods.map { method in
        [
          "method": .string(method.name), "class": .string(method.effect.rawValue),
          "dimensions": .array(method.dimensions.map(JSON.string)), "arguments": method.schema,
          "summary": .string(method.summary),
        ]
      })
  }
}
