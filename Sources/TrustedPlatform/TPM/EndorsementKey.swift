public import Attestation
import CTPM
import CanonicalJSON

/// The key that tells one TPM from all others and for which its maker vouches. It decrypts and cannot sign; what it proves
/// is proved by activation of a credential (TPM 2.0 part 1, section 24).
public struct EndorsementKey: Sendable, Hashable {
  /// The default templates of the TCG EK Credential Profile 2.4 (annex B.3).
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Template L-1.
    case rsa2048
    /// Template L-2.
    case p256

    /// Where the maker put the certificate (section 2.2.1.4 of the profile).
    public var certificateIndex: UInt32 {
      switch self {
      case .rsa2048: 0x01C0_0002
      case .p256: 0x01C0_000A
      }
    }

    var number: ctpm_key {
      switch self {
      case .rsa2048: CTPM_EK_RSA
      case .p256: CTPM_EK_P256
      }
    }
  }

  public let kind: Kind
  /// Its TPMT_PUBLIC.
  public let publicArea: TPMTPublic
  /// The maker's certificate, DER; nil where the TPM stores none for this kind. Not verified.
  public let certificate: [UInt8]?

  /// The certificate at the beginning of what an NV index holds: makers fill the rest up as they please.
  ///
  /// - Returns: nil where the bytes do not begin with a whole element of DER.
  static func certificate(in stored: [UInt8]) -> [UInt8]? {
    guard stored.count > 4, stored[0] == 0x30, stored[1] == 0x82 else { return nil }
    let count = 4 + Int(stored[2]) << 8 + Int(stored[3])
    return count <= stored.count ? [UInt8](stored[..<count]) : nil
  }
}

extension TPMDevice {
  /// Derives the endorsement key, which the TPM forgets again, and reads its certificate. Enrolment only: hardware takes
  /// seconds for RSA.
  public func endorsementKey(_ kind: EndorsementKey.Kind = .rsa2048) async throws(TPMFailure) -> EndorsementKey {
    try await perform("derive its endorsement key") { (connection) throws(TPMFailure) in
      let (code, area, name) = TPMConnection.filling(TPMTPublic.maxBytes, 66) {
        ctpm_endorsement_key(connection.tpm, kind.number, $0, $1, $2, $3)
      }
      try connection.check(code)
      let stored = try connection.storedBytes(at: kind.certificateIndex, maxBytes: 8192)
      return EndorsementKey(
        kind: kind, publicArea: try connection.publicArea(area, name: name),
        certificate: stored.flatMap(EndorsementKey.certificate(in:)))
    }
  }
}

extension TPMConnection {
  /// Reads a public area and holds it against the name under which the TPM has the object.
  func publicArea(_ area: [UInt8], name: [UInt8]) throws(TPMFailure) -> TPMTPublic {
    do throws(FieldError) {
      let publicArea = try TPMTPublic(area, path: "public")
      guard publicArea.name == name else {
        throw FieldError(field: "name", expected: "the digest of the public area", actual: "another")
      }
      return publicArea
    } catch {
      throw .field(operation: operation, error)
    }
  }
}
