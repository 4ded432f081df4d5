import CanonicalJSON
import TestSupport
import Testing

/// Tests/Vectors/json.json, which others may test their implementations with.
@Suite struct OwnJSONVectorTests {
  func bytes(_ entry: JSON) throws -> [UInt8] {
    if let text = entry["text"]?.string { return Array(text.utf8) }
    let hex = Array(try #require(entry["hex"]?.string))
    return stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(String(hex[$0...($0 + 1)]), radix: 16) }
  }

  @Test func accepted() throws {
    let entries = try #require(Vectors.own("json.json")["accepted"]?.array)
    #expect(entries.count == 10)
    for entry in entries {
      let json = try JSON(parsing: bytes(entry), limits: .document(maxBytes: 4096))
      #expect(json.canonicalString() == entry["canonical"]?.string)
    }
  }

  @Test func refused() throws {
    let entries = try #require(Vectors.own("json.json")["refused"]?.array)
    #expect(entries.count == 27)
    for entry in entries {
      let input = try bytes(entry)
      do throws(JSONError) {
        _ = try JSON(parsing: input, limits: .document(maxBytes: 4096))
        Issue.record("accepted: \(entry.canonicalString())")
      } catch {
        #expect(error.kind.code == entry["refused"]?.string, "\(entry.canonicalString())")
        #expect(Int64(error.offset) == entry["offset"]?.integer, "\(entry.canonicalString())")
      }
    }
  }
}
