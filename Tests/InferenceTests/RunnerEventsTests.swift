import Testing

@testable import Inference

/// Streams of events, cut anywhere.
struct RunnerEventsTests {
  private func read(_ text: String, cutAt cut: Int, limit: Int = 1000) throws -> [String] {
    let bytes = Array(text.utf8)
    var events = RunnerEvents(limit: limit)
    let all = try events.feed(bytes[..<cut]) + events.feed(bytes[cut...])
    return all.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func everyCutGivesTheSameEvents() throws {
    let text = "\u{FEFF}data: a\r\n\r\n: comment\nevent: x\ndata:b\ndata:  c\n\nid: 1\n\ndata\rdata: é\r\rdata: lost"
    for cut in 0...text.utf8.count {
      #expect(try read(text, cutAt: cut) == ["a", "b\n c", "\né"], "cut at \(cut)")
    }
  }

  @Test func anEventOverTheLimitIsRefused() throws {
    #expect(throws: RunnerEvents.TooLong(limit: 10)) { try read("data: 123456789\n\n", cutAt: 3, limit: 10) }
    #expect(throws: RunnerEvents.TooLong(limit: 20)) {
      try read("data: 123456789\ndata: 123456789\ndata: 1\n\n", cutAt: 3, limit: 20)
    }
    #expect(try read("data: 1\n\ndata: 2\n\n", cutAt: 3, limit: 10) == ["1", "2"])
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_700_000_000, "2023-11-14T22:13:20Z"),
    (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"), (-5, "1970-01-01T00:00:00Z"),
    (Int64.max, "9999-12-31T23:59:59Z"),
  ])
  func timesAreWrittenAsRFC3339(_ seconds: Int64, _ text: String) {
    #expect(CivilTime.text(seconds) == text)
  }
}
