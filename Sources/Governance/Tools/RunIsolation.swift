import CanonicalJSON

/// What stood between a run and the machine, as its entry records it.
public struct RunIsolation: Sendable, Hashable {
  /// `jail`, `gvisor`, `inprocess`, or a later one.
  public let backend: String
  /// Names of the layers that held, ascending.
  public let applied: [String]
  /// Names of the layers that the backend knows and could not apply, ascending.
  public let missing: [String]

  /// Names of each list.
  public static let maxNames = 64
  static let maxNameBytes = 64

  /// The lists are sorted.
  public init(backend: String, applied: some Sequence<String>, missing: some Sequence<String>) {
    self.backend = backend
    self.applied = Set(applied).sorted()
    self.missing = Set(missing).sorted()
  }

  public init(json: JSON, path: String = "isolation") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    backend = try reader.name("backend")
    applied = try Self.names("applied", &reader)
    missing = try Self.names("missing", &reader)
    try reader.finish()
    if let both = applied.first(where: missing.contains) {
      throw FieldError(field: path, expected: "a layer that is applied or missing", actual: "\(both) is both")
    }
  }

  public var json: JSON {
    [
      "backend": .string(backend), "applied": .array(applied.map(JSON.string)),
      "missing": .array(missing.map(JSON.string)),
    ]
  }

  /// True when everything that the backend knows held. Without a boundary nothing is ever full.
  public var isFull: Bool { missing.isEmpty && backend != "inprocess" }

  /// Whether it is what a manifest demands.
  public func meets(_ demand: ToolManifest.IsolationDemand) -> Bool {
    backend == demand.backend && (isFull || !demand.isFullRequired)
  }

  /// One spelling of one fact: distinct names in ascending order.
  private static func names(_ field: String, _ reader: inout ObjectReader) throws(FieldError) -> [String] {
    var names: [String] = []
    for (index, value) in try reader.array(field, maxCount: maxNames).enumerated() {
      guard let name = value.string, (1...maxNameBytes).contains(name.utf8.count),
        name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), names.last.map({ $0 < name }) ?? true
      else {
        throw FieldError(
          field: "\(reader.pathOf(field))[\(index)]",
          expected: "a name of 1-\(maxNameBytes) visible ASCII characters, in ascending order", actual: value.summary)
      }
      names.append(name)
    }
    return names
  }
}
