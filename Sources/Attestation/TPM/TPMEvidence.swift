public import CanonicalJSON
import Cryptography

/// A quote of a TPM 2.0 with the public area and the certificates of its attestation key, the register values, and the logs
/// that explain them.
public struct TPMEvidence: EvidenceFormat {
  public typealias Policy = TPMPolicy

  public static let kind = EvidenceKind.tpm

  /// TPMT_PUBLIC, TPM2B_PUBLIC, or the bare key as SubjectPublicKeyInfo; nil where the form it came in has none.
  public var key: [UInt8]?
  /// The public area of the key below which the attestation key was made, in either of the first two forms; nil where it is a
  /// primary key, or its parent is not known.
  public var parent: [UInt8]?
  /// The attestation key's certificate first, then intermediates, DER. May be empty: the key may be enrolled.
  public var certificates: [[UInt8]]
  /// TPMS_ATTEST.
  public var quote: [UInt8]
  /// TPMT_SIGNATURE.
  public var signature: [UInt8]
  public var pcrs: [PCRBank]
  public var logs: MeasurementLogs

  public init(
    key: [UInt8]?, parent: [UInt8]? = nil, certificates: [[UInt8]] = [], quote: [UInt8], signature: [UInt8],
    pcrs: [PCRBank], logs: MeasurementLogs = MeasurementLogs()
  ) {
    self.key = key
    self.parent = parent
    self.certificates = certificates
    self.quote = quote
    self.signature = signature
    self.pcrs = pcrs
    self.logs = logs
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    key = try reader.optionalBase64("akPublic", maxBytes: TPMTPublic.maxBytes + 2)
    parent = try reader.optionalBase64("akParent", maxBytes: TPMTPublic.maxBytes + 2)
    certificates = try reader.certificates("akCertificates")
    quote = try reader.base64("quote", maxBytes: TPMQuote.maxBytes)
    signature = try reader.base64("signature", maxBytes: TPMTSignature.maxBytes + 16)
    pcrs = try PCRBank.banks(try reader.json("pcrs"), path: reader.pathOf("pcrs"))
    logs = try MeasurementLogs(members: &reader)
  }

  public var members: JSONObject {
    var object = logs.members
    if let key { object["akPublic"] = .string(Base64.encode(key)) }
    if let parent { object["akParent"] = .string(Base64.encode(parent)) }
    object["akCertificates"] = .array(certificates.map { .string(Base64.encode($0)) })
    object["quote"] = .string(Base64.encode(quote))
    object["signature"] = .string(Base64.encode(signature))
    object["pcrs"] = PCRBank.json(pcrs)
    return object
  }

  /// Checks: the key can be read and has the right attributes; somebody trusted vouches for it; the quote
  /// (``TPMQuoteVerifier``); that the public area is the signer's; the logs against the quoted registers.
  public func verify(in context: VerificationContext, into checks: inout CheckList) -> TPMClaims? {
    checks.demand([.tpmKey, .tpmKeyTrust] + TPMQuoteVerifier.checks)
    guard let key = readKey(&checks) else { return nil }
    var area: TPMTPublic?
    if case .area(let found) = key { area = found }
    if let area {
      TPMKeyVerifier.verifyAttributes(of: area, into: &checks)
    } else {
      checks.notPerformed(
        .tpmKeyAttributes, "the evidence has the bare key: only its certificate can say that it is an attestation key")
    }
    let assurance = TPMKeyVerifier.verifyTrust(
      of: key.publicKey, name: area?.name, certificates: certificates, purpose: .tpm, exactPath: true,
      in: context, into: &checks)
    let parsed: TPMTSignature
    do throws(FieldError) {
      parsed = try TPMTSignature(signature)
    } catch {
      checks.fail(.tpmSignature, error)
      return nil
    }
    let verified = TPMQuoteVerifier.verify(
      quote: quote, signature: parsed, key: key.publicKey, pcrs: pcrs, binding: context.binding, into: &checks)
    // Logs are held against registers that are signed, never against those that only came along.
    guard let verified, let bank = verified.measuredBank else { return nil }
    if area != nil || parent != nil { verifyName(of: area, in: context, quote: verified, into: &checks) }
    let measurements = logs.verify(against: bank.measured, into: &checks)
    guard checks.holds, let assurance else { return nil }
    return TPMClaims(
      assurance: assurance, quote: verified, measurements: measurements, keyName: area?.name, key: key.publicKey)
  }

  private func verifyName(
    of area: TPMTPublic?, in context: VerificationContext, quote: VerifiedQuote, into checks: inout CheckList
  ) {
    checks.demand([.tpmKeyName])
    guard let area else {
      return checks.fail(.tpmKeyName, expected: "a public area below the parent given", actual: "a bare key")
    }
    do throws(FieldError) {
      let parent = try parent.map { bytes throws(FieldError) in try TPMTPublic(bytes, path: "akParent") }
      TPMKeyVerifier.verifyName(of: area, parent: parent, in: context, quote: quote, into: &checks)
    } catch {
      checks.fail(.tpmKeyName, error)
    }
  }

  private enum Key {
    case area(TPMTPublic)
    case bare(TPMPublicKey)

    var publicKey: TPMPublicKey {
      switch self {
      case .area(let area): area.key
      case .bare(let key): key
      }
    }
  }

  /// Makes `tpm.ak`. A public area begins with 0x00 or with its length, a SubjectPublicKeyInfo with 0x30: none is as long as
  /// 0x3000 bytes.
  private func readKey(_ checks: inout CheckList) -> Key? {
    guard let key else {
      checks.fail(.tpmKey, expected: "akPublic", actual: "absent")
      return nil
    }
    if key.first == 0x30 {
      do throws(CryptographyError) {
        let bare = try TPMPublicKey(spkiDER: key)
        checks.pass(.tpmKey, "a bare \(bare.algorithm) key")
        return .bare(bare)
      } catch {
        checks.fail(.tpmKey, expected: "akPublic: a SubjectPublicKeyInfo", actual: error.description)
        return nil
      }
    }
    do throws(FieldError) {
      let area = try TPMTPublic(key)
      checks.pass(.tpmKey, "\(area.key.algorithm), \(Hex.encode(area.name))")
      return .area(area)
    } catch {
      checks.fail(.tpmKey, error)
      return nil
    }
  }

  public static func recognise(_ file: RawEvidence) throws(FieldError) -> TPMEvidence? { try TPMEnvelope.read(file) }

  public var explanation: [EvidenceLine] { TPMExplanation.lines(self) }
}

extension VerifiedQuote {
  /// The bank that logs are held against: SHA-256 where it is quoted, because runtime events are extended there, else the next.
  public var measuredBank: PCRBank? { banks.first { $0.algorithm != .sha1 } }
}
