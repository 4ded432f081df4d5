/// The name of one check of evidence, for example `snp.debug`. Names are stable; the browser's verifier uses the same.
///
/// Each kind of evidence declares its own as static members beside the verifier that makes them.
public struct CheckID: Sendable, Hashable {
  /// `<kind>.<what>`, lower case with `-`.
  public let name: String
  /// What holds when the check passes, in plain words.
  public let title: String

  public init(_ name: String, _ title: String) {
    self.name = name
    self.title = title
  }

  /// The same check of one member of a combination: `<kind>/<name>`.
  func of(_ kind: EvidenceKind) -> CheckID { CheckID("\(kind.rawValue)/\(name)", "\(kind.rawValue): \(title)") }

  public static func == (left: CheckID, right: CheckID) -> Bool { left.name == right.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
