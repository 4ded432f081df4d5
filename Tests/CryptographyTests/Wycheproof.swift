import CanonicalJSON
import TestSupport
import Testing

/// One file of the Wycheproof collection, flattened to its cases.
struct Wycheproof {
  struct Case {
    let file: String
    let group: JSON
    let json: JSON

    var result: String { json["result"]?.string ?? "" }
    var flags: [String] { json["flags"]?.array?.compactMap(\.string) ?? [] }
    var label: Comment { "\(file) \(json["tcId"]?.integer ?? 0): \(json["comment"]?.string ?? "") \(flags)" }

    /// A member of the case as bytes.
    func bytes(_ name: String) throws -> [UInt8] { try Self.bytes(json, name) }

    /// A member of the group as bytes.
    func groupBytes(_ name: String) throws -> [UInt8] { try Self.bytes(group, name) }

    func groupInteger(_ name: String) throws -> Int64 { try #require(group[name]?.integer) }

    private static func bytes(_ json: JSON, _ name: String) throws -> [UInt8] {
      try hex(json[name]?.string)
    }
  }

  let cases: [Case]

  init(_ file: String) throws {
    let document = try Vectors.json("wycheproof/\(file)_test.json")
    cases = try #require(document["testGroups"]?.array).flatMap { group in
      (group["tests"]?.array ?? []).map { Case(file: file, group: group, json: $0) }
    }
    let announced = try #require(document["numberOfTests"]?.integer)
    #expect(Int64(cases.count) == announced)
    #expect(!cases.isEmpty)
  }
}

/// Hexadecimal of either case, read without the code under test.
func hex(_ text: String?) throws -> [UInt8] {
  let text = try #require(text)
  let digits = text.compactMap(\.hexDigitValue)
  try #require(digits.count == text.count && digits.count.isMultiple(of: 2))
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

/// A message of the given length: 0, 1, ..., 250, 0, ...
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }
