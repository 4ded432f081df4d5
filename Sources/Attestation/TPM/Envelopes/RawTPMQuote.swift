import CanonicalJSON
import Cryptography

/// The parts of a quote as the tools of others hand them out, before they are one ``TPMEvidence``.
struct RawTPMQuote {
  /// TPMS_ATTEST, or TPM2B_ATTEST: the same with its length before it.
  var quote: [UInt8]
  /// TPMT_SIGNATURE, or what the scheme alone makes: an RSA signature (PKCS #1, SHA-256) or an ECDSA one in DER (SHA-256).
  var signature: [UInt8]
  var key: [UInt8]?
  var certificates: [[UInt8]] = []
  var pcrs: [PCRBank]
  var eventLog: [UInt8]?

  /// The evidence, with what was given beside it where the envelope itself has none.
  func evidence(with attachments: TPMAttachments) throws(FieldError) -> TPMEvidence {
    TPMEvidence(
      key: key ?? attachments.key, parent: attachments.parent,
      certificates: certificates.isEmpty ? attachments.certificates : certificates,
      quote: Self.attest(quote), signature: try Self.signature(signature), pcrs: pcrs,
      logs: MeasurementLogs(eventLog: eventLog ?? attachments.eventLog, runtime: attachments.runtime))
  }

  /// TPMS_ATTEST of either form.
  static func attest(_ bytes: [UInt8]) -> [UInt8] {
    let magic = TPMBytes.uint32(TPMQuote.magic)
    guard bytes.count > 6, !bytes.starts(with: magic), bytes.dropFirst(2).starts(with: magic),
      Int(bytes[0]) << 8 | Int(bytes[1]) == bytes.count - 2
    else { return bytes }
    return [UInt8](bytes.dropFirst(2))
  }

  /// TPMT_SIGNATURE of either form. A TPM writes big-endian, so its structure begins with a zero byte; DER does not, and an RSA
  /// signature has the size of a modulus, which the structure exceeds by six bytes.
  static func signature(_ bytes: [UInt8]) throws(FieldError) -> [UInt8] {
    if [256, 384, 512].contains(bytes.count) {
      return TPMTSignature(scheme: .rsassa, hash: .sha256, value: bytes).bytes
    }
    if bytes.first == 0x30 {
      do throws(CryptographyError) {
        let value = try ECDSASignature(strictDER: bytes).p1363
        return TPMTSignature(scheme: .ecdsa, hash: .sha256, value: value).bytes
      } catch {
        throw FieldError(field: "signature", expected: "an ECDSA signature in DER", actual: error.description)
      }
    }
    return bytes
  }

  /// The values of the registers that a quote selects, given as a list. The selection names them: a list of all 24 is by index,
  /// a shorter one is in the order of the selection.
  static func banks(_ values: [[UInt8]], quotedBy bytes: [UInt8]) throws(FieldError) -> [PCRBank] {
    let quote = try TPMQuote(attest(bytes))
    let count = quote.selections.reduce(0) { $0 + $1.indexes.count }
    let isByIndex = quote.selections.count == 1 && values.count == PCRBank.indexes.count
    guard isByIndex || values.count == count else {
      throw FieldError(field: "pcrs", expected: "\(count) values", actual: "\(values.count)")
    }
    var banks: [PCRBank] = []
    var position = 0
    for selection in quote.selections {
      var bank: [Int: [UInt8]] = [:]
      for index in selection.indexes {
        bank[index] = values[isByIndex ? index : position]
        position += 1
      }
      banks.append(
        try PCRBank(algorithm: selection.bank, values: bank, path: "pcrs.\(selection.bank.rawValue)"))
    }
    return banks
  }
}
