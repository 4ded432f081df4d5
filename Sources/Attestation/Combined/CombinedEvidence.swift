public import CanonicalJSON

/// Evidence of several kinds, made for one binding: for example an SEV-SNP report and the quote of the vTPM beside it, which
/// show encrypted memory and measured boot at once. Kind `combined`.
///
///     {"format": "safebox-evidence/v1", "kind": "combined", "members": [{"kind": "sev-snp", ...}, {"kind": "tpm", ...}]}
///
/// Each member is evidence without `format`. They stand in the order of their kinds' names, so that the same evidence has one
/// form and one digest.
public struct CombinedEvidence: EvidenceFormat {
  public typealias Policy = CombinedPolicy

  public static let kind = EvidenceKind.combined
  public static let memberCount = 2...4

  /// 2 to 4 of different kinds, none of which is a combination, by the names of their kinds.
  public let parts: [Evidence]

  /// Combines evidence, in whatever order it is given.
  ///
  /// - Throws: where there are not 2 to 4 members, two are of one kind, or one is a combination itself.
  public init(_ parts: [Evidence]) throws(FieldError) {
    try Self.require(parts.count)
    let sorted = parts.sorted { $0.kind.rawValue < $1.kind.rawValue }
    if let nested = sorted.firstIndex(where: { $0.kind == .combined }) {
      throw FieldError(
        field: "members[\(nested)].kind", expected: "evidence that is no combination", actual: Self.kind.rawValue)
    }
    for (index, part) in sorted.enumerated().dropFirst() {
      try Self.require(part.kind, at: index, after: sorted[index - 1].kind)
    }
    self.parts = sorted
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    let array = try reader.array("members", maxCount: Self.memberCount.upperBound)
    try Self.require(array.count, field: reader.pathOf("members"))
    var parts: [Evidence] = []
    for (index, json) in array.enumerated() {
      var member = try ObjectReader(json, path: "\(reader.pathOf("members"))[\(index)]")
      let part = try Evidence(members: &member, among: Evidence.memberFormats)
      if let last = parts.last { try Self.require(part.kind, at: index, after: last.kind) }
      parts.append(part)
    }
    self.parts = parts
  }

  private static func require(_ count: Int, field: String = "members") throws(FieldError) {
    guard memberCount.contains(count) else {
      throw FieldError(
        field: field, expected: "\(memberCount.lowerBound) to \(memberCount.upperBound) members", actual: "\(count)")
    }
  }

  /// Each kind once, and in one order.
  private static func require(
    _ kind: EvidenceKind, at index: Int, after last: EvidenceKind
  ) throws(FieldError) {
    guard last.rawValue < kind.rawValue else {
      throw FieldError(
        field: "members[\(index)].kind", expected: "a kind whose name comes after \(last.rawValue)",
        actual: kind.rawValue)
    }
  }

  public var members: JSONObject { ["members": .array(parts.map { .object($0.members) })] }

  /// Nobody hands combinations out but this program.
  public static func recognise(_: RawEvidence) throws(FieldError) -> CombinedEvidence? { nil }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> CombinedClaims? {
    CombinedVerifier.verify(parts, in: context, into: &checks)
  }

  public var unverifiedRegisters: [String: [UInt8]] {
    var registers: [String: [UInt8]] = [:]
    for part in parts {
      for (name, value) in part.content.unverifiedRegisters { registers["\(part.kind.rawValue).\(name)"] = value }
    }
    return registers
  }

  public var explanation: [EvidenceLine] {
    parts.flatMap { part in
      part.content.explanation.map { EvidenceLine("\(part.kind.rawValue)/\($0.name)", $0.value) }
    }
  }
}

extension Sequence<EvidenceKind> {
  /// Their names as people read them, for example `sev-snp and tpm`.
  var text: String { map(\.rawValue).sorted().joined(separator: " and ") }
}
