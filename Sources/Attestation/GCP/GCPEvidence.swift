public import CanonicalJSON
import Cryptography

/// Quotes of the virtual TPM of a machine of Google Cloud, with the certificate by which Google says whose TPM it is.
public struct GCPEvidence: EvidenceFormat {
  public typealias Policy = GCPPolicy

  public static let kind = EvidenceKind.gcpVTPM
  /// One for each bank of a TPM.
  public static let maxQuotes = PCRBank.maxBanks
  static let maxCertificates = 8

  /// A quote with its signature and the values of the registers that it is over.
  public struct Quote: Sendable, Hashable {
    /// TPMS_ATTEST.
    public var quote: [UInt8]
    /// TPMT_SIGNATURE.
    public var signature: [UInt8]
    public var pcrs: [PCRBank]

    public init(quote: [UInt8], signature: [UInt8], pcrs: [PCRBank]) {
      self.quote = quote
      self.signature = signature
      self.pcrs = pcrs
    }

    /// Whether its registers are those of the SHA-1 bank, on which nothing can rest.
    var isOfSHA1: Bool { pcrs.map(\.algorithm) == [.sha1] }
  }

  /// TPMT_PUBLIC or TPM2B_PUBLIC of the attestation key.
  public var key: [UInt8]
  /// The attestation key's certificate first, then intermediates, DER. Google's published intermediates need not be here.
  public var certificates: [[UInt8]]
  public var quotes: [Quote]
  public var logs: MeasurementLogs
  /// What the machine says of itself; nil where it says nothing. What Google says of it stands in the certificate.
  public var instance: GCPInstance?
  /// Names of what came along and is not verified: `canonical-event-log`, `sev-snp`, `tdx`.
  public var unverified: [String]

  public init(
    key: [UInt8], certificates: [[UInt8]], quotes: [Quote], logs: MeasurementLogs = MeasurementLogs(),
    instance: GCPInstance? = nil, unverified: [String] = []
  ) {
    self.key = key
    self.certificates = certificates
    self.quotes = quotes
    self.logs = logs
    self.instance = instance
    self.unverified = unverified
  }

  static let unverifiedNames = ["canonical-event-log", "sev-snp", "tdx"]

  public init(members reader: inout ObjectReader) throws(FieldError) {
    key = try reader.base64("akPublic", maxBytes: TPMTPublic.maxBytes + 2)
    certificates = try reader.certificates("akCertificates", maxCount: Self.maxCertificates)
    quotes = []
    for (index, json) in try reader.array("quotes", maxCount: Self.maxQuotes).enumerated() {
      var member = try ObjectReader(json, path: "\(reader.pathOf("quotes"))[\(index)]")
      quotes.append(
        Quote(
          quote: try member.base64("quote", maxBytes: TPMQuote.maxBytes),
          signature: try member.base64("signature", maxBytes: TPMTSignature.maxBytes + 16),
          pcrs: try PCRBank.banks(try member.json("pcrs"), path: member.pathOf("pcrs"))))
      try member.finish()
    }
    logs = try MeasurementLogs(members: &reader)
    instance = try reader.optionalJSON("instance").map { json throws(FieldError) in
      try GCPInstance(json: json, path: reader.pathOf("instance"))
    }
    unverified = []
    for json in try reader.optionalArray("unverified", maxCount: Self.unverifiedNames.count) ?? [] {
      guard let name = json.string, Self.unverifiedNames.contains(name), !unverified.contains(name) else {
        throw FieldError(
          field: reader.pathOf("unverified"), expected: Self.unverifiedNames.joined(separator: ", "),
          actual: json.summary)
      }
      unverified.append(name)
    }
  }

  public var members: JSONObject {
    var object = logs.members
    object["akPublic"] = .string(Base64.encode(key))
    object["akCertificates"] = .array(certificates.map { .string(Base64.encode($0)) })
    object["quotes"] = .array(
      quotes.map {
        [
          "quote": .string(Base64.encode($0.quote)), "signature": .string(Base64.encode($0.signature)),
          "pcrs": PCRBank.json($0.pcrs),
        ]
      })
    if let instance { object["instance"] = instance.json }
    if !unverified.isEmpty { object["unverified"] = .array(unverified.map { .string($0) }) }
    return object
  }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> GCPClaims? {
    GCPVerifier(evidence: self, context: context).verify(into: &checks)
  }

  /// `Attestation` of go-tpm-tools in its binary form. Certificates beside it, PEM or DER, are added; where the message has no
  /// certificate, the first one beside it that is of the attestation key is taken for the key's.
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> GCPEvidence? {
    guard GoTPMToolsAttestation.isLikely(file.bytes) else { return nil }
    var evidence = try GoTPMToolsAttestation(file.bytes).evidence
    var attached = file.attachments.flatMap { attachment -> [Certificate] in
      if let one = try? Certificate(der: attachment.bytes) { return [one] }
      return (try? Certificate.all(pem: String(decoding: attachment.bytes, as: UTF8.self))) ?? []
    }
    if evidence.certificates.isEmpty, let key = try? TPMTPublic(evidence.key).key {
      guard let leaf = attached.firstIndex(where: { $0.publicKey.spkiDER == key.spkiDER }) else { return evidence }
      evidence.certificates = [attached.remove(at: leaf).der]
    }
    for certificate in attached where !evidence.certificates.contains(certificate.der) {
      if evidence.certificates.count < maxCertificates { evidence.certificates.append(certificate.der) }
    }
    return evidence
  }

  public var explanation: [EvidenceLine] {
    var lines: [EvidenceLine] = []
    if let leaf = certificates.first.flatMap({ try? Certificate(der: $0) }),
      let certified = try? GCPInstanceCertificate(leaf)
    {
      let instance = certified.instance
      lines += [
        EvidenceLine("instance", "\(instance.instanceName) (\(instance.instanceID))"),
        EvidenceLine("project", "\(instance.projectID) (\(instance.projectNumber))"),
        EvidenceLine("zone", instance.zone),
        EvidenceLine("production", certified.isProduction.map { $0 ? "yes" : "no" } ?? "not said"),
      ]
    } else {
      lines.append(EvidenceLine("instance", "no certificate that names one"))
    }
    for (index, quote) in quotes.enumerated() {
      let tpm = TPMEvidence(
        key: key, certificates: index == 0 ? certificates : [], quote: quote.quote, signature: quote.signature,
        pcrs: quote.pcrs, logs: logs)
      lines.append(EvidenceLine("quote \(index + 1)", quote.pcrs.map(\.algorithm.rawValue).joined(separator: ", ")))
      lines += tpm.explanation
    }
    if !unverified.isEmpty { lines.append(EvidenceLine("not verified", unverified.joined(separator: ", "))) }
    return lines
  }
}
