import CanonicalJSON
import Testing

@testable import HostCalls

/// Four disjoint kinds of tokens that add up to what the vendor says, and their price.
@Suite struct ModelUsageTests {
  private static func prices(_ json: JSON) throws -> ModelPrices { try ModelPrices(json: json, path: "p") }

  @Test func openAIsCachedTokensAreWithinThePrompt() throws {
    let json: JSON = [
      "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
      "prompt_tokens_details": ["cached_tokens": 1920],
    ]
    let usage = try #require(ModelUsage(openAI: json)).charged(at: ModelPrices())
    #expect(usage.inputTokens == 86 && usage.cacheReadTokens == 1920 && usage.outputTokens == 300)
    #expect(usage.tokens == 2306)
    // More cached than sent cannot be.
    let odd = ModelUsage(openAI: ["prompt_tokens": 5, "prompt_tokens_details": ["cached_tokens": 9]])
    #expect(odd?.input == 0 && odd?.cacheRead == 5)
    // A total that holds more than both parts.
    let hidden = ModelUsage(openAI: ["prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 20])
    #expect(hidden?.output == 15)
    #expect(ModelUsage(openAI: nil) == nil && ModelUsage(openAI: .null) == nil && ModelUsage(openAI: [:]) == nil)
    #expect(ModelUsage(openAI: ["prompt_tokens": -1]) == nil)
  }

  @Test func llamaSaysWhatItsCacheServedInTimings() {
    let usage = ModelUsage(
      openAI: ["prompt_tokens": 100, "completion_tokens": 1], timings: ["cache_n": 90, "prompt_n": 10])
    #expect(usage?.cacheRead == 90 && usage?.input == 10)
  }

  @Test func anthropicsKindsAreDisjointAlready() throws {
    let json: JSON = [
      "input_tokens": 50, "cache_read_input_tokens": 1800, "cache_creation_input_tokens": 248, "output_tokens": 503,
      "cache_creation": ["ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100],
    ]
    let usage = try #require(ModelUsage(anthropic: json))
    #expect(usage.cacheWrite == 148 && usage.cacheWriteHour == 100)
    let charged = usage.charged(at: ModelPrices())
    #expect(charged.tokens == 50 + 1800 + 248 + 503 && charged.cacheWriteTokens == 248)
    // Without the division all writes are short ones; null is not there.
    let plain = ModelUsage(
      anthropic: [
        "input_tokens": 1, "cache_creation_input_tokens": 9, "cache_creation": .null, "cache_read_input_tokens": .null,
      ])
    #expect(plain?.cacheWrite == 9 && plain?.cacheWriteHour == 0 && plain?.cacheRead == 0)
  }

  @Test func pricesRoundUpOnce() throws {
    // 3 $ for a million tokens of input, 15 $ of output; Anthropic's factors.
    let prices = try Self.prices([
      "input": 3_000_000, "cacheRead": 300_000, "cacheWrite": 3_750_000, "output": 15_000_000,
    ])
    #expect(prices.cacheWriteHour == 6_000_000)
    var usage = ModelUsage()
    usage.input = 50
    usage.cacheRead = 1800
    usage.cacheWrite = 148
    usage.cacheWriteHour = 100
    usage.output = 503
    // 150 + 540 + 555 + 600 + 7545
    #expect(usage.charged(at: prices).microUSD == 9390)
    var one = ModelUsage()
    one.cacheRead = 1
    #expect(one.charged(at: prices).microUSD == 1)
    one.input = 1
    // 3.3 in all, not 4 and 1.
    #expect(one.charged(at: prices).microUSD == 4)
    #expect(ModelUsage().charged(at: prices).microUSD == 0)
    // The largest of all stay numbers.
    var most = ModelUsage()
    most.output = ModelUsage.maxTokens
    let dear = try Self.prices(["output": 1_000_000_000_000])
    #expect(most.charged(at: dear).microUSD == JSON.maxSafeInteger)
  }

  @Test func theReserveIsNoLessThanWhatIsCharged() throws {
    let prices = try Self.prices([
      "input": 3_000_000, "cacheRead": 300_000, "cacheWrite": 3_750_000, "output": 15_000_000,
    ])
    let reserve = PromptEstimate.reserve(prompt: 1000, output: 50, prices: prices)
    #expect(reserve.inputTokens == 1000 && reserve.outputTokens == 50)
    #expect(reserve.microUSD == 6000 + 750)
  }

  @Test(
    arguments: [
      ("5", 5), (" 7 ", 7), ("0", 0), ("1.2", 2), ("999999999", 86_400), ("-1", nil), ("+5", nil), ("", nil),
      ("soon", nil),
      ("Sat, 21 Nov 2026 10:01:00 GMT", 60), ("Sat, 21 Nov 2026 09:00:00 GMT", 0), ("Sun, 31 Feb 2026", nil),
      ("Thu, 01 Mar 2029 00:00:00 GMT", 86_400), ("Sat, 21 Nov 2026 25:00:00 GMT", nil), ("NaN", nil), ("inf", nil),
    ] as [(String, Int64?)])
  func retryAfterIsSecondsOrADate(text: String, expected: Int64?) {
    #expect(RetryAfter.seconds(text, now: CallBox.now) == expected)
  }

  @Test func eventsAreTheSameForEveryCut() throws {
    let stream =
      "\u{FEFF}: hi\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: x\n\nid: 5\n\nevent: b\rdata:  y\r\rdata: end"
    let bytes = Array(stream.utf8)
    let expected: [EventStreamReader.Event] = [
      .init(name: "a", data: Array("1\n2".utf8)), .init(data: Array("x".utf8)),
      .init(name: "b", data: Array(" y".utf8)),
    ]
    for cut in 0...bytes.count {
      var reader = EventStreamReader()
      var events: [EventStreamReader.Event] = []
      for part in [bytes[..<cut], bytes[cut...]] {
        events += try Array(part).withUnsafeBytes { raw throws(EventStreamReader.TooLarge) in try reader.feed(raw) }
      }
      #expect(events == expected, "cut at \(cut)")
    }
    var reader = EventStreamReader()
    let long = [UInt8](repeating: 97, count: EventStreamReader.maxEventBytes + 1)
    #expect(throws: EventStreamReader.TooLarge.self) { try long.withUnsafeBytes { _ = try reader.feed($0) } }
  }
}
