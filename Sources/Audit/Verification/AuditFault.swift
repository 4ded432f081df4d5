import CanonicalJSON

/// One thing that is wrong with a log or its archive.
public struct AuditFault: Sendable, Hashable, CustomStringConvertible {
  /// Counts from 1 in the order in which faults were found: the archive, the tree, then the entries.
  public var number: Int
  /// A stable name, such as `entry.altered` or `execution.not-approved`.
  public var code: String
  /// Index of the entry; nil for what is wrong with a file.
  public var entry: UInt64?
  /// The file of the archive; nil for what is wrong with an entry.
  public var file: String?
  /// What is wrong, in one sentence.
  public var sentence: String
  public var expected: String?
  public var actual: String?
  /// The number of an earlier fault that may be the cause of this one.
  public var follows: Int?

  public var description: String {
    let place = entry.map { "entry \($0): " } ?? file.map { "\($0): " } ?? ""
    var text = "fault \(number) [\(code)] \(place)\(sentence)"
    if let follows { text += " (follows from fault \(follows))" }
    return text
  }

  var json: JSON {
    var object: JSONObject = [
      "number": .integer(Int64(number)), "code": .string(code), "sentence": .string(sentence),
    ]
    object["entry"] = entry.map { JSON(count: $0) }
    object["file"] = file.map(JSON.string)
    object["expected"] = expected.map(JSON.string)
    object["actual"] = actual.map(JSON.string)
    object["follows"] = follows.map { .integer(Int64($0)) }
    return .object(object)
  }
}

/// Faults as they are found: all are counted, so many are kept.
struct FaultList: Sendable {
  private(set) var kept: [AuditFault] = []
  private(set) var count = 0
  private(set) var byCode: [String: Int] = [:]
  /// The first fault about each entry, so that what follows from it can say so.
  private var byEntry: [UInt64: Int] = [:]
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Adds a fault; texts from the log are cut, since a lying box chooses them.
  @discardableResult
  mutating func add(
    _ code: String, entry: UInt64? = nil, file: String? = nil, _ sentence: String, expected: String? = nil,
    actual: String? = nil, follows: Int? = nil
  ) -> Int {
    count += 1
    byCode[code, default: 0] += 1
    if kept.count < limit {
      kept.append(
        AuditFault(
          number: count, code: code, entry: entry, file: file, sentence: Self.shown(sentence),
          expected: expected.map(Self.shown), actual: actual.map(Self.shown), follows: follows))
    }
    if let entry, byEntry[entry] == nil, byEntry.count < limit { byEntry[entry] = count }
    return count
  }

  func first(about entry: UInt64) -> Int? { byEntry[entry] }

  private static func shown(_ text: String) -> String {
    let visible = text.unicodeScalars.prefix(600).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }
    return String(String.UnicodeScalarView(visible))
  }
}
