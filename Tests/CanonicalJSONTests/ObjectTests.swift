import Testing

@testable import CanonicalJSON

@Suite struct ObjectTests {
  @Test func membersCanBeSetReplacedAndRemoved() {
    var object: JSONObject = ["b": 1, "a": 2]
    object["c"] = 3
    object["a"] = 4
    object["b"] = nil
    object["absent"] = nil
    #expect(object == ["c": 3, "a": 4])
    #expect(object.keys == ["a", "c"])
    #expect(object.map(\.value) == [4, 3])
    #expect(!object.isEmpty)
  }

  /// Both ways of looking a name up: the scan of small objects and the binary search of large ones.
  @Test(arguments: [1, 12, 13, 200])
  func lookup(count: Int) {
    var object = JSONObject()
    for index in (0..<count).reversed() { object["k\(index)"] = .integer(Int64(index)) }
    #expect(object.count == count)
    for index in 0..<count { #expect(object["k\(index)"] == .integer(Int64(index))) }
    #expect(object["k"] == nil)
    #expect(object["k\(count)"] == nil)
    #expect(object["z"] == nil)
  }

  @Test func equalityIsByBytes() {
    #expect("\u{C5}" == "A\u{30A}", "Swift compares canonically equivalent texts as equal")
    #expect(JSON.string("\u{C5}") != JSON.string("A\u{30A}"))
    #expect((["\u{C5}": 1] as JSON) != ["A\u{30A}": 1])
    var object: JSONObject = ["\u{C5}": 1]
    #expect(object["A\u{30A}"] == nil)
    object["A\u{30A}"] = 2
    #expect(object.count == 2)
  }
}

@Suite struct ObjectReaderTests {
  let document: JSON = [
    "text": "hello", "number": 42, "flag": true, "list": [1, 2], "inner": ["url": 7], "nothing": nil,
  ]

  func fieldError(_ body: () throws(FieldError) -> Void) -> FieldError? {
    do throws(FieldError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  @Test func readsEveryType() throws {
    var reader = try ObjectReader(document)
    #expect(try reader.string("text") == "hello")
    #expect(try reader.integer("number") == 42)
    #expect(try reader.bool("flag"))
    #expect(try reader.array("list", maxCount: 2) == [1, 2])
    var inner = try reader.object("inner")
    #expect(try inner.integer("url", in: 7...7) == 7)
    try inner.finish()
    #expect(try reader.json("nothing") == nil as JSON)
    #expect(try reader.optionalString("absent") == nil)
    #expect(try reader.optionalInteger("absent") == nil)
    #expect(try reader.optionalBool("absent", default: true))
    #expect(try reader.optionalArray("absent", maxCount: 1) == nil)
    #expect(try reader.optionalObject("absent") == nil)
    #expect(reader.optionalJSON("absent") == nil)
    try reader.finish()
  }

  @Test func errorsNameThePath() throws {
    var reader = try ObjectReader(document, path: "action")
    var inner = try reader.object("inner")
    #expect(
      fieldError { () throws(FieldError) in _ = try inner.string("url") }
        == FieldError(field: "action.inner.url", expected: "a string", actual: "the integer 7"))
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.string("absent") }
        == FieldError(field: "action.absent", expected: "a string", actual: "nothing"))
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.string("text", maxBytes: 4) }
        == FieldError(field: "action.text", expected: "a string of at most 4 bytes", actual: "5 bytes"))
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.integer("number", in: 0...41) }
        == FieldError(field: "action.number", expected: "an integer from 0 to 41", actual: "the integer 42"))
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.array("list", maxCount: 1) }?.description
        == "action.list: expected an array of at most 1, found an array of 2")
    #expect(
      fieldError { () throws(FieldError) in _ = try ObjectReader([1]) }?.description
        == "document: expected an object, found an array of 1")
  }

  @Test func nullIsNotAbsent() throws {
    var reader = try ObjectReader(document)
    #expect(fieldError { () throws(FieldError) in _ = try reader.optionalString("nothing") }?.actual == "null")
    #expect(fieldError { () throws(FieldError) in _ = try reader.optionalInteger("nothing") }?.actual == "null")
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.optionalBool("nothing", default: false) }?.actual == "null")
    #expect(
      fieldError { () throws(FieldError) in _ = try reader.optionalArray("nothing", maxCount: 1) }?.actual == "null")
    #expect(fieldError { () throws(FieldError) in _ = try reader.optionalObject("nothing") }?.actual == "null")
    #expect(fieldError { () throws(FieldError) in _ = try reader.bool("nothing") }?.actual == "null")
  }

  @Test func unknownFieldsAreRefused() throws {
    var reader = try ObjectReader(["known": 1, "\u{1B}[31m": "x"], path: "body")
    _ = try reader.integer("known")
    #expect(
      fieldError { () throws(FieldError) in try reader.finish() }
        == FieldError(field: #"body."\u{001B}[31m""#, expected: "no such field", actual: #"the string "x""#))
  }
}
