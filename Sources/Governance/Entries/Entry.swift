import CanonicalJSON

/// What an entry records (docs/formats.md section 3).
public enum EntryKind: String, Sendable, Hashable, CaseIterable {
  case boxCreated = "box.created"
  case proposalOpened = "proposal.opened"
  case proposalApproved = "proposal.approved"
  case proposalObjected = "proposal.objected"
  case proposalWithdrawn = "proposal.withdrawn"
  case executionStarted = "execution.started"
  case executionFinished = "execution.finished"
  case runStarted = "run.started"
  case runResumed = "run.resumed"
  case runCalled = "run.called"
  case runFinished = "run.finished"
  case identityClaimed = "identity.claimed"
  case codeMeasured = "code.measured"

  /// Whether an entry of this kind is about a run of a tool.
  public var isOfRun: Bool {
    switch self {
    case .runStarted, .runResumed, .runCalled, .runFinished: true
    default: false
    }
  }

  /// The greatest length of an entry of this kind in bytes. Entries that may carry a constitution reach to what an entry
  /// bundle of tlog-tiles can hold.
  public var maxBytes: Int {
    switch self {
    case .boxCreated, .proposalOpened: 65_535
    default: 16_384
    }
  }
}

/// One leaf of the log. Every value of this type is well formed: its bytes parse to the same entry again, whether it
/// was read from a log or made here, so nothing can be appended that an auditor could not read.
public struct Entry: Sendable, Hashable {
  /// When the box recorded it, in Unix milliseconds.
  public let at: Int64
  public let kind: EntryKind
  /// The body, not yet read as its kind.
  public let body: JSON
  /// The canonical bytes: what is hashed as the leaf.
  public let bytes: [UInt8]

  /// Reads an entry. Refuses bytes that are not canonical: the leaf hash is over bytes, and two spellings of one fact
  /// would be two leaves.
  public init(parsing bytes: [UInt8]) throws(EntryError) {
    let json: JSON
    do {
      json = try JSON(parsing: bytes, limits: Self.limits)
    } catch {
      throw .notJSON("\(error)")
    }
    guard json.canonicalBytes() == bytes else { throw .notCanonical }
    do throws(FieldError) {
      var reader = try ObjectReader(json)
      at = try reader.time("at")
      let name = try reader.string("kind", maxBytes: 64)
      body = try reader.json("body")
      try reader.finish()
      guard case .object = body else {
        throw FieldError(field: "body", expected: "an object", actual: body.summary)
      }
      guard let kind = EntryKind(rawValue: name) else {
        throw FieldError(field: "kind", expected: "a kind of entry", actual: JSON.string(name).summary)
      }
      self.kind = kind
    } catch {
      throw .field(error)
    }
    guard bytes.count <= kind.maxBytes else { throw .tooLarge(limit: kind.maxBytes, actual: bytes.count) }
    self.bytes = bytes
  }

  /// Makes an entry. Throws for a body that could not be read back: a fraction, an unsafe integer, a noncharacter,
  /// nesting over 64, a length over the kind's limit.
  public init(at: Int64, kind: EntryKind, body: JSON) throws(EntryError) {
    guard (0...JSON.maxSafeInteger).contains(at) else {
      throw .field(FieldError(field: "at", expected: "a time in Unix milliseconds", actual: "\(at)"))
    }
    guard case .object = body else {
      throw .field(FieldError(field: "body", expected: "an object", actual: body.summary))
    }
    try Self.checkReadable(body, depth: 2)
    let bytes = JSON.object(["at": .integer(at), "body": body, "kind": .string(kind.rawValue)]).canonicalBytes()
    guard bytes.count <= kind.maxBytes else { throw .tooLarge(limit: kind.maxBytes, actual: bytes.count) }
    self.at = at
    self.kind = kind
    self.body = body
    self.bytes = bytes
  }

  /// What the parser accepts of an entry.
  static let limits = JSONLimits(maxBytes: 65_535, integersOnly: true)

  /// Walks a value that was built rather than parsed, for what the parser would refuse.
  private static func checkReadable(_ value: JSON, depth: Int) throws(EntryError) {
    switch value {
    case .null, .bool: return
    case .integer(let integer):
      guard integer.magnitude <= UInt64(JSON.maxSafeInteger) else { throw .notJSON("\(integer) is beyond 2^53-1") }
    case .double(let number): throw .notJSON("\(number) is not an integer")
    case .string(let text): try checkReadable(text)
    case .array(let elements):
      try checkNesting(depth)
      for element in elements { try checkReadable(element, depth: depth + 1) }
    case .object(let members):
      try checkNesting(depth)
      for member in members {
        try checkReadable(member.key)
        try checkReadable(member.value, depth: depth + 1)
      }
    }
  }

  private static func checkNesting(_ depth: Int) throws(EntryError) {
    guard depth <= limits.maxDepth else { throw .notJSON("nesting deeper than \(limits.maxDepth)") }
  }

  private static func checkReadable(_ text: String) throws(EntryError) {
    // Noncharacters end in FFFE or FFFF, or lie in FDD0...FDEF; all of them need three or four bytes of UTF-8.
    guard text.utf8.contains(where: { $0 >= 0xEF }) else { return }
    for scalar in text.unicodeScalars where scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
    {
      throw .notJSON("a string contains the noncharacter U+\(String(scalar.value, radix: 16, uppercase: true))")
    }
  }
}

/// Why bytes are not an entry.
public enum EntryError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Not strict I-JSON, or a value that entries do not carry.
  case notJSON(String)
  /// Readable, but not the RFC 8785 form.
  case notCanonical
  case field(FieldError)
  case tooLarge(limit: Int, actual: Int)

  public var description: String {
    switch self {
    case .notJSON(let why): "not an entry: \(why)"
    case .notCanonical: "not an entry: the bytes are not in canonical form (RFC 8785)"
    case .field(let error): "not an entry: \(error)"
    case .tooLarge(let limit, let actual): "an entry of this kind has at most \(limit) bytes, this one has \(actual)"
    }
  }
}

/// A typed body of an entry.
public protocol EntryBody: Sendable, Hashable {
  /// The kind under which this body is recorded.
  var kind: EntryKind { get }
  /// The body as it stands in the entry.
  var body: JSON { get }
}

extension EntryBody {
  /// This body as an entry recorded at `at` (Unix milliseconds).
  public func entry(at: Int64) throws(EntryError) -> Entry { try Entry(at: at, kind: kind, body: body) }
}
