import CanonicalJSON
import Cryptography

/// What is inside evidence of a TPM, line by line, with nothing verified.
enum TPMExplanation {
  static func lines(_ evidence: TPMEvidence) -> [EvidenceLine] {
    var lines = key(evidence.key)
    lines.append(EvidenceLine("attestation key's parent", evidence.parent.map { "\($0.count) bytes" } ?? "absent"))
    lines.append(EvidenceLine("attestation key certificates", "\(evidence.certificates.count)"))
    for der in evidence.certificates {
      let certificate = try? Certificate(der: der)
      lines.append(
        EvidenceLine(
          "certificate",
          certificate.map { "\($0.subject), issued by \($0.issuer)" } ?? "unreadable: \(der.count) bytes"))
    }
    lines += quote(evidence.quote)
    do throws(FieldError) {
      let signature = try TPMTSignature(evidence.signature)
      lines.append(EvidenceLine("signature", "\(signature.scheme.name) with \(signature.hash.rawValue)"))
    } catch {
      lines.append(EvidenceLine("signature", "unreadable: \(error)"))
    }
    for bank in evidence.pcrs {
      for (index, value) in bank.values.sorted(by: { $0.key < $1.key }) {
        lines.append(
          EvidenceLine(PCRBank.registerName(bank.algorithm, index), "\(Hex.encode(value)) \(PCRMeaning.names[index])"))
      }
    }
    lines.append(EvidenceLine("event log", evidence.logs.eventLog.map { "\($0.count) bytes" } ?? "absent"))
    lines.append(EvidenceLine("runtime events", evidence.logs.runtime.map { "\($0.events.count)" } ?? "absent"))
    return lines
  }

  private static func key(_ bytes: [UInt8]?) -> [EvidenceLine] {
    guard let bytes else { return [EvidenceLine("attestation key", "absent")] }
    if bytes.first == 0x30 {
      let key = try? TPMPublicKey(spkiDER: bytes)
      return [EvidenceLine("attestation key", key.map { "\($0.algorithm), without attributes" } ?? "unreadable")]
    }
    do throws(FieldError) {
      let area = try TPMTPublic(bytes)
      return [
        EvidenceLine("attestation key", area.key.algorithm),
        EvidenceLine("attestation key name", Hex.encode(area.name)),
        EvidenceLine("attestation key attributes", area.attributes.names.joined(separator: ", ")),
      ]
    } catch {
      return [EvidenceLine("attestation key", "unreadable: \(error)")]
    }
  }

  private static func quote(_ bytes: [UInt8]) -> [EvidenceLine] {
    do throws(FieldError) {
      let quote = try TPMQuote(bytes)
      let clock = quote.clockInfo
      return [
        EvidenceLine("qualified signer", Hex.encode(quote.qualifiedSigner)),
        EvidenceLine("extra data", quote.extraData.isEmpty ? "none" : Hex.encode(quote.extraData)),
        EvidenceLine("clock", "\(clock.clock) ms, \(clock.isSafe ? "safe" : "not safe")"),
        EvidenceLine("resets, restarts", "\(clock.resetCount), \(clock.restartCount)"),
        EvidenceLine("firmware version", "0x" + String(quote.firmwareVersion, radix: 16)),
        EvidenceLine(
          "quoted registers",
          quote.selections.map { "\($0.bank.rawValue): \($0.indexes.map(String.init).joined(separator: ", "))" }
            .joined(separator: "; ")),
        EvidenceLine("digest of registers", Hex.encode(quote.pcrDigest)),
      ]
    } catch {
      return [EvidenceLine("quote", "unreadable: \(error)")]
    }
  }
}
