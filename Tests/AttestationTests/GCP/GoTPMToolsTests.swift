import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// What `gotpm attest` writes: each field where it belongs, and no more of them than there may be.
@Suite struct GoTPMToolsTests {
  private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var count = content.count
    var length: [UInt8] = []
    repeat {
      length.append(UInt8(count & 0x7F) | (count > 0x7F ? 0x80 : 0))
      count >>= 7
    } while count > 0
    return [number << 3 | 2] + length + content
  }

  private static func quote(_ quote: GCPEvidence.Quote) -> [UInt8] {
    let bank = quote.pcrs[0]
    let values = bank.values.sorted { $0.key < $1.key }.flatMap { index, value in
      field(2, [0x08, UInt8(index)] + field(2, value))
    }
    return field(1, quote.quote) + field(2, quote.signature)
      + field(3, [0x08, UInt8(bank.algorithm.identifier & 0x7F)] + values)
  }

  private static func message(_ evidence: GCPEvidence, quotes: Int = 1) -> [UInt8] {
    field(1, evidence.key) + (0..<quotes).flatMap { _ in field(2, quote(evidence.quotes[1])) }
  }

  private static func read(_ bytes: [UInt8], beside: [[UInt8]] = []) throws -> GCPEvidence? {
    try GCPEvidence.recognise(RawEvidence(bytes: bytes, attachments: beside.map { (name: "certificate", bytes: $0) }))
  }

  @Test func theQuotesOfAToolAreAccepted() throws {
    var scenario = try GCPScenario()
    let certificates = scenario.evidence.certificates
    let message = Self.message(scenario.evidence)
    let inside = message + Self.field(6, certificates[0]) + Self.field(7, certificates[1])
    let beside = [certificates[1], Array(PEM.encode(certificates[0], label: "CERTIFICATE").utf8)]
    for evidence in [try Self.read(inside), try Self.read(message, beside: beside)] {
      scenario.evidence = try #require(evidence)
      #expect(scenario.evidence.certificates == certificates)
      #expect(try scenario.failures() == [])
    }
    // Without a certificate of the key, others have nothing to say.
    let other = try #require(try Self.read(message, beside: [certificates[1]]))
    #expect(other.certificates == [])
  }

  @Test func certificatesBesideHaveALimit() throws {
    let scenario = try GCPScenario()
    let many = try (1...9).map {
      try scenario.root.authority("Another", key: MintKeys.otherP256, serialNumber: [UInt8($0)]).certificate.der
    }
    let evidence = try Self.read(Self.message(scenario.evidence), beside: [scenario.evidence.certificates[0]] + many)
    #expect(evidence?.certificates.count == GCPEvidence.maxCertificates)
  }

  @Test func fieldsHaveTheirFormAndTheirLimits() throws {
    let evidence = try GCPScenario().evidence
    let leaf = evidence.certificates[0]
    let whole = Self.message(evidence)
    func certificates(_ count: Int) -> [UInt8] { (0..<count).flatMap { _ in Self.field(7, [0x30, 0x00]) } }
    #expect(try Self.read(whole + Self.field(6, leaf) + certificates(7))?.certificates.count == 8)
    #expect(try Self.read(Self.message(evidence, quotes: 4))?.quotes.count == 4)
    let malformed: [(String, [UInt8])] = [
      ("only intermediates", whole + certificates(1)),
      ("nine certificates", whole + Self.field(6, leaf) + certificates(8)),
      ("five quotes", Self.message(evidence, quotes: 5)), ("a field that is not known", whole + Self.field(10, [])),
      ("two keys", whole + Self.field(1, evidence.key)),
      (
        "a register twice",
        Self.field(1, evidence.key)
          + Self.field(
            2,
            Self.field(1, [1]) + Self.field(2, [1])
              + Self.field(3, [0x08, 0x0B] + Self.field(2, [0x08, 0x01]) + Self.field(2, [0x08, 0x01])))
      ),
      (
        "a hash that is not known",
        Self.field(1, evidence.key)
          + Self.field(2, Self.field(1, [1]) + Self.field(2, [1]) + Self.field(3, [0x08, 0x12]))
      ),
      ("no signature", Self.field(1, evidence.key) + Self.field(2, Self.field(1, [1]) + Self.field(3, [0x08, 0x0B]))),
      ("a zone of 257 bytes", whole + Self.field(4, Self.field(1, [UInt8](repeating: 0x7A, count: 257)))),
      ("a zone that is no text", whole + Self.field(4, Self.field(1, [0xFF]))),
    ]
    for (name, bytes) in malformed { #expect(throws: FieldError.self, "\(name)") { try Self.read(bytes) } }
    #expect(throws: Never.self) {
      try Self.read(whole + Self.field(4, Self.field(1, [UInt8](repeating: 0x7A, count: 256))))
    }
  }

  @Test func otherBytesAreAnothersToRead() throws {
    #expect(try Self.read([0x0A, 0x03, 0x00, 0x02, 0x00]) == nil)
    #expect(try Self.read([0x0B, 0x03, 0x00, 0x01, 0x00]) == nil)
    #expect(try Self.read([]) == nil)
  }

  @Test func fieldsHaveALimit() throws {
    func read(_ count: Int) throws -> ProtocolBuffer {
      try ProtocolBuffer(Array([[UInt8]](repeating: [8, 1], count: count).joined())[...], known: [1], path: "test")
    }
    #expect(throws: Never.self) { try read(ProtocolBuffer.maxFields) }
    #expect(throws: FieldError.self) { try read(ProtocolBuffer.maxFields + 1) }
  }
}
