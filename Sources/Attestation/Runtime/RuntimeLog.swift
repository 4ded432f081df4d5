public import CanonicalJSON

/// The runtime events since the machine started, in the order in which they were extended.
public struct RuntimeLog: Sendable, Hashable {
  public static let maxEvents = 8192

  public let events: [RuntimeEvent]

  public init(_ events: [RuntimeEvent]) throws(FieldError) {
    guard events.count <= Self.maxEvents else {
      throw FieldError(
        field: "runtime", expected: "at most \(Self.maxEvents) events", actual: "\(events.count) events")
    }
    self.events = events
  }

  /// An array of events.
  public init(json: [JSON], path: String) throws(FieldError) {
    guard json.count <= Self.maxEvents else {
      throw FieldError(field: path, expected: "at most \(Self.maxEvents) events", actual: "\(json.count) events")
    }
    var events: [RuntimeEvent] = []
    events.reserveCapacity(json.count)
    for (index, event) in json.enumerated() { events.append(try RuntimeEvent(json: event, path: "\(path)[\(index)]")) }
    self.events = events
  }

  public var json: JSON { .array(events.map(\.json)) }

  /// What the register holds after all events, if it held `initial` before the first one.
  public func replay(from initial: [UInt8], algorithm: BankAlgorithm) -> [UInt8] {
    events.reduce(initial) { algorithm.extend($0, with: $1.registerDigest(algorithm)) }
  }

  /// Where the first lock stands; nil where there is none.
  public var lockIndex: Int? { events.firstIndex { $0.kind == .lock } }

  /// Whether a lock ends the log. One that is followed by anything ends nothing.
  public var isLocked: Bool { lockIndex == events.count - 1 }
}
