import CanonicalJSON

/// What one package asks of another, as in `libc6 (>= 2.34)` (policy 7.1).
struct Relation: Sendable, Hashable, CustomStringConvertible {
  enum Operator: String, Sendable, Hashable {
    case earlier = "<<"
    case atMost = "<="
    case exactly = "="
    case atLeast = ">="
    case later = ">>"
  }

  struct Bound: Sendable, Hashable {
    let comparison: Operator
    let version: DebianVersion
  }

  let name: String
  let bound: Bound?

  var description: String { name + (bound.map { " (\($0.comparison.rawValue) \($0.version))" } ?? "") }

  /// Reads alternatives, `a | b (>= 1)`. An architecture after the name (`:any`, `:amd64`) says nothing here, where all
  /// packages are of one.
  static func alternatives(_ text: Substring, path: String) throws(FieldError) -> [Relation] {
    var relations: [Relation] = []
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      relations.append(try Relation(part, path: path))
    }
    return relations
  }

  /// Reads a field: groups apart by commas, of each of which one alternative must hold.
  static func groups(_ text: String?, path: String) throws(FieldError) -> [[Relation]] {
    guard let text else { return [] }
    var groups: [[Relation]] = []
    for part in text.split(separator: ",") where !part.trimmed.isEmpty {
      groups.append(try alternatives(part, path: path))
    }
    return groups
  }

  private init(_ text: Substring, path: String) throws(FieldError) {
    let words = text.trimmed
    func wrong() -> FieldError {
      FieldError(field: path, expected: "a relation to a package", actual: JSON.string(words).summary)
    }
    let head = words.prefix { $0 != "(" && !$0.isWhitespace }
    let parts = head.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, DebianName.isPackage(String(name)) else { throw wrong() }
    self.name = String(name)
    let rest = words.dropFirst(head.count).trimmed
    guard !rest.isEmpty else {
      bound = nil
      return
    }
    guard rest.first == "(", rest.last == ")" else { throw wrong() }
    let inside = rest.dropFirst().dropLast()
    let sign = inside.trimmed.prefix { "<>=".contains($0) }
    // `<` and `>` of old packages mean `<=` and `>=`.
    let meaning = ["<": "<=", ">": ">="][String(sign)] ?? String(sign)
    guard let relation = Operator(rawValue: meaning),
      let version = DebianVersion(inside.trimmed.dropFirst(sign.count).trimmed)
    else { throw wrong() }
    bound = Bound(comparison: relation, version: version)
  }

  /// Whether a version is within the bound.
  func admits(_ version: DebianVersion) -> Bool {
    guard let bound else { return true }
    return switch bound.comparison {
    case .earlier: version < bound.version
    case .atMost: version <= bound.version
    case .exactly: version == bound.version
    case .atLeast: version >= bound.version
    case .later: version > bound.version
    }
  }
}
