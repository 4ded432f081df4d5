public import CanonicalJSON
import Cryptography

/// An attestation document of an EC2 instance with NitroTPM, and a quote of its TPM by the key that the document names: kind
/// `nitrotpm`.
///
///     {"format": "safebox-evidence/v1", "kind": "nitrotpm", "document": BASE64 of COSE_Sign1, "akPublic": BASE64 (optional),
///      "quote": BASE64, "signature": BASE64, "pcrs": {"sha384": {"0": HEX, ...}}, "eventLog": ..., "runtime": ...}
public struct NitroTPMEvidence: EvidenceFormat {
  public typealias Policy = NitroTPMPolicy

  public static let kind = EvidenceKind.nitroTPM

  /// COSE_Sign1 with its certificates inside, as it came.
  public var document: [UInt8]
  /// The attestation key as the sender has it: a point, a SubjectPublicKeyInfo, or what the document names to the byte. nil where
  /// only the document names it.
  public var key: [UInt8]?
  /// TPMS_ATTEST.
  public var quote: [UInt8]
  /// TPMT_SIGNATURE.
  public var signature: [UInt8]
  public var pcrs: [PCRBank]
  public var logs: MeasurementLogs

  public init(
    document: [UInt8], key: [UInt8]? = nil, quote: [UInt8], signature: [UInt8], pcrs: [PCRBank],
    logs: MeasurementLogs = MeasurementLogs()
  ) {
    self.document = document
    self.key = key
    self.quote = quote
    self.signature = signature
    self.pcrs = pcrs
    self.logs = logs
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    document = try reader.base64("document", maxBytes: COSESign1.Limits.bytes)
    key = try reader.optionalBase64("akPublic", maxBytes: TPMTPublic.maxBytes + 2)
    quote = try reader.base64("quote", maxBytes: TPMQuote.maxBytes)
    signature = try reader.base64("signature", maxBytes: TPMTSignature.maxBytes + 16)
    pcrs = try PCRBank.banks(try reader.json("pcrs"), path: reader.pathOf("pcrs"))
    logs = try MeasurementLogs(members: &reader)
  }

  public var members: JSONObject {
    var object = logs.members
    object["document"] = .string(Base64.encode(document))
    if let key { object["akPublic"] = .string(Base64.encode(key)) }
    object["quote"] = .string(Base64.encode(quote))
    object["signature"] = .string(Base64.encode(signature))
    object["pcrs"] = PCRBank.json(pcrs)
    return object
  }

  public static func recognise(_ file: RawEvidence) throws(FieldError) -> NitroTPMEvidence? {
    try NitroTPMEnvelope.read(file)
  }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> NitroTPMClaims? {
    NitroTPMVerifier.verify(self, in: context, into: &checks)
  }

  public var unverifiedRegisters: [String: [UInt8]] {
    pcrs.reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }

  public var explanation: [EvidenceLine] {
    let quoted = TPMEvidence(key: key, quote: quote, signature: signature, pcrs: pcrs, logs: logs)
    return NitroExplanation.lines(document) { PCRBank.indexes.contains($0) ? PCRMeaning.names[$0] : "" }
      + quoted.explanation
  }
}

/// What genuine evidence says about an instance with NitroTPM.
public struct NitroTPMClaims: MeasuringClaims {
  public let assurance: Assurance
  public let document: NitroDocument
  /// How old the document was when it was judged, in milliseconds.
  public let age: Int64
  public let quote: VerifiedQuote
  public let measurements: MeasurementClaims
  /// The attestation key that the document names.
  public let key: TPMPublicKey

  init(
    assurance: Assurance, document: NitroDocument, age: Int64, quote: VerifiedQuote, measurements: MeasurementClaims,
    key: TPMPublicKey
  ) {
    self.assurance = assurance
    self.document = document
    self.age = age
    self.quote = quote
    self.measurements = measurements
    self.key = key
  }

  public var registers: [String: [UInt8]] { quote.registers }

  public var json: JSON {
    var object = document.claims
    let clock = quote.quote.clockInfo
    object["akAlgorithm"] = .string(key.algorithm)
    object["ak"] = .string(SHA256.hash(key.spkiDER).hex)
    object["clock"] = [
      "clock": .integer(Int64(clamping: min(clock.clock, UInt64(JSON.maxSafeInteger)))),
      "resetCount": .integer(Int64(clock.resetCount)), "restartCount": .integer(Int64(clock.restartCount)),
      "safe": .bool(clock.isSafe),
    ]
    object["pcrs"] = PCRBank.json(quote.banks)
    object["measurements"] = measurements.json
    return .object(object)
  }
}
