import Attestation
import CanonicalJSON

/// CBOR, COSE, attestation documents and reports of GPUs, read from anybody.
enum NitroTargets {
  /// Array of four with headers of ES384, a payload and a signature of zeros.
  private static func message(_ payload: [UInt8]) -> [UInt8] {
    [0x84, 0x44, 0xA1, 0x01, 0x38, 0x22, 0xA0, 0x59, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)] + payload
      + [0x58, 0x60] + [UInt8](repeating: 1, count: 96)
  }

  private static func text(_ text: String) -> [UInt8] { [0x60 | UInt8(text.utf8.count)] + [UInt8](text.utf8) }

  private static func document(_ registers: String) -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: 48)
    var bytes: [UInt8] = [0xBF] + text("module_id") + text("i-1-enc1") + text("digest") + text("SHA384")
    bytes +=
      text("timestamp") + [0x1B, 0, 0, 1, 0x90, 0, 0, 0, 0] + text(registers) + [0xA1, 0x00, 0x58, 0x30] + zeros
    bytes += text("certificate") + [0x41, 0x30] + text("cabundle") + [0x81, 0x41, 0x30]
    return bytes + text("public_key") + [0xF6] + text("user_data") + [0x41, 0x07] + text("nonce") + [0x40, 0xFF]
  }

  /// Nothing traps, and a document that is read has what the format promises.
  static let read = FuzzTarget(
    name: "nitro.document", shape: .binary,
    seeds: [message(document("pcrs")), message(document("nitrotpm_pcrs")), [0xD2] + message(document("pcrs"))],
    tokens: ["module_id", "digest", "timestamp", "pcrs", "nitrotpm_pcrs", "certificate", "cabundle", "nonce", "SHA384"]
  ) { input throws(FuzzTarget.Violation) in
    _ = try? CBORReader.read(input, path: "item", allowsIndefiniteMap: true)
    let sign: COSESign1
    do throws(FieldError) { sign = try COSESign1(input) } catch { return "envelope \(error.field)" }
    try FuzzTarget.require(sign.signature.p1363.count == 96, "a signature of another size")
    try FuzzTarget.require(sign.signedBytes.count > sign.payload.count, "what is signed has no payload")
    let document: NitroDocument
    do throws(FieldError) { document = try NitroDocument(sign.payload) } catch { return "document \(error.field)" }
    let areSized = document.pcrs.values.allSatisfy { [32, 48, 64].contains($0.count) }
    try FuzzTarget.require(areSized && (1...32).contains(document.pcrs.count), "registers outside their limits")
    try FuzzTarget.require(document.timestamp > 0 && !document.authorities.isEmpty, "a document outside its limits")
    return "\(document.subject)"
  }

  /// Reports: what is read is signed as a whole, but for its signature.
  static let report = FuzzTarget(
    name: "nvidia.report", shape: .binary, seeds: [seed],
    tokens: ["\u{11}\u{60}", "\u{01}\u{33}\0", "\u{14}\0\u{30}\0"]
  ) { input throws(FuzzTarget.Violation) in
    let report: NVIDIAReport
    // Positions would make a new behaviour of every index.
    do throws(FieldError) { report = try NVIDIAReport(input) } catch { return error.field.filter { !$0.isNumber } }
    try FuzzTarget.require(report.signedBytes + report.signature.p1363 == input, "bytes that nothing signs")
    return "\(report.measurements.count) \(report.opaque.count)"
  }

  private static let seed: [UInt8] = {
    let block: [UInt8] = [1, 1, 51, 0, 1, 48, 0] + [UInt8](repeating: 7, count: 48)
    let opaque: [UInt8] = [3, 0, 4, 0, 0x35, 0x35, 0x30, 0, 6, 0, 8, 0, 0, 0x9F, 0, 0x96, 1, 0, 0, 0]
    var bytes: [UInt8] = [0x11, 0xE0, 1, 0xFF] + [UInt8](repeating: 9, count: 32) + [0]
    bytes += [0x11, 0x60, 0, 0, 1, UInt8(block.count), 0, 0] + block + [UInt8](repeating: 8, count: 32)
    return bytes + [UInt8(opaque.count), 0] + opaque + [UInt8](repeating: 1, count: 96)
  }()
}
