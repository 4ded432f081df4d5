import CanonicalJSON
import Cryptography

/// A bundle of OpenSSF Model Signing (`model.sig`): a Sigstore bundle with a DSSE envelope around an in-toto statement.
///
/// Reading one proves nothing. ``appraise(_:key:)`` holds it against a manifest and says what was checked.
public struct OMSBundle: Sendable, Hashable {
  /// Its name at the top of a model's directory.
  public static let fileName = "model.sig"
  /// Greatest length in bytes.
  public static let maxBytes = 8 << 20

  /// Who signed, as the bundle says.
  public enum Signer: Sendable, Hashable {
    /// A key that the verifier must have; the hint may tell which.
    case publicKey(hint: String)
    /// A certificate, of Sigstore or of one's own authority. It is not read here.
    case certificate
  }

  /// The bytes as they were read.
  public let bytes: [UInt8]
  public let statement: OMSStatement
  public let signer: Signer
  /// Whether the bundle carries entries of a transparency log. They are not read here.
  public let hasLogEntries: Bool
  private let envelope: DSSEEnvelope

  /// Reads a bundle with exactly one signature.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    let json = try Self.parse(bytes, field: "")
    var reader = try ObjectReader(json)
    let mediaType = try reader.string("mediaType", maxBytes: 256)
    guard mediaType.hasPrefix(Self.mediaTypeBase) else {
      throw FieldError(
        field: "mediaType", expected: "\(Self.mediaTypeBase)...", actual: JSON.string(mediaType).summary)
    }
    var material = try reader.object("verificationMaterial")
    signer = try Self.signer(&material)
    hasLogEntries = material.optionalJSON("tlogEntries")?.array?.isEmpty == false
    var envelope = try reader.object("dsseEnvelope")
    self.envelope = try DSSEEnvelope(&envelope)
    try reader.finish()
    statement = try OMSStatement(json: Self.parse(self.envelope.payload, field: "payload"))
    self.bytes = bytes
  }

  /// The manifest as a bundle, signed with a key that verifiers must know.
  public init(_ manifest: ModelManifest, signedBy key: P256.PrivateKey) throws(CryptographyError) {
    statement = OMSStatement(of: manifest)
    envelope = try DSSEEnvelope(payload: statement.json.canonicalBytes(), signedBy: key)
    let hint = SHA256.hash(utf8: PEM.encode(key.publicKey.spkiDER, label: "PUBLIC KEY")).hex
    signer = .publicKey(hint: hint)
    hasLogEntries = false
    bytes =
      JSON.object([
        "mediaType": .string(Self.mediaTypeBase + ".v0.3+json"),
        "verificationMaterial": ["publicKey": ["hint": .string(hint)]], "dsseEnvelope": envelope.json,
      ]).canonicalBytes()
  }

  /// SHA-256 of the bundle's bytes.
  public var digest: SHA256Digest { SHA256.hash(bytes) }

  /// Holds the bundle against a manifest: it must sign exactly the manifest's files, with their digests, and where a key is
  /// given, with that key.
  public func appraise(_ manifest: ModelManifest, key: P256.PublicKey?) throws(OMSFault) -> OMSAppraisal {
    var signed = Dictionary(uniqueKeysWithValues: statement.resources.map { ($0.name, $0.sha256) })
    for file in manifest.files {
      guard let digest = signed.removeValue(forKey: file.path) else { throw .uncovered(path: file.path) }
      guard digest == file.sha256 else { throw .digest(path: file.path, manifest: file.sha256, bundle: digest) }
    }
    if let path = signed.keys.min() { throw .missing(path: path) }
    if let key, !envelope.isSigned(by: key) { throw .signature }
    return OMSAppraisal(of: self, files: manifest.files.count, key: key)
  }

  // MARK: members

  private static let mediaTypeBase = "application/vnd.dev.sigstore.bundle"

  private static func parse(_ bytes: [UInt8], field: String) throws(FieldError) -> JSON {
    do throws(JSONError) {
      return try JSON(parsing: bytes, limits: .document(maxBytes: maxBytes))
    } catch {
      throw FieldError(field: field, expected: "JSON of at most \(maxBytes) bytes", actual: error.description)
    }
  }

  private static func signer(_ material: inout ObjectReader) throws(FieldError) -> Signer {
    if var key = try material.optionalObject("publicKey") {
      return .publicKey(hint: try key.optionalString("hint", maxBytes: 1024) ?? "")
    }
    guard material.optionalJSON("certificate") != nil || material.optionalJSON("x509CertificateChain") != nil else {
      throw FieldError(
        field: material.path, expected: "publicKey, certificate or x509CertificateChain", actual: "none of them")
    }
    return .certificate
  }
}

extension OMSStatement {
  /// The statement without a signature, as RFC 8785 bytes: to be signed by other tools.
  public var payload: [UInt8] { json.canonicalBytes() }
}
