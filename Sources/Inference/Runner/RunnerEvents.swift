/// Reads a runner's `text/event-stream` as it arrives (WHATWG HTML section 9.2.6): the data of each event, whatever cuts
/// the bytes came in. Names and ids are dropped: no runner's stream needs them.
struct RunnerEvents: Sendable {
  /// An event longer than the limit.
  struct TooLong: Error, Hashable { var limit: Int }

  private let limit: Int
  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var afterReturn = false
  private var isFirstLine = true

  /// - Parameter limit: bytes of one event's lines.
  init(limit: Int) { self.limit = limit }

  /// The events that are complete with these bytes.
  mutating func feed(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [[UInt8]] {
    var events: [[UInt8]] = []
    for byte in bytes {
      let isSecondHalf = afterReturn && byte == 0x0A
      afterReturn = byte == 0x0D
      if isSecondHalf { continue }
      guard byte == 0x0A || byte == 0x0D else {
        guard line.count + data.count < limit else { throw TooLong(limit: limit) }
        line.append(byte)
        continue
      }
      if let event = endLine() { events.append(event) }
    }
    return events
  }

  private mutating func endLine() -> [UInt8]? {
    defer { line.removeAll(keepingCapacity: true) }
    if isFirstLine {
      isFirstLine = false
      if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    }
    guard !line.isEmpty else {
      defer {
        data = []
        hasData = false
      }
      return hasData ? data : nil
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    guard line[..<colon].elementsEqual("data".utf8) else { return nil }
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == 0x20 { value = value.dropFirst() }
    if hasData { data.append(0x0A) }
    data.append(contentsOf: value)
    hasData = true
    return nil
  }
}
