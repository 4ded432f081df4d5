public import CanonicalJSON
import Cryptography

/// An attestation report of an NVIDIA GPU with the certificates of the device that signed it: kind `nvidia-gpu`.
///
///     {"format": "safebox-evidence/v1", "kind": "nvidia-gpu", "report": BASE64, "certificates": [BASE64 of DER, ...]}
public struct NVIDIAEvidence: EvidenceFormat {
  public typealias Policy = NVIDIAPolicy

  public static let kind = EvidenceKind.nvidia

  /// Request and answer, as they came.
  public let report: [UInt8]
  /// DER; the signing key's first.
  public let certificates: [[UInt8]]

  public init(report: [UInt8], certificates: [[UInt8]]) {
    self.report = report
    self.certificates = certificates
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    report = try reader.base64("report", maxBytes: NVIDIAReport.Limits.bytes)
    certificates = try reader.certificates("certificates", maxCount: NVIDIAVerifier.maxCertificates)
  }

  public var members: JSONObject {
    [
      "report": .string(Base64.encode(report)),
      "certificates": .array(certificates.map { .string(Base64.encode($0)) }),
    ]
  }

  /// Reads the report alone or in hexadecimal or base64, certificates beside it; and a JSON object with the members `evidence`
  /// and `certificate`, or a list of one, as NVIDIA's tools write them.
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> NVIDIAEvidence? {
    if isReport(file.bytes) { return try NVIDIAEvidence(report: file.bytes, beside: file.attachments) }
    guard let json = try? JSON(parsing: file.bytes, limits: .document(maxBytes: Evidence.maxBytes)) else {
      guard let report = EncodedText.decoded(EncodedText.trimmed(file.bytes)), isReport(report) else { return nil }
      return try NVIDIAEvidence(report: report, beside: file.attachments)
    }
    if json["claims"]?.array?.contains(where: { $0["x-nvidia-device-type"] != nil }) ?? false {
      throw FieldError(
        field: "claims", expected: "the report that the GPU signed", actual: "what a verifier said about one")
    }
    let object = json.array?.count == 1 ? json.array?.first : json
    guard let text = object?["evidence"]?.string, let report = EncodedText.decoded(text), isReport(report) else {
      return nil
    }
    let chain = object?["certificate"]?.string.flatMap(EncodedText.decoded)
    return try NVIDIAEvidence(
      report: report, beside: (chain.map { [(name: "certificate", bytes: $0)] } ?? []) + file.attachments)
  }

  private init(report: [UInt8], beside attachments: [(name: String, bytes: [UInt8])]) throws(FieldError) {
    let certificates = try AttachedCertificates.read(attachments)
    self.init(report: report, certificates: [[UInt8]](certificates.prefix(NVIDIAVerifier.maxCertificates)))
  }

  /// A request for measurements, and a place for the answer. A report that was cut short still is one.
  private static func isReport(_ bytes: [UInt8]) -> Bool { bytes.count > 41 && bytes.starts(with: [0x11, 0xE0]) }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> NVIDIAClaims? {
    NVIDIAVerifier.verify(report: report, certificates: certificates, in: context, into: &checks)
  }

  public var unverifiedRegisters: [String: [UInt8]] { (try? NVIDIAReport(report))?.registers ?? [:] }

  public var explanation: [EvidenceLine] {
    let read: NVIDIAReport
    do throws(FieldError) { read = try NVIDIAReport(report) } catch {
      return [EvidenceLine("report", "unreadable: \(error.field): expected \(error.expected), found \(error.actual)")]
    }
    var lines = [
      EvidenceLine("nonce", Hex.encode(read.nonce)),
      EvidenceLine("driver", read.driverVersion ?? "not named"),
      EvidenceLine("vbios", read.vbiosVersion ?? "not named"),
      EvidenceLine("firmware", read.firmwareID.map(Hex.encode) ?? "not named"),
      EvidenceLine("board", read.opaque[NVIDIAReport.Field.boardID.rawValue].map(Hex.encode) ?? "not named"),
    ]
    for (index, value) in read.measurements.sorted(by: { $0.key < $1.key }) {
      lines.append(EvidenceLine("measurement\(index)", Hex.encode(value)))
    }
    return lines + SNPEvidence.explanation(certificates)
  }
}

/// What a genuine report says about a GPU.
public struct NVIDIAClaims: EvidenceClaims {
  public let assurance: Assurance
  public let report: NVIDIAReport
  /// The certificate's name of the device, for example `GH100 A01 GSP FMC LF`.
  public let model: String?
  public let serialNumber: String?

  init(assurance: Assurance, report: NVIDIAReport, model: String?, serialNumber: String?) {
    self.assurance = assurance
    self.report = report
    self.model = model
    self.serialNumber = serialNumber
  }

  public var registers: [String: [UInt8]] { report.registers }

  public var json: JSON {
    [
      "model": model.map { .string($0) } ?? .null, "serialNumber": serialNumber.map { .string($0) } ?? .null,
      "driver": report.driverVersion.map { .string($0) } ?? .null,
      "vbios": report.vbiosVersion.map { .string($0) } ?? .null,
      "firmware": report.firmwareID.map { .string(Hex.encode($0)) } ?? .null,
      "nonce": .string(Hex.encode(report.nonce)),
      "measurements": .object(
        JSONObject(report.measurements.map { (String($0.key), .string(Hex.encode($0.value))) })),
    ]
  }
}
