public import CanonicalJSON
import Cryptography

/// Which genuine SNP guests are acceptable (docs/attestation/sev-snp.md). A guest that its host may debug never is: there is
/// no word for it.
public struct SNPPolicy: PlatformPolicy {
  public enum Limits {
    public static let values = 64
  }

  let products: Accepted<SNPProduct>
  let signingKeys: Accepted<SNPReport.SigningKey>
  let providers: Accepted<ExactText>
  let vmpls: Accepted<Int64>
  let minimumTCB: MinimumTCB
  let minimumFirmware: SNPReport.Firmware?
  let minimumGuestSVN: Int64?
  let guestPolicy: SNPGuestPolicyDemands?
  let platform: SNPPlatformDemands?
  /// Numbers of bits that the mitigation vectors must have.
  let mitigations: Set<Int64>?
  let chips: Accepted<[UInt8]>
  let familyIDs: Accepted<[UInt8]>
  let imageIDs: Accepted<[UInt8]>
  let hostData: Accepted<[UInt8]>
  let idKeys: Accepted<[UInt8]>
  let authorKeys: Accepted<[UInt8]>
  public let members: JSONObject

  enum MinimumTCB: Sendable, Hashable {
    case any
    /// A product that is absent has no minimum that it could reach.
    case of([SNPProduct: SNPTCB])
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    var written = JSONObject()
    products = try reader.accepted("products", &written) { SNPProduct(rawValue: $0) }
    signingKeys = try reader.accepted("signingKeys", &written) { SNPReport.SigningKey(rawValue: $0) }
    providers = try reader.accepted("providers", &written) { (1...256).contains($0.utf8.count) ? ExactText($0) : nil }
    vmpls = try reader.accepted("vmpl", in: 0...3, &written)
    minimumTCB = try Self.minimumTCB(&reader, &written)
    minimumFirmware = try Self.minimumFirmware(&reader, &written)
    minimumGuestSVN = try reader.minimum("minimumGuestSVN", in: 0...Int64(UInt32.max), &written)
    guestPolicy = try reader.anyOr("guestPolicy", &written) { json, path throws(FieldError) in
      try SNPGuestPolicyDemands(json: json, path: path)
    }
    platform = try reader.anyOr("platform", &written) { json, path throws(FieldError) in
      try SNPPlatformDemands(json: json, path: path)
    }
    switch try reader.accepted("mitigations", in: 0...63, &written) as Accepted<Int64> {
    case .any: mitigations = nil
    case .only(let bits): mitigations = bits
    }
    chips = try reader.accepted("chips", &written) { Hex.decode($0).flatMap { [8, 64].contains($0.count) ? $0 : nil } }
    familyIDs = try reader.accepted("familyIDs", bytes: 16, &written)
    imageIDs = try reader.accepted("imageIDs", bytes: 16, &written)
    hostData = try reader.accepted("hostData", bytes: 32, &written)
    idKeys = try reader.accepted("idKeys", bytes: 48, &written)
    authorKeys = try reader.accepted("authorKeys", bytes: 48, &written)
    members = written
  }

  private static func minimumTCB(
    _ reader: inout ObjectReader, _ written: inout JSONObject
  ) throws(FieldError) -> MinimumTCB {
    let minimums = try reader.anyOr("minimumTCB", &written) {
      json, path throws(FieldError) -> [SNPProduct: SNPTCB] in
      guard let object = json.object, !object.isEmpty else {
        throw FieldError(
          field: path, expected: "any, or an object with a member for each product", actual: json.summary)
      }
      var minimums: [SNPProduct: SNPTCB] = [:]
      for (name, json) in object {
        guard let product = SNPProduct(rawValue: name) else {
          throw FieldError(
            field: path, expected: SNPProduct.allCases.map(\.rawValue).joined(separator: ", "),
            actual: JSON.string(name).summary)
        }
        minimums[product] = try SNPTCB(json: json, of: product, path: "\(path).\(name)")
      }
      return minimums
    }
    return minimums.map { .of($0) } ?? .any
  }

  private static func minimumFirmware(
    _ reader: inout ObjectReader, _ written: inout JSONObject
  ) throws(FieldError) -> SNPReport.Firmware? {
    try reader.anyOr("minimumFirmware", &written) { json, path throws(FieldError) -> SNPReport.Firmware in
      var reader = try ObjectReader(json, path: path)
      let major = UInt8(truncatingIfNeeded: try reader.integer("major", in: 0...255))
      let minor = UInt8(truncatingIfNeeded: try reader.integer("minor", in: 0...255))
      let build = UInt8(truncatingIfNeeded: try reader.integer("build", in: 0...255))
      try reader.finish()
      return SNPReport.Firmware(major: major, minor: minor, build: build)
    }
  }

  public var rules: [any AppraisalRule<SNPClaims>] {
    SNPNoDebugRule()
    SNPMembershipRule(.snpAcceptedProduct, products) { $0.product }
    SNPMembershipRule(.snpSigningKey, signingKeys) { $0.report.signingKey }
    SNPMembershipRule(.snpProvider, providers) { $0.provider.map(ExactText.init) }
    SNPMembershipRule(.snpVMPL, vmpls) { Int64($0.report.vmpl) }
    SNPMinimumTCBRule(minimumTCB)
    SNPMinimumRule(.snpFirmware, minimumFirmware) { $0.report.committedFirmware }
    SNPMinimumRule(.snpGuestSVN, minimumGuestSVN) { Int64($0.report.guestSVN) }
    SNPGuestPolicyRule(guestPolicy)
    SNPPlatformRule(platform)
    SNPMitigationsRule(mitigations)
    SNPMembershipRule(.snpAcceptedChip, chips) { $0.hardwareID }
    SNPMembershipRule(.snpFamilyID, familyIDs) { $0.report.familyID }
    SNPMembershipRule(.snpImageID, imageIDs) { $0.report.imageID }
    SNPMembershipRule(.snpHostData, hostData) { $0.report.hostData }
    SNPMembershipRule(.snpIDKey, idKeys) { $0.report.idKeyDigest }
    SNPMembershipRule(.snpAuthorKey, authorKeys) { $0.report.authorKeyDigest }
  }
}
