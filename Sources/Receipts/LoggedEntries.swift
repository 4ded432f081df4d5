import CanonicalJSON
import Governance

/// An entry with what it says, read by the part that it plays.
public struct Logged<Body: Sendable>: Sendable {
  public let index: UInt64
  /// When it was recorded (Unix milliseconds).
  public let at: Int64
  public let body: Body
}

/// The entries of a receipt: each canonical, of a known kind, within its limit, and none before the one before it.
struct LoggedEntries {
  private var entries: [UInt64: Entry] = [:]

  init(_ items: [Receipt.Item]) throws(CheckFailure) {
    var last: Int64 = 0
    for item in items {
      let entry = try Self.entry(item.entry)
      guard entry.at >= last else {
        throw CheckFailure("entries.time", expected: "a time not before \(last)", actual: "\(entry.at)")
      }
      last = entry.at
      entries[item.index] = entry
    }
  }

  /// The entry that plays a part. `format` has made sure that there is one.
  private func entry(at index: UInt64) throws(CheckFailure) -> Entry {
    guard let entry = entries[index] else {
      throw CheckFailure("format.role", expected: "a role that names an entry of the receipt", actual: "\(index)")
    }
    return entry
  }

  func kind(at index: UInt64) throws(CheckFailure) -> EntryKind { try entry(at: index).kind }

  func part<Body>(
    _ role: String, _ index: UInt64, _ kind: EntryKind, _ read: (JSON) throws(FieldError) -> Body
  ) throws(CheckFailure) -> Logged<Body> {
    let entry = try entry(at: index)
    guard entry.kind == kind else {
      throw CheckFailure("entries.role-kind", expected: "\(role): \(kind.rawValue)", actual: entry.kind.rawValue)
    }
    do {
      return Logged(index: index, at: entry.at, body: try read(entry.body))
    } catch {
      throw CheckFailure("entries.body", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
  }

  private static func entry(_ bytes: [UInt8]) throws(CheckFailure) -> Entry {
    do { return try Entry(parsing: bytes) } catch {
      switch error {
      case .notJSON(let why): throw CheckFailure("entries.json", expected: "strict I-JSON", actual: why)
      case .notCanonical:
        throw CheckFailure("entries.canonical", expected: "RFC 8785 text", actual: "another spelling of it")
      case .field(let field):
        throw CheckFailure("entries.field", expected: "\(field.field): \(field.expected)", actual: field.actual)
      case .tooLarge(let limit, let actual):
        throw CheckFailure("entries.size", expected: "at most \(limit) bytes", actual: "\(actual)")
      }
    }
  }
}
