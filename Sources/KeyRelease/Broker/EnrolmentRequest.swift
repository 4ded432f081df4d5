import Attestation
import CanonicalJSON
import Cryptography
import Governance

/// `POST /v1/enrolment/challenge`: a box shows the public areas of its TPM's keys and their certificates.
public struct EnrolmentRequest: Sendable {
  public static let maxCertificates = 8

  public let box: String
  public let attestationKey: TPMTPublic
  /// Certificates of the attestation key, leaf first; empty where it has none, and then the challenge decides.
  public let attestationCertificates: [[UInt8]]
  public let endorsementKey: TPMTPublic
  /// Certificates of the endorsement key, leaf first; empty where it has none.
  public let endorsementCertificates: [[UInt8]]

  public init(
    box: String, attestationKey: TPMTPublic, attestationCertificates: [[UInt8]], endorsementKey: TPMTPublic,
    endorsementCertificates: [[UInt8]]
  ) {
    self.box = box
    self.attestationKey = attestationKey
    self.attestationCertificates = attestationCertificates
    self.endorsementKey = endorsementKey
    self.endorsementCertificates = endorsementCertificates
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    box = try reader.string("box", maxBytes: 255)
    guard Name.isOrigin(box) else {
      throw FieldError(field: "box", expected: "the name of a box", actual: JSON.string(box).summary)
    }
    attestationKey = try TPMTPublic(try reader.base64("ak", maxBytes: TPMTPublic.maxBytes), path: "ak")
    attestationCertificates = try reader.certificates("akCertificates", maxCount: Self.maxCertificates)
    endorsementKey = try TPMTPublic(try reader.base64("ek", maxBytes: TPMTPublic.maxBytes), path: "ek")
    endorsementCertificates = try reader.certificates("ekCertificates", maxCount: Self.maxCertificates)
    try reader.finish()
  }

  public var json: JSON {
    func list(_ certificates: [[UInt8]]) -> JSON { .array(certificates.map { .string(Base64.encode($0)) }) }
    return [
      "box": .string(box), "ak": .string(Base64.encode(attestationKey.bytes)),
      "akCertificates": list(attestationCertificates), "ek": .string(Base64.encode(endorsementKey.bytes)),
      "ekCertificates": list(endorsementCertificates),
    ]
  }
}

/// Who vouches for the keys of a TPM.
public struct EnrolmentAuthorities: Sendable {
  public var anchors: [TrustAnchor]

  /// - Parameter anchors: of the purpose `tpm`, beside those that the program carries.
  public init(anchors: [TrustAnchor]) {
    self.anchors = (TrustAnchors.compiledIn.anchors + anchors).filter { $0.purpose == .tpm }
  }

  /// Who vouches for a key with these certificates, leaf first; nil for a key without any.
  ///
  /// - Parameter purpose: what the certificate must say that the key is for. A public area is the box's word: without this, a
  ///   certified key that signs anything could be shown as one that signs quotes alone.
  /// - Throws: `FieldError` for certificates of another key, for another purpose, or that lead to no anchor: a chain that is
  ///   shown must hold.
  func assurance(
    of key: TPMPublicKey, for purpose: OID, _ chain: [[UInt8]], at: Int64, field: String
  ) throws(FieldError) -> KeyEnrolment.Assurance? {
    guard let first = chain.first else { return nil }
    do {
      let leaf = try Certificate(der: first)
      guard leaf.publicKey.spkiDER == key.spkiDER else {
        throw FieldError(field: field, expected: "a certificate of this key", actual: "one of another key")
      }
      guard leaf.extendedKeyUsage?.contains(purpose) == true else {
        throw FieldError(
          field: field, expected: "a certificate for \(purpose)",
          actual: leaf.extendedKeyUsage?.map(\.description).joined(separator: ", ") ?? "one for no purpose")
      }
      var intermediates: [Certificate] = []
      for der in chain.dropFirst() { intermediates.append(try Certificate(der: der)) }
      let path = try CertificatePath.verify(
        leaf: leaf, intermediates: intermediates, anchors: anchors.map(\.certificate),
        // TPM manufacturers name the TPM in a critical subject alternative name and restrict EKs to encipherment.
        at: at, knownCriticalExtensions: [OID(2, 5, 29, 17), OID(2, 5, 29, 37)], leafUsage: [])
      let anchor = anchors.first { $0.certificate == path.anchor }
      return anchor?.assurance.isHardware == true ? .hardware : .software
    } catch let error as FieldError {
      throw error
    } catch {
      throw FieldError(field: field, expected: "certificates up to an accepted authority", actual: "\(error)")
    }
  }
}
