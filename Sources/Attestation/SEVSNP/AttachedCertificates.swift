import Cryptography

/// Certificates in the forms in which people keep them beside a report: DER, PEM, or a host's table of certificates.
enum AttachedCertificates {
  /// All certificates of a file, as DER; none where it is something else. Nothing is trusted for being attached.
  static func read(_ bytes: [UInt8]) -> [[UInt8]] {
    if bytes.starts(with: Array("-----BEGIN CERTIFICATE-----".utf8)) {
      return (try? PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")) ?? []
    }
    // A SEQUENCE of more than 255 bytes.
    if bytes.starts(with: [0x30, 0x82]) { return [bytes] }
    return SNPCertificateTable.certificates(bytes) ?? []
  }

  /// All certificates of all files, in the order given.
  static func read(_ attachments: [(name: String, bytes: [UInt8])]) -> [[UInt8]] {
    attachments.flatMap { read($0.bytes) }
  }
}
