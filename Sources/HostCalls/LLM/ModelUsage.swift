import CanonicalJSON

/// The tokens of one call, disjoint: what the vendors report in ways that overlap is taken apart here, so that the sum of
/// the five is the vendor's total.
struct ModelUsage: Sendable, Hashable {
  /// Of the prompt, served by no cache and written to none.
  var input: Int64 = 0
  var cacheRead: Int64 = 0
  /// Written to the cache for 5 minutes.
  var cacheWrite: Int64 = 0
  /// Written to the cache for an hour.
  var cacheWriteHour: Int64 = 0
  var output: Int64 = 0

  /// More tokens than any call has; what a peer reports beyond this is no number of tokens.
  static let maxTokens: Int64 = 1 << 40

  /// As the ledger keeps it: both kinds of writes together, and the price rounded up to a whole millionth of a dollar.
  func charged(at prices: ModelPrices) -> Usage {
    var usage = Usage()
    usage.inputTokens = input
    usage.cacheReadTokens = cacheRead
    usage.cacheWriteTokens = cacheWrite + cacheWriteHour
    usage.outputTokens = output
    // 128 bits: neither the products nor their sum can overflow.
    let parts = [
      (input, prices.input), (cacheRead, prices.cacheRead), (cacheWrite, prices.cacheWrite),
      (cacheWriteHour, prices.cacheWriteHour), (output, prices.output),
    ]
    let sum = parts.reduce(Int128(0)) { $0 + Int128($1.0) * Int128($1.1) }
    usage.microUSD = Int64(min((sum + 999_999) / 1_000_000, Int128(JSON.maxSafeInteger)))
    return usage
  }

  /// OpenAI: `prompt_tokens` holds the cached ones, `completion_tokens` those of reasoning. A total above both is taken at
  /// its word, and the rest counted as output: some gateways leave reasoning out of `completion_tokens`.
  ///
  /// - Parameter timings: of llama.cpp, which says there what its cache served.
  init?(openAI json: JSON?, timings: JSON? = nil) {
    guard let json, json.object != nil, let prompt = Self.count(json["prompt_tokens"]) else { return nil }
    let cached =
      Self.count(json["prompt_tokens_details"]?["cached_tokens"]) ?? Self.count(timings?["cache_n"]) ?? 0
    let completion = Self.count(json["completion_tokens"]) ?? 0
    cacheRead = min(cached, prompt)
    input = prompt - cacheRead
    output = max(completion, (Self.count(json["total_tokens"]) ?? 0) - prompt)
  }

  /// Anthropic: `input_tokens` holds neither what was read from the cache nor what was written to it. `cache_creation`
  /// says how the writes divide by lifetime; what it leaves out lives 5 minutes.
  init?(anthropic json: JSON?) {
    guard let json, json.object != nil, let input = Self.count(json["input_tokens"]) else { return nil }
    self.input = input
    cacheRead = Self.count(json["cache_read_input_tokens"]) ?? 0
    let hour = Self.count(json["cache_creation"]?["ephemeral_1h_input_tokens"]) ?? 0
    let short = Self.count(json["cache_creation"]?["ephemeral_5m_input_tokens"]) ?? 0
    let written = Self.count(json["cache_creation_input_tokens"]) ?? (hour + short)
    cacheWriteHour = min(hour, written)
    cacheWrite = written - cacheWriteHour
    output = Self.count(json["output_tokens"]) ?? 0
  }

  init() {}

  private static func count(_ json: JSON?) -> Int64? {
    guard let value = json?.integer, (0...maxTokens).contains(value) else { return nil }
    return value
  }
}
