import CanonicalJSON

/// A package by what its control fields say: one that is installed, or one that is to be.
struct PackageFacts: Sendable, Hashable {
  let name: String
  let version: DebianVersion
  let architecture: String
  /// All must hold before it is unpacked.
  let preDepends: [[Relation]]
  /// All must hold before it is configured.
  let depends: [[Relation]]
  /// None may hold. `Breaks` and `Conflicts` differ only in what happens between two states.
  let conflicts: [Relation]
  /// Names that it stands for; a bound is always `=`.
  let provides: [Relation]

  init(_ control: ControlParagraph, path: String) throws(FieldError) {
    func field(_ name: String) throws(FieldError) -> String {
      guard let text = control[name], !text.isEmpty else {
        throw FieldError(field: "\(path).\(name)", expected: "a value", actual: "nothing")
      }
      return text
    }
    name = try field("Package")
    guard DebianName.isPackage(name) else {
      throw FieldError(field: "\(path).Package", expected: "a package's name", actual: JSON.string(name).summary)
    }
    let text = try field("Version")
    guard let version = DebianVersion(text) else {
      throw FieldError(field: "\(path).Version", expected: "a version", actual: JSON.string(text).summary)
    }
    self.version = version
    architecture = try field("Architecture")
    preDepends = try Relation.groups(control["Pre-Depends"], path: "\(path).Pre-Depends")
    depends = try Relation.groups(control["Depends"], path: "\(path).Depends")
    conflicts =
      try Relation.groups(control["Breaks"], path: "\(path).Breaks").flatMap { $0 }
      + Relation.groups(control["Conflicts"], path: "\(path).Conflicts").flatMap { $0 }
    provides = try Relation.groups(control["Provides"], path: "\(path).Provides").flatMap { $0 }
  }

  /// Whether this package is what the relation asks for, by its name or one that it provides.
  func satisfies(_ relation: Relation) -> Bool {
    if name == relation.name { return relation.admits(version) }
    return provides.contains { provided in
      guard provided.name == relation.name else { return false }
      // Without a version it stands for no version (policy 7.5).
      guard relation.bound != nil else { return true }
      return provided.bound.map { relation.admits($0.version) } ?? false
    }
  }
}
