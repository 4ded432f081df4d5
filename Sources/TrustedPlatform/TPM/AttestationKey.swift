public import Attestation
import CTPM

/// A restricted signing key: it signs what the TPM itself composed, and nothing that it is given.
///
/// It is a primary key of the owner's hierarchy, derived from a fixed template and kept at a persistent handle, so it is the
/// same key after every restart, and again if somebody evicts it. Only clearing the TPM (TPM2_Clear) ends it.
public struct AttestationKey: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// ECDSA P-256 with SHA-256.
    case p256
    /// RSASSA-PKCS1-v1_5, 2048 bits, with SHA-256, for verifiers that know nothing else.
    case rsa2048

    /// Where it is kept: in the owner's range of persistent handles.
    public var handle: UInt32 {
      switch self {
      case .p256: 0x8100_5AFE
      case .rsa2048: 0x8100_5AFF
      }
    }

    var number: ctpm_key {
      switch self {
      case .p256: CTPM_AK_P256
      case .rsa2048: CTPM_AK_RSA
      }
    }
  }

  /// nil for a key that somebody else made.
  public let kind: Kind?
  public let handle: UInt32
  /// Its TPMT_PUBLIC.
  public let publicArea: TPMTPublic

  /// What it is enrolled under (TPM 2.0 part 1, section 16).
  public var name: [UInt8] { publicArea.name }
}

extension TPMDevice {
  /// The attestation key; made and stored the first time.
  ///
  /// - Throws: `foreign` when another key lies at the handle: nothing is evicted that we did not make.
  public func attestationKey(_ kind: AttestationKey.Kind = .p256) async throws(TPMFailure) -> AttestationKey {
    try await perform("give its attestation key") { (connection) throws(TPMFailure) in
      try connection.attestationKey(kind)
    }
  }

  /// A key that lies at a persistent handle already, for example Azure's at 0x81000003.
  ///
  /// - Throws: `absent` when nothing lies there.
  public func persistentKey(at handle: UInt32) async throws(TPMFailure) -> AttestationKey {
    try await perform("give its key") { (connection) throws(TPMFailure) in try connection.persistentKey(at: handle) }
  }

  /// Opens what an authority encrypted to the endorsement key for the sake of exactly this attestation key
  /// (TPM2_ActivateCredential): the proof that both are in one TPM.
  ///
  /// - Parameters:
  ///   - credential: contents of the TPM2B_ID_OBJECT.
  ///   - encryptedSecret: contents of the TPM2B_ENCRYPTED_SECRET.
  /// - Returns: what the authority sealed, at most 64 bytes.
  public func activate(
    credential: [UInt8], encryptedSecret: [UInt8], endorsement: EndorsementKey.Kind = .rsa2048,
    for kind: AttestationKey.Kind = .p256
  ) async throws(TPMFailure) -> [UInt8] {
    try await perform("activate a credential") { (connection) throws(TPMFailure) in
      _ = try connection.attestationKey(kind)
      let (code, opened) = TPMConnection.filling(64) {
        ctpm_activate(
          connection.tpm, endorsement.number, kind.handle, credential, credential.count, encryptedSecret,
          encryptedSecret.count, $0, $1)
      }
      try connection.check(code)
      return opened
    }
  }
}

extension TPMConnection {
  func attestationKey(_ kind: AttestationKey.Kind) throws(TPMFailure) -> AttestationKey {
    let (code, area, name) = Self.filling(TPMTPublic.maxBytes, 66) {
      ctpm_attestation_key(tpm, kind.number, kind.handle, $0, $1, $2, $3)
    }
    try check(code)
    return AttestationKey(kind: kind, handle: kind.handle, publicArea: try publicArea(area, name: name))
  }

  func persistentKey(at handle: UInt32) throws(TPMFailure) -> AttestationKey {
    let (code, area, name) = Self.filling(TPMTPublic.maxBytes, 66) { ctpm_persistent_key(tpm, handle, $0, $1, $2, $3) }
    try check(code)
    return AttestationKey(kind: nil, handle: handle, publicArea: try publicArea(area, name: name))
  }
}
