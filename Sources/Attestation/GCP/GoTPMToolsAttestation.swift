import CanonicalJSON
import Cryptography

/// `Attestation` of go-tpm-tools' attest.proto: what `gotpm attest` writes and what Google's own verifiers read.
struct GoTPMToolsAttestation {
  let evidence: GCPEvidence

  /// Whether bytes begin as that message does: a TPMT_PUBLIC of an RSA or ECC key as field 1. Writers put fields in order.
  static func isLikely(_ bytes: [UInt8]) -> Bool {
    guard bytes.first == 0x0A else { return false }
    let content = bytes.dropFirst().drop { $0 & 0x80 != 0 }.dropFirst()
    return content.starts(with: [0x00, 0x01, 0x00]) || content.starts(with: [0x00, 0x23, 0x00])
  }

  init(_ bytes: [UInt8]) throws(FieldError) {
    let message = try ProtocolBuffer(bytes[...], known: [1, 2, 3, 4, 5, 6, 7, 8, 9], path: "attestation")
    guard let key = try message.bytes(1) else {
      throw FieldError(field: "attestation.1", expected: "the attestation key", actual: "nothing")
    }
    var quotes: [GCPEvidence.Quote] = []
    for (index, bytes) in try message.all(2).enumerated() {
      quotes.append(try Self.quote(bytes, path: "attestation.2[\(index)]"))
    }
    var certificates: [[UInt8]] = []
    if let leaf = try message.bytes(6) { certificates.append(leaf) }
    let intermediates = try message.all(7).map { [UInt8]($0) }
    guard certificates.isEmpty == false || intermediates.isEmpty else {
      throw FieldError(field: "attestation.6", expected: "the key's certificate", actual: "only intermediates")
    }
    guard intermediates.count < GCPEvidence.maxCertificates, quotes.count <= GCPEvidence.maxQuotes else {
      throw FieldError(
        field: "attestation",
        expected: "at most \(GCPEvidence.maxCertificates) certificates and \(GCPEvidence.maxQuotes) quotes",
        actual: "more")
    }
    // What this program does not verify is said to have come along; see `GCPEvidence.unverified`.
    var unverified: [String] = []
    for (number, name): (UInt64, String) in [(5, "canonical-event-log"), (8, "sev-snp"), (9, "tdx")]
    where try message.bytes(number) != nil { unverified.append(name) }
    evidence = GCPEvidence(
      key: key, certificates: certificates + intermediates, quotes: quotes,
      logs: MeasurementLogs(eventLog: try message.bytes(3)),
      instance: try message.all(4).first.map { bytes throws(FieldError) in
        try GCPInstance(protocolBuffer: bytes, path: "attestation.4")
      },
      unverified: unverified)
  }

  /// `Quote` of tpm.proto: the statement, its signature, and the values of one bank.
  private static func quote(_ bytes: ArraySlice<UInt8>, path: String) throws(FieldError) -> GCPEvidence.Quote {
    let message = try ProtocolBuffer(bytes, known: [1, 2, 3], path: path)
    guard let quote = try message.bytes(1), let signature = try message.bytes(2), let pcrs = try message.all(3).first
    else {
      throw FieldError(field: path, expected: "a quote, its signature and the values", actual: "less")
    }
    let bank = try ProtocolBuffer(pcrs, known: [1, 2], path: "\(path).3")
    guard let identifier = UInt16(exactly: try bank.number(1) ?? 0),
      let algorithm = BankAlgorithm(identifier: identifier)
    else {
      throw FieldError(field: "\(path).3.1", expected: "SHA-1, SHA-256, SHA-384 or SHA-512", actual: "another hash")
    }
    var values: [Int: [UInt8]] = [:]
    for entry in try bank.all(2) {
      let pair = try ProtocolBuffer(entry, known: [1, 2], path: "\(path).3.2")
      guard let index = Int(exactly: try pair.number(1) ?? 0), values[index] == nil else {
        throw FieldError(field: "\(path).3.2", expected: "each register once", actual: "one twice")
      }
      values[index] = try pair.bytes(2) ?? []
    }
    return GCPEvidence.Quote(
      quote: quote, signature: signature,
      pcrs: [try PCRBank(algorithm: algorithm, values: values, path: "\(path).3.2")])
  }
}
