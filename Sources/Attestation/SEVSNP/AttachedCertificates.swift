import CanonicalJSON
import Cryptography

/// Certificates in the forms in which people keep them beside a report: DER, PEM, a host's table of certificates, or what
/// Azure's hosts answer to their guests.
enum AttachedCertificates {
  enum Limits {
    static let hostAnswerBytes = 64 << 10
  }

  /// All certificates of a file, as DER; none where it is something else. Nothing is trusted for being attached.
  ///
  /// - Throws: for text that begins as PEM and is not, and where only the name of the file says that it is a certificate.
  static func read(_ bytes: [UInt8], name: String = "certificate") throws(FieldError) -> [[UInt8]] {
    if bytes.starts(with: Array("-----BEGIN CERTIFICATE-----".utf8)) {
      do throws(CryptographyError) {
        return try PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")
      } catch {
        throw FieldError(field: name, expected: "certificates in PEM", actual: error.description)
      }
    }
    if let certificates = hostAnswer(bytes) { return certificates }
    // A SEQUENCE of more than 255 bytes.
    if bytes.starts(with: [0x30, 0x82]) { return [bytes] }
    if let table = SNPCertificateTable.certificates(bytes) { return table }
    // One altered byte at the beginning must not turn a certificate into something that nobody asked for.
    let isNamedSo = [".der", ".crt", ".cer", ".pem"].contains { name.lowercased().hasSuffix($0) }
    guard !isNamedSo || bytes.starts(with: Array("-----BEGIN ".utf8)) else {
      throw FieldError(field: name, expected: "a certificate", actual: "something else")
    }
    return []
  }

  /// The certificates of PEM; nil for anything else.
  static func pem(_ bytes: [UInt8]) -> [[UInt8]]? {
    guard bytes.starts(with: Array("-----BEGIN CERTIFICATE-----".utf8)) else { return nil }
    return try? PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")
  }

  /// The JSON with `vcekCert` and `certificateChain`, both PEM, in which Azure's hosts answer; container groups are given it in
  /// base64. nil for anything else.
  private static func hostAnswer(_ bytes: [UInt8]) -> [[UInt8]]? {
    guard bytes.count <= Limits.hostAnswerBytes else { return nil }
    let bytes = bytes.first == UInt8(ascii: "{") ? bytes : Base64.decode(EncodedText.trimmed(bytes)) ?? []
    guard let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Limits.hostAnswerBytes)),
      let leaf = json["vcekCert"]?.string.flatMap({ pem(Array($0.utf8)) }),
      let chain = json["certificateChain"]?.string.flatMap({ pem(Array($0.utf8)) })
    else { return nil }
    return leaf + chain
  }

  /// All certificates of all files, in the order given.
  static func read(_ attachments: [(name: String, bytes: [UInt8])]) throws(FieldError) -> [[UInt8]] {
    var certificates: [[UInt8]] = []
    for file in attachments { certificates += try read(file.bytes, name: file.name) }
    return certificates
  }
}
