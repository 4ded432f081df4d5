public import CanonicalJSON
import Cryptography

extension CheckID {
  static let policyPlatform = CheckID("policy.platform", "The policy accepts evidence of this kind")
  static let policyAssurance = CheckID("policy.assurance", "Hardware vouches, where the policy asks for hardware")
  static let policyRelease = CheckID("policy.release", "The measurements are those of an accepted release")
}

/// Which evidence is acceptable: `safebox-appraisal/v1` (docs/attestation.md). Every demand is written out.
public struct AppraisalPolicy: Sendable {
  static let format = "safebox-appraisal/v1"
  public enum Limits {
    public static let bytes = 1 << 20
    public static let releases = 64
    public static let anchors = 32
    public static let enrolled = 1024
  }

  public let name: String
  /// Whether software that plays the hardware is accepted.
  public let acceptsSoftware: Bool
  /// Roots beside those that the program carries.
  public let anchors: [TrustAnchor]
  /// Attestation keys that were enrolled one by one.
  public let enrolled: [[UInt8]: Assurance]
  /// Any software, or one of these releases: several during a roll-out.
  public let releases: Releases
  /// What is demanded of each kind, as it was written.
  let platforms: [EvidenceKind: any PlatformPolicy]

  public enum Releases: Sendable, Hashable {
    case any
    case only([Release])
  }

  /// Reads the JSON; unknown members and members left out are refused.
  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    name = try reader.string("name", maxBytes: 128)
    switch try reader.string("assurance", maxBytes: 16) {
    case "hardware": acceptsSoftware = false
    case "any": acceptsSoftware = true
    case let other:
      throw FieldError(field: "assurance", expected: "hardware or any", actual: JSON.string(other).summary)
    }
    anchors = try Self.anchors(&reader)
    enrolled = try Self.enrolled(&reader)
    releases = try Self.releases(&reader)
    platforms = try Self.platforms(try reader.json("platforms"), among: Evidence.formats, path: "platforms")
    try reader.finish()
  }

  public init(parsing bytes: [UInt8]) throws {
    try self.init(json: try JSON(parsing: bytes, limits: .document(maxBytes: Limits.bytes)))
  }

  /// `{KIND: DEMANDS}`.
  static func platforms(
    _ json: JSON, among formats: [any EvidenceFormat.Type], path: String
  ) throws(FieldError) -> [EvidenceKind: any PlatformPolicy] {
    guard let object = json.object, !object.isEmpty else {
      throw FieldError(
        field: path, expected: "an object with a member for each accepted kind", actual: json.summary)
    }
    var platforms: [EvidenceKind: any PlatformPolicy] = [:]
    for (name, value) in object {
      let format = try Evidence.format(named: name, among: formats, field: path)
      platforms[format.kind] = try platform(format, value, path: "\(path).\(name)")
    }
    return platforms
  }

  private static func platform<Format: EvidenceFormat>(
    _: Format.Type, _ json: JSON, path: String
  ) throws(FieldError) -> any PlatformPolicy {
    var reader = try ObjectReader(json, path: path)
    let policy = try Format.Policy(members: &reader)
    try reader.finish()
    return policy
  }

  private static func anchors(_ reader: inout ObjectReader) throws(FieldError) -> [TrustAnchor] {
    var anchors: [TrustAnchor] = []
    for (index, json) in try reader.array("anchors", maxCount: Limits.anchors).enumerated() {
      var member = try ObjectReader(json, path: "anchors[\(index)]")
      let name = try member.string("name", maxBytes: 128)
      let purposeText = try member.string("purpose", maxBytes: 32)
      guard let purpose = TrustAnchor.Purpose(rawValue: purposeText) else {
        throw FieldError(
          field: member.pathOf("purpose"),
          expected: TrustAnchor.Purpose.allCases.map(\.rawValue).joined(separator: ", "),
          actual: JSON.string(purposeText).summary)
      }
      let der = try member.base64("certificate", maxBytes: Certificate.maxBytes)
      let certificate: Certificate
      do throws(CryptographyError) { certificate = try Certificate(der: der) } catch {
        throw FieldError(
          field: member.pathOf("certificate"), expected: "a certificate in DER", actual: error.description)
      }
      anchors.append(
        TrustAnchor(name: name, purpose: purpose, certificate: certificate, assurance: try assurance(&member, name)))
      try member.finish()
    }
    return anchors
  }

  private static func enrolled(_ reader: inout ObjectReader) throws(FieldError) -> [[UInt8]: Assurance] {
    var enrolled: [[UInt8]: Assurance] = [:]
    for (index, json) in try reader.array("enrolled", maxCount: Limits.enrolled).enumerated() {
      var member = try ObjectReader(json, path: "enrolled[\(index)]")
      let name = try member.string("name", maxBytes: 128)
      enrolled[try member.hex("ak", count: 34...66)] = try assurance(&member, name)
      try member.finish()
    }
    return enrolled
  }

  private static func assurance(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> Assurance {
    switch try reader.string("assurance", maxBytes: 16) {
    case "hardware": return .hardware(vendor: name)
    case "software": return .software(name: name)
    case let other:
      throw FieldError(
        field: reader.pathOf("assurance"), expected: "hardware or software", actual: JSON.string(other).summary)
    }
  }

  private static func releases(_ reader: inout ObjectReader) throws(FieldError) -> Releases {
    let json = try reader.json("releases")
    if json.string == "any" { return .any }
    guard let array = json.array, (1...Limits.releases).contains(array.count) else {
      throw FieldError(
        field: "releases", expected: "any, or 1 to \(Limits.releases) releases", actual: json.summary)
    }
    var releases: [Release] = []
    for (index, json) in array.enumerated() { releases.append(try Release(json: json, path: "releases[\(index)]")) }
    return .only(releases)
  }

  /// Is it acceptable? Called for genuine evidence only.
  func appraise<Format: EvidenceFormat>(_ claims: Format.Claims, of: Format.Type, into checks: inout CheckList) {
    checks.demand([.policyPlatform, .policyAssurance, .policyRelease])
    guard let policy = platforms[Format.kind] as? Format.Policy else {
      return checks.fail(
        .policyPlatform, expected: platforms.keys.map(\.rawValue).sorted().joined(separator: ", "),
        actual: Format.kind.rawValue)
    }
    checks.pass(.policyPlatform, Format.kind.rawValue)
    switch (claims.assurance, acceptsSoftware) {
    case (.hardware(let vendor), _): checks.pass(.policyAssurance, "hardware: \(vendor)")
    case (.software(let name), true):
      checks.pass(.policyAssurance, "software: \(name), which proves nothing about hardware")
    case (.software(let name), false): checks.fail(.policyAssurance, expected: "hardware", actual: "software: \(name)")
    }
    policy.appraise(claims, into: &checks)
    switch releases {
    case .any: checks.waive(.policyRelease, because: "the policy accepts any software")
    case .only(let releases):
      Release.match(claims.measured(as: Format.kind), among: releases, into: &checks)
    }
  }
}
