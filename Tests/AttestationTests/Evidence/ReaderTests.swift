import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// The readers below all kinds of evidence: nothing is read past the end, and nothing longer than was said.
@Suite struct ReaderTests {
  @Test func bytesAreReadOnceAndToTheEnd() throws {
    var reader = ByteReader([1, 2, 3, 4, 5], path: "test")
    #expect(try reader.uint16(bigEndian: "head") == 0x0102)
    for count in [-1, 4, Int.max] { #expect(throws: FieldError.self, "\(count)") { try reader.slice(count, "rest") } }
    #expect(throws: FieldError.self) { try reader.finish() }
    #expect(reader.rest() == [3, 4, 5])
    #expect(throws: Never.self) { try reader.finish() }
    #expect(throws: FieldError.self) { try reader.uint8("more") }
    reader = ByteReader([0, 0, 1], path: "test")
    #expect(throws: Never.self) { try reader.zeros(2, "reserved") }
    #expect(throws: FieldError.self) { try reader.zeros(1, "reserved") }
  }

  @Test func sizedBytesHaveALimit() throws {
    var reader = ByteReader([0, 3, 1, 2, 3], path: "test")
    let error = #expect(throws: FieldError.self) { try reader.sized16("field", max: 2) }
    #expect(error == FieldError(field: "test.field", expected: "at most 2 bytes", actual: "3 bytes"))
    reader = ByteReader([0, 3, 1, 2, 3], path: "test")
    #expect(try reader.sized16("field", max: 3) == [1, 2, 3])
  }

  /// Four characters of base64 are three bytes; one is the limit.
  @Test func textOfBytesHasTheLimitOfTheBytes() throws {
    func reader(_ value: JSON) throws -> ObjectReader { try ObjectReader(["value": value]) }
    var one = try reader("AA==")
    #expect(try one.base64("value", maxBytes: 1) == [0])
    one = try reader("AAAA")
    #expect(throws: FieldError.self) { try one.base64("value", maxBytes: 1) }
    one = try reader("AAAA")
    #expect(throws: FieldError.self) { try one.optionalBase64("value", maxBytes: 1) }
    one = try reader("aa")
    #expect(throws: FieldError.self) { try one.hex("value", count: 2...3) }
    let longest = Base64.encode([UInt8](repeating: 0, count: 8192))
    one = try reader([.string(longest)])
    #expect(try one.certificates("value")[0].count == 8192)
    one = try reader([.string(Base64.encode([UInt8](repeating: 0, count: 8193)))])
    #expect(throws: FieldError.self) { try one.certificates("value") }
    one = try reader(.array([JSON](repeating: "AAAA", count: 9)))
    #expect(throws: FieldError.self) { try one.certificates("value") }
  }

  @Test func messagesHaveFourPartsOfTheirSize() throws {
    let header = CBORItem.bytes([0xA1, 0x01, 0x38, 0x22])
    let signature = CBORItem.bytes([UInt8](repeating: 1, count: 96))
    func read(_ parts: [CBORItem]) throws -> COSESign1 { try COSESign1(CBORItem.array(parts).encoded) }
    func payload(_ count: Int) -> CBORItem { .bytes([UInt8](repeating: 7, count: count)) }
    let limit = COSESign1.Limits.payloadBytes
    #expect(try read([header, .map([]), payload(limit), signature]).payload.count == limit)
    for parts in [
      [header, .map([]), payload(0), signature], [header, .map([]), payload(limit + 1), signature],
      [header, .map([]), payload(1)], [header, .map([]), payload(1), signature, .null], [],
      [header, .map([]), payload(1), .bytes([UInt8](repeating: 1, count: 95))],
      [header, .map([]), payload(1), .bytes([UInt8](repeating: 1, count: 97))],
      [header, .map([]), .null, signature], [header, .null, payload(1), signature],
    ] as [[CBORItem]] {
      #expect(throws: FieldError.self) { try read(parts) }
    }
    let bytes = COSESign1.Limits.bytes
    let error = #expect(throws: FieldError.self) { try COSESign1([UInt8](repeating: 0, count: bytes + 1)) }
    #expect(error?.expected == "at most \(bytes) bytes")
  }

  @Test func runtimeEventsHaveALimit() throws {
    let event = try RuntimeEvent(kind: .tool, name: "t", digest: SHA256.hash([1]))
    let limit = RuntimeLog.maxEvents
    let many = [JSON](repeating: event.json, count: limit)
    #expect(try RuntimeLog(json: many, path: "runtime").events.count == limit)
    for read in [
      { try RuntimeLog(json: many + [event.json], path: "runtime") },
      { try RuntimeLog([RuntimeEvent](repeating: event, count: limit + 1)) },
    ] as [() throws -> RuntimeLog] {
      let error = #expect(throws: FieldError.self) { try read() }
      #expect(error?.expected == "at most \(limit) events")
    }
    #expect(try !RuntimeLog([]).isLocked)
  }
}
