import Foundation
import TestSupport
import Testing

@testable import CanonicalJSON

@Suite struct RFC8785VectorTests {
  @Test(.enabled(if: Vectors.available, Vectors.absence))
  func everyTripleCanonicalises() throws {
    let names = try Vectors.list("jcs/input").map { ($0 as NSString).deletingPathExtension }
    #expect(names.count == 6)
    for name in names {
      let input = try Vectors.bytes("jcs/input/\(name).json")
      let json = try JSON(parsing: input, limits: .document(maxBytes: 4096))
      let output = json.canonicalBytes()
      #expect(output == (try Vectors.bytes("jcs/output/\(name).json")), "\(name)")
      let hex = try Vectors.text("jcs/outhex/\(name).txt").split { $0.isWhitespace }.compactMap { UInt8($0, radix: 16) }
      #expect(output == hex, "\(name)")
      #expect(try JSON(parsing: output, limits: .document(maxBytes: 4096)) == json, "\(name)")
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence))
  func tenThousandNumbers() throws {
    var count = 0
    for line in try Vectors.lines("jcs/es6_numbers_10000.txt") where !line.isEmpty {
      let fields = line.split(separator: ",")
      let bits = try #require(UInt64(fields[0], radix: 16))
      let value = Double(bitPattern: bits)
      let json = try #require(JSON.number(value))
      if json.canonicalString() != fields[1] { Issue.record("\(line): wrote \(json.canonicalString())") }
      if JSON.double(value).canonicalString() != fields[1] { Issue.record("\(line): not the same when forced") }
      let read = try JSON(parsing: String(fields[1]), limits: .document(maxBytes: 64))
      if read != json { Issue.record("\(line): read as \(read)") }
      count += 1
    }
    #expect(count == 10_000)
  }
}
