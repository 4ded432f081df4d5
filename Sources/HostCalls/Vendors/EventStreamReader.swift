/// Reads `text/event-stream` as it arrives (WHATWG HTML section 9.2.6): any cut of the bytes gives the same events.
struct EventStreamReader: Sendable {
  struct Event: Sendable, Hashable {
    /// Empty where the stream names none.
    var name = ""
    var data: [UInt8] = []
  }

  /// Bytes of one event's lines.
  static let maxEventBytes = 4 << 20

  struct TooLarge: Error {}

  private var line: [UInt8] = []
  private var event = Event()
  private var hasData = false
  private var afterCarriageReturn = false
  private var isFirstLine = true

  /// The events that are complete with these bytes.
  mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(TooLarge) -> [Event] {
    var events: [Event] = []
    for byte in bytes {
      let isSecondHalf = afterCarriageReturn && byte == 0x0A
      afterCarriageReturn = byte == 0x0D
      if isSecondHalf { continue }
      guard byte == 0x0A || byte == 0x0D else {
        guard line.count + event.data.count < Self.maxEventBytes else { throw TooLarge() }
        line.append(byte)
        continue
      }
      if let event = endLine() { events.append(event) }
    }
    return events
  }

  private mutating func endLine() -> Event? {
    defer { line.removeAll(keepingCapacity: true) }
    if isFirstLine {
      isFirstLine = false
      if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    }
    guard !line.isEmpty else {
      defer {
        event = Event()
        hasData = false
      }
      return hasData ? event : nil
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == 0x20 { value = value.dropFirst() }
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "event": event.name = String(decoding: value, as: UTF8.self)
    case "data":
      if hasData { event.data.append(0x0A) }
      event.data.append(contentsOf: value)
      hasData = true
    default: break
    }
    return nil
  }
}
