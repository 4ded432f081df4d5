import CanonicalJSON
import Cryptography

/// Certificates in the forms in which people keep them beside a report: DER, PEM, or a host's table of certificates.
enum AttachedCertificates {
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

  /// All certificates of all files, in the order given.
  static func read(_ attachments: [(name: String, bytes: [UInt8])]) throws(FieldError) -> [[UInt8]] {
    var certificates: [[UInt8]] = []
    for file in attachments { certificates += try read(file.bytes, name: file.name) }
    return certificates
  }
}
