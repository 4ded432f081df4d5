public import CanonicalJSON
import Cryptography

extension SNPEvidence {
  /// Reads a bare report, one that the host's table of certificates follows, the answer of `/dev/sev-guest`, dstack's envelope,
  /// what configfs-tsm hands out as JSON, and a report in hexadecimal or base64, in lines or not; certificates from attachments
  /// (``AttachedCertificates``).
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> SNPEvidence? {
    if let envelope = try DstackSNPEnvelope.contents(file.bytes) {
      return try SNPEvidence(report: envelope.report, among: envelope.certificates, file.attachments)
    }
    if let tsm = TSMReport(file.bytes) {
      let table = tsm.auxiliary.map { [(name: "auxblob", bytes: $0)] } ?? []
      return try binary(tsm.report, table + file.attachments)
    }
    if let evidence = try binary(file.bytes, file.attachments) { return evidence }
    guard let bytes = EncodedText.decoded(EncodedText.trimmed(file.bytes)) else { return nil }
    return try binary(bytes, file.attachments)
  }

  private static func binary(
    _ bytes: [UInt8], _ attachments: [(name: String, bytes: [UInt8])]
  ) throws(FieldError) -> SNPEvidence? {
    let bytes = withoutResponseHeader(bytes)
    guard isReport(bytes) else { return nil }
    guard bytes.count > SNPReport.byteCount,
      let table = SNPCertificateTable.certificates(Array(bytes[SNPReport.byteCount...]))
    else { return try SNPEvidence(report: bytes, among: [], attachments) }
    return try SNPEvidence(report: Array(bytes.prefix(SNPReport.byteCount)), among: table, attachments)
  }

  /// A version and the one signature algorithm where they belong. A report that was cut short, or to which something was
  /// added, still is one: the verifier refuses it and says why.
  private static func isReport(_ bytes: [UInt8]) -> Bool {
    guard (0x38...Limits.reportBytes + SNPCertificateTable.Limits.bytes).contains(bytes.count) else { return false }
    let isVersion = SNPReport.versions.contains(UInt32(bytes[0])) && bytes[1..<4].allSatisfy { $0 == 0 }
    let isAlgorithm = Array(bytes[0x34..<0x38]) == [1, 0, 0, 0]
    // Of the right size, one of the two is enough: the verifier says what is wrong with the other.
    return bytes.count == SNPReport.byteCount ? isVersion || isAlgorithm : isVersion && isAlgorithm
  }

  /// MSG_REPORT_RSP: status and size, 24 reserved bytes, the report, and zeros to the end of the buffer (AMD 56860 table 26).
  private static func withoutResponseHeader(_ bytes: [UInt8]) -> [UInt8] {
    let end = 32 + SNPReport.byteCount
    guard bytes.count >= end, bytes.count <= 4096, bytes.starts(with: [0, 0, 0, 0, 0xA0, 0x04, 0, 0]),
      bytes[8..<32].allSatisfy({ $0 == 0 }), bytes[end...].allSatisfy({ $0 == 0 })
    else { return bytes }
    return Array(bytes[32..<end])
  }

  /// Certificates in the order that evidence has: that of the key first which signed.
  init(
    report: [UInt8], among certificates: [[UInt8]], _ attachments: [(name: String, bytes: [UInt8])]
  ) throws(FieldError) {
    let all = try certificates + AttachedCertificates.read(attachments)
    self.init(report: report, certificates: Self.ordered(all, for: try? SNPReport(report)))
  }

  /// The signing key's certificate first. The other kind of key, and AMD's own certificates of other chains, are left out, as
  /// hosts hand out whole tables; everything else stays, for the verifier to refuse what is no part of the path.
  static func ordered(_ certificates: [[UInt8]], for report: SNPReport?) -> [[UInt8]] {
    let (name, other) = report?.signingKey == .vlek ? ("SEV-VLEK", "SEV-VCEK") : ("SEV-VCEK", "SEV-VLEK")
    let read = certificates.map { (der: $0, certificate: try? Certificate(der: $0)) }
    guard let signer = read.first(where: { $0.certificate?.subject.commonName == name }) else {
      return Array(certificates.prefix(SNPVerifier.maxCertificates))
    }
    let issuers = read.compactMap(\.certificate).filter { $0.subject == signer.certificate?.issuer }
    let path = [signer.certificate?.issuer] + issuers.map(\.issuer)
    var others: [[UInt8]] = []
    for item in read where item.der != signer.der && !others.contains(item.der) {
      let isOfAnotherChain = AMDRoots.published.contains(item.der) && !path.contains(item.certificate?.subject)
      if isOfAnotherChain || item.certificate?.subject.commonName == other { continue }
      others.append(item.der)
    }
    return [signer.der] + others.prefix(SNPVerifier.maxCertificates - 1)
  }
}
