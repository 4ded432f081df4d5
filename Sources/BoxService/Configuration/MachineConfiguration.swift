import Attestation
import CanonicalJSON
import TrustedPlatform

/// `attestation` in `box.json`: the machine that vouches for the box. Each platform has members of its own, and those of another
/// are refused.
public struct MachineConfiguration: Sendable, Hashable {
  public enum Platform: Sendable, Hashable {
    /// A TPM 2.0 and, where it has any, the certificates of its attestation key.
    case tpm(tcti: String, certificates: String? = nil)
    /// A confidential VM of Azure: its virtual TPM, AMD's certificates, or the quote over its TDX report.
    case azure(tcti: String, certificates: String? = nil, trustDomainQuote: String? = nil)
    /// An AMD SEV-SNP guest and, where the host has none, AMD's certificates.
    case snp(interface: SNPCollector.Interface, certificates: String? = nil)
    /// An Intel trust domain.
    case tdx
    /// An AWS Nitro enclave.
    case nitroEnclave

    /// The kind of its evidence, whose name is the platform's.
    public var kind: EvidenceKind {
      switch self {
      case .tpm: .tpm
      case .azure: .azure
      case .snp: .snp
      case .tdx: .tdx
      case .nitroEnclave: .nitroEnclave
      }
    }

    var tcti: String? {
      switch self {
      case .tpm(let tcti, _), .azure(let tcti, _, _): tcti
      case .snp, .tdx, .nitroEnclave: nil
      }
    }
  }

  /// What a box can be told to rest on.
  public static let kinds: [EvidenceKind] = [.tpm, .azure, .snp, .tdx, .nitroEnclave]
  private static let addresses = "device:/dev/tpmrm0, or swtpm:path=/... for a software TPM"

  public var platform: Platform
  /// Further platforms of the same machine, at most three, each of another kind: their evidence stands beside the first one's.
  public var with: [Platform]

  public init(_ platform: Platform, with: [Platform] = []) {
    self.platform = platform
    self.with = with
  }

  /// The platforms in the order in which they are written.
  public var platforms: [Platform] { [platform] + with }

  /// How its TPM is reached; nil where it has none.
  public var tcti: String? { platforms.lazy.compactMap(\.tcti).first }

  /// The members that a platform takes beside `platform`, in the order in which they are named to people.
  static func members(of kind: EvidenceKind) -> [String] {
    switch kind {
    case .tpm: ["tcti", "certificates"]
    case .azure: ["tcti", "certificates", "tdQuote"]
    case .snp: ["interface", "certificates"]
    default: []
    }
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    var with: [Platform] = []
    let limit = CombinedEvidence.memberCount.upperBound - 1
    for (index, json) in (try reader.optionalArray("with", maxCount: limit) ?? []).enumerated() {
      var member = try ObjectReader(json, path: "\(reader.pathOf("with"))[\(index)]")
      with.append(try Self.platform(&member))
    }
    platform = try Self.platform(&reader)
    self.with = with
    for (index, other) in with.enumerated() where platforms.prefix(index + 1).contains(where: { $0.kind == other.kind })
    {
      throw FieldError(
        field: "\(reader.pathOf("with"))[\(index)].platform", expected: "a platform that is not named before",
        actual: JSON.string(other.kind.rawValue).summary)
    }
  }

  /// One platform with its members, and nothing else.
  private static func platform(_ reader: inout ObjectReader) throws(FieldError) -> Platform {
    let name = try reader.string("platform", maxBytes: 32)
    guard let kind = EvidenceKind(rawValue: name), Self.kinds.contains(kind) else {
      throw FieldError(
        field: reader.pathOf("platform"), expected: Self.kinds.map(\.rawValue).joined(separator: ", "),
        actual: JSON.string(name).summary)
    }
    let platform: Platform =
      switch kind {
      case .azure:
        .azure(
          tcti: try Self.tcti(&reader), certificates: try Self.path("certificates", &reader),
          trustDomainQuote: try Self.path("tdQuote", &reader))
      case .snp: .snp(interface: try Self.interface(&reader), certificates: try Self.path("certificates", &reader))
      case .tdx: .tdx
      case .nitroEnclave: .nitroEnclave
      default: .tpm(tcti: try Self.tcti(&reader), certificates: try Self.path("certificates", &reader))
      }
    // A member of another platform gets an answer that says so.
    let own = Self.members(of: kind)
    for other in ["tcti", "interface", "certificates", "tdQuote"] where !own.contains(other) {
      guard let value = reader.optionalJSON(other) else { continue }
      throw FieldError(
        field: reader.pathOf(other),
        expected: own.isEmpty
          ? "nothing: \(name) takes no member but platform" : "nothing: \(name) takes \(own.joined(separator: ", "))",
        actual: value.summary)
    }
    try reader.finish()
    return platform
  }

  private static func tcti(_ reader: inout ObjectReader) throws(FieldError) -> String {
    guard let text = try reader.optionalString("tcti", maxBytes: 256) else {
      throw FieldError(field: reader.pathOf("tcti"), expected: addresses, actual: "nothing")
    }
    guard (try? TPMAddress(text)) != nil else {
      throw FieldError(field: reader.pathOf("tcti"), expected: addresses, actual: JSON.string(text).summary)
    }
    return text
  }

  private static func interface(_ reader: inout ObjectReader) throws(FieldError) -> SNPCollector.Interface {
    let text = try reader.optionalString("interface", maxBytes: 32)
    guard let interface = text.flatMap(SNPCollector.Interface.init(rawValue:)) else {
      throw FieldError(
        field: reader.pathOf("interface"),
        expected: "configfs (Linux 6.7 and later), or device for /dev/sev-guest",
        actual: text.map { JSON.string($0).summary } ?? "nothing")
    }
    return interface
  }

  /// A relative path would depend on where the box was started from.
  private static func path(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> String? {
    guard let text = try reader.optionalString(name, maxBytes: 1024) else { return nil }
    guard text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw FieldError(
        field: reader.pathOf(name), expected: "the absolute path of a file", actual: JSON.string(text).summary)
    }
    return text
  }

  var json: JSON {
    var object = Self.object(platform)
    if !with.isEmpty { object["with"] = .array(with.map { .object(Self.object($0)) }) }
    return .object(object)
  }

  private static func object(_ platform: Platform) -> JSONObject {
    var object: JSONObject = ["platform": .string(platform.kind.rawValue)]
    switch platform {
    case .tpm(let tcti, let certificates):
      object["tcti"] = .string(tcti)
      object["certificates"] = certificates.map { .string($0) }
    case .azure(let tcti, let certificates, let quote):
      object["tcti"] = .string(tcti)
      object["certificates"] = certificates.map { .string($0) }
      object["tdQuote"] = quote.map { .string($0) }
    case .snp(let interface, let certificates):
      object["interface"] = .string(interface.rawValue)
      object["certificates"] = certificates.map { .string($0) }
    case .tdx, .nitroEnclave: break
    }
    return object
  }
}
