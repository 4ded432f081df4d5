import CanonicalJSON
import Cryptography

/// What was given beside a quote, recognised by what it is: a key, certificates, a signature, register values, logs.
struct TPMAttachments {
  private(set) var key: [UInt8]?
  private(set) var parent: [UInt8]?
  private(set) var certificates: [[UInt8]] = []
  private(set) var signature: [UInt8]?
  private(set) var pcrs: [PCRBank]?
  /// Register values one after another, without names.
  private(set) var values: [UInt8]?
  private(set) var eventLog: [UInt8]?
  private(set) var runtime: RuntimeLog?

  init(_ file: RawEvidence) {
    for (name, bytes) in file.attachments { take(name, bytes) }
  }

  private mutating func take(_ name: String, _ bytes: [UInt8]) {
    if let blocks = Self.pem(bytes, "CERTIFICATE") {
      certificates += blocks
    } else if let blocks = Self.pem(bytes, "PUBLIC KEY"), let block = blocks.first {
      key = key ?? block
    } else if let area = try? TPMTPublic(bytes) {
      // A storage or endorsement key beside the attestation key is its parent.
      if area.attributes.contains(.sign) { key = bytes } else { parent = bytes }
    } else if (try? TPMTSignature(bytes)) != nil {
      signature = bytes
    } else if let banks = try? TPMToolsPCRs.banks(bytes) {
      pcrs = banks
    } else if bytes.first == 0x30, (try? Certificate(der: bytes)) != nil {
      certificates.append(bytes)
    } else if (try? TPMPublicKey(spkiDER: bytes)) != nil {
      key = key ?? bytes
    } else if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes)),
      let array = json.array
    {
      runtime = try? RuntimeLog(json: array, path: "runtime")
    } else {
      takeUnmarked(name, bytes)
    }
  }

  /// What has no mark of its own goes by its size, and last by its name.
  private mutating func takeUnmarked(_ name: String, _ bytes: [UInt8]) {
    let name = name.lowercased()
    if EventLog.isMarked(bytes) || name.contains("log") || name.contains("measurements") {
      eventLog = bytes
    } else if name.contains("sig") || (bytes.first == 0x30 && bytes.count <= 72) {
      signature = bytes
    } else if name.contains("pcr") {
      values = bytes
    }
  }

  private static func pem(_ bytes: [UInt8], _ label: String) -> [[UInt8]]? {
    guard bytes.starts(with: Array("-----BEGIN \(label)-----".utf8)) else { return nil }
    return try? PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: label)
  }
}
