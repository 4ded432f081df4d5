public import CanonicalJSON
public import Cryptography

/// Evidence of any kind: `safebox-evidence/v1`, or the raw form in which a platform hands it out.
public struct Evidence: Sendable {
  /// The greatest size of a file of evidence, in bytes.
  public static let maxBytes = 4 << 20
  static let format = "safebox-evidence/v1"

  /// Every kind that this program can read, in the order in which raw forms are tried.
  public static let formats: [any EvidenceFormat.Type] = memberFormats + [CombinedEvidence.self]

  /// Those that a combination can have as members: every other.
  static let memberFormats: [any EvidenceFormat.Type] = [
    TDXEvidence.self,
    AzureEvidence.self,
    SNPEvidence.self,
    GCPEvidence.self,
    NitroTPMEvidence.self,
    NitroEvidence.self,
    NVIDIAEvidence.self,
    TPMEvidence.self,
  ]

  public let content: any EvidenceFormat

  public init(_ content: any EvidenceFormat) { self.content = content }

  public var kind: EvidenceKind { type(of: content).kind }

  /// The members of a combination; of any other kind, the evidence itself.
  public var parts: [Evidence] { (content as? CombinedEvidence)?.parts ?? [self] }

  /// Its kind, or those of its members, as people read it: `tpm`, `sev-snp and tpm`.
  public var title: String { parts.map(\.kind).text }

  /// Reads a file: `safebox-evidence/v1`, or a raw form with what belongs to it beside it.
  public init(reading file: RawEvidence) throws(FieldError) {
    guard file.bytes.count <= Self.maxBytes else {
      throw FieldError(
        field: "", expected: "at most \(Self.maxBytes) bytes of evidence", actual: "\(file.bytes.count) bytes")
    }
    if let json = try? JSON(parsing: file.bytes, limits: .document(maxBytes: Self.maxBytes)),
      json["format"]?.string == Self.format
    {
      self = try Self(json: json)
      return
    }
    for format in Self.formats {
      if let content = try Self.recognise(format, file) {
        self.init(content)
        return
      }
    }
    throw FieldError(
      field: "", expected: "\(Self.format), or evidence in a form that a platform hands out",
      actual: Self.nature(of: file.bytes))
  }

  /// What people take for evidence and hand over by itself, or how long it is.
  private static func nature(of bytes: [UInt8]) -> String {
    if EventLog.isMarked(bytes) { return "an event log, which nobody signs: give it beside the quote of its registers" }
    // Versions 3 to 5 of Intel's quotes with ECDSA, of an enclave.
    let start = [UInt8](bytes.prefix(8))
    if start.count == 8, (3...5).contains(start[0]), Array(start[1...]) == [0, 2, 0, 0, 0, 0, 0] {
      return "a quote of an SGX enclave, which is no kind of evidence here"
    }
    return "\(bytes.count) bytes of something else"
  }

  private static func recognise<Content: EvidenceFormat>(
    _: Content.Type, _ file: RawEvidence
  ) throws(FieldError) -> (any EvidenceFormat)? {
    try Content.recognise(file)
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    try self.init(members: &reader, among: Self.formats)
  }

  /// Reads `kind` and the members that this kind has, and nothing else.
  init(members reader: inout ObjectReader, among formats: [any EvidenceFormat.Type]) throws(FieldError) {
    let name = try reader.string("kind", maxBytes: 64)
    let format = try Self.format(named: name, among: formats, field: reader.pathOf("kind"))
    content = try Self.read(format, &reader)
    try reader.finish()
  }

  static func format(
    named name: String, among formats: [any EvidenceFormat.Type], field: String
  ) throws(FieldError) -> any EvidenceFormat.Type {
    for format in formats where format.kind.rawValue == name { return format }
    throw FieldError(
      field: field, expected: formats.map { $0.kind.rawValue }.joined(separator: ", "),
      actual: JSON.string(name).summary)
  }

  private static func read<Content: EvidenceFormat>(
    _: Content.Type, _ reader: inout ObjectReader
  ) throws(FieldError) -> any EvidenceFormat {
    try Content(members: &reader)
  }

  public var json: JSON {
    var object = members
    object["format"] = .string(Self.format)
    return .object(object)
  }

  /// What ``init(members:among:)`` reads.
  var members: JSONObject {
    var object = content.members
    object["kind"] = .string(kind.rawValue)
    return object
  }

  /// SHA-256 of the RFC 8785 form: the name of the evidence in entries and receipts.
  public var digest: SHA256Digest { SHA256.hash(json.canonicalBytes()) }

  /// What genuine evidence says, whoever may accept it; nil where it is not genuine.
  public func verified(binding: Binding, at: Int64, anchors: TrustAnchors) -> (any EvidenceClaims)? {
    content.verified(in: VerificationContext(anchors: anchors, at: at, binding: binding))
  }

  /// Whether it is genuine and acceptable.
  ///
  /// - Parameters:
  ///   - at: Unix milliseconds.
  ///   - anchors: what the policy's own anchors are added to.
  public func appraised(
    by policy: AppraisalPolicy, binding: Binding, at: Int64, anchors: TrustAnchors = .compiledIn
  ) -> AttestationReport {
    var trusted = anchors
    trusted.anchors += policy.anchors
    trusted.enrolled.merge(policy.enrolled) { old, _ in old }
    return content.appraised(by: policy, in: VerificationContext(anchors: trusted, at: at, binding: binding))
  }
}

extension EvidenceFormat {
  func verified(in context: VerificationContext) -> (any EvidenceClaims)? {
    var checks = CheckList()
    guard let claims = verify(in: context, into: &checks), checks.succeeds else { return nil }
    return claims
  }

  func appraised(by policy: AppraisalPolicy, in context: VerificationContext) -> AttestationReport {
    var checks = CheckList()
    guard let claims = verify(in: context, into: &checks), checks.holds else {
      return AttestationReport(kind: Self.kind, checks: checks, claims: nil)
    }
    policy.appraise(claims, of: Self.self, into: &checks)
    return AttestationReport(kind: Self.kind, checks: checks, claims: claims)
  }
}
