public import CanonicalJSON
import Cryptography

/// An attestation document of an AWS Nitro enclave: kind `nitro-enclave`.
///
///     {"format": "safebox-evidence/v1", "kind": "nitro-enclave", "document": BASE64 of COSE_Sign1}
public struct NitroEvidence: EvidenceFormat {
  public typealias Policy = NitroPolicy

  public static let kind = EvidenceKind.nitroEnclave

  /// COSE_Sign1 with its certificates inside, as it came.
  public let document: [UInt8]

  public init(document: [UInt8]) { self.document = document }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    document = try reader.base64("document", maxBytes: COSESign1.Limits.bytes)
  }

  public var members: JSONObject { ["document": .string(Base64.encode(document))] }

  /// Reads what the module hands out, alone or in one of the envelopes of ``NitroEnvelope``.
  public static func recognise(_ file: RawEvidence) throws(FieldError) -> NitroEvidence? {
    guard let document = NitroEnvelope.document(in: file.bytes), !NitroEnvelope.isOfInstance(document) else {
      return nil
    }
    return NitroEvidence(document: document)
  }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> NitroClaims? {
    guard let found = NitroVerifier.verify(document, about: .enclave, in: context, into: &checks),
      let anchor = found.anchor, checks.holds
    else { return nil }
    return NitroClaims(assurance: anchor.assurance, document: found.document, age: found.age, bound: found.bound)
  }

  public var unverifiedRegisters: [String: [UInt8]] {
    (try? NitroDocument(COSESign1(document).payload)).map(NitroClaims.registers) ?? [:]
  }

  public var explanation: [EvidenceLine] { NitroExplanation.lines(document) { NitroRegister.name($0) } }
}

/// What a register of an enclave measures (AWS Nitro Enclaves user guide, "Cryptographic attestation").
enum NitroRegister {
  static let names = [0: "image", 1: "kernel", 2: "application", 3: "role", 4: "instance", 8: "signer"]
  static let indexes = 0..<NitroDocument.Limits.registers

  /// `image`, or `pcr5` for one that has no meaning of its own.
  static func name(_ index: Int) -> String { names[index] ?? "pcr\(index)" }

  /// By its meaning or as `pcr0` to `pcr31`.
  static func index(named name: String) -> Int? {
    if let index = names.first(where: { $0.value == name })?.key { return index }
    return indexes.first { "pcr\($0)" == name }
  }
}
