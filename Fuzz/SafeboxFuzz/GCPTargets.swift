import Attestation
import CanonicalJSON
import Cryptography

/// `Attestation` of go-tpm-tools, in Protocol Buffers.
enum GCPTargets {
  /// What is read is written as JSON and read as the same again.
  static let attestation = FuzzTarget(
    name: "attestation.gcp", shape: .binary, seeds: [message, Array(message.prefix(20))],
    tokens: ["\u{0A}\u{04}", "\u{12}\u{02}", "\u{08}\u{0B}", "\u{1A}\0", "\u{32}\0", "\u{3A}\0"]
  ) { input throws(FuzzTarget.Violation) in
    let evidence: GCPEvidence
    do throws(FieldError) {
      guard let found = try GCPEvidence.recognise(RawEvidence(bytes: input)) else { return "something else" }
      evidence = found
    } catch {
      return "\(error.field) \(error.expected)".filter { !$0.isNumber }
    }
    let json = Evidence(evidence).json
    let again = try? Evidence(json: json)
    // Sizes are the business of the members' reader: what it refuses is refused, what it reads is the same.
    try FuzzTarget.require(again.map { $0.json == json } ?? true, "evidence that reads otherwise")
    return again == nil ? "too large" : "accepted"
  }

  private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count
    let length: [UInt8] = count < 128 ? [UInt8(count)] : [UInt8(count & 0x7F | 0x80), UInt8(count >> 7)]
    return [number << 3 | 2] + length + content
  }

  private static let message: [UInt8] = {
    let entry = field(2, [0x08, 0x04] + field(2, [UInt8](repeating: 7, count: 32)))
    let quote = field(1, [0xFF, 0x54]) + field(2, [0, 0x18]) + field(3, [0x08, 0x0B] + entry)
    let instance = field(1, Array("zone".utf8)) + [0x28, 0x96, 0x01]
    return field(1, [0x00, 0x23, 0x00, 0x0B]) + field(2, quote) + field(3, [1, 2, 3]) + field(4, instance)
      + field(6, [0x30, 0]) + field(7, [0x30, 0]) + field(8, [])
  }()
}
