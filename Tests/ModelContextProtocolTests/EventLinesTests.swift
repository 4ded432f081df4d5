import Testing

@testable import ModelContextProtocol

@Suite struct EventLinesTests {
  @Test func eventsAreCutWhereverTheBytesAreCut() throws {
    let text = "id: 1\nevent: call\ndata: {\"a\":1}\n\n: heartbeat\n\nid: 2\ndata: x\ndata:y\n\nevent: none\n\n"
    for size in 1...9 {
      let lines = EventLines()
      var events: [ServerSentEvent] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        events += try lines.take(rest.prefix(size))
        rest = rest.dropFirst(size)
      }
      #expect(
        events == [
          ServerSentEvent(id: 1, kind: "call", data: "{\"a\":1}"),
          ServerSentEvent(id: 2, kind: "message", data: "x\ny"),
        ])
    }
  }

  @Test func anEventWithoutEndEndsTheStream() {
    let lines = EventLines()
    #expect(throws: EventLines.TooLong.self) {
      for _ in 0..<5 { _ = try lines.take(Array(repeating: UInt8(ascii: "a"), count: 64 << 10)) }
    }
  }
}
