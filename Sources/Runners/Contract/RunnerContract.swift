import CanonicalJSON

/// What every runner says of a request beside its answer (docs/runners.md, "Contract"). Pure.
///
/// A runner may send these headers itself, as our adapters do. For a server that does not know them - llama.cpp, vLLM,
/// SGLang, Ollama - whoever is in front of it makes them from what the server says in its own words.
public enum RunnerContract {
  /// Header names of requests and responses.
  public enum Header {
    /// Echoed: 1 to 128 bytes.
    public static let requestID = "X-Safebox-Request-Id"
    public static let tenant = "X-Safebox-Tenant"
    /// `prefix` or `none`.
    public static let cacheMode = "X-Safebox-Cache-Mode"
    public static let cacheTag = "X-Safebox-Cache-Tag"
    public static let priority = "X-Safebox-Priority"
    public static let timeout = "X-Safebox-Timeout-Ms"
    public static let runnerID = "X-Safebox-Runner-Id"
    public static let modelID = "X-Safebox-Model-Id"
    public static let cacheHit = "X-Safebox-Cache-Hit"
    public static let cacheTokensReused = "X-Safebox-Cache-Tokens-Reused"
    public static let queueWait = "X-Safebox-Queue-Wait-Ms"
    public static let compute = "X-Safebox-Compute-Ms"
    public static let capacityHint = "X-Safebox-Capacity-Hint"
  }

  /// How much room a runner has.
  public enum CapacityHint: String, Sendable, Hashable {
    case available
    /// 70 % of the slots are busy.
    case nearSaturated = "near-saturated"
    /// 90 %; when all are, the answer is 503.
    case saturated
  }

  /// Of `slots` slots, `busy` serve a request.
  public static func capacityHint(busy: Int, slots: Int) -> CapacityHint {
    busy * 10 >= slots * 9 ? .saturated : busy * 10 >= slots * 7 ? .nearSaturated : .available
  }

  /// What a server said of one answer.
  public struct Work: Sendable, Hashable {
    /// Tokens of the prompt that were not computed again. Nil when the server does not say; that is never zero.
    public var cachedTokens: Int64?
    /// Tokens of the prompt that were computed.
    public var promptTokens: Int64?
    public var generatedTokens: Int64?
    public var computeMilliseconds: Int64?

    public init() {}

    /// From a whole answer, or the last event of a stream.
    ///
    /// llama.cpp: `timings` (`cache_n`, `prompt_n`, `prompt_ms`, `predicted_n`, `predicted_ms`). Others: OpenAI's `usage`
    /// with `prompt_tokens_details.cached_tokens`.
    public init(answer: JSON) {
      if let timings = answer["timings"] {
        cachedTokens = timings["cache_n"]?.integer
        promptTokens = timings["prompt_n"]?.integer
        generatedTokens = timings["predicted_n"]?.integer
        if let prompt = timings["prompt_ms"]?.number, let predicted = timings["predicted_ms"]?.number,
          prompt >= 0, predicted >= 0, prompt + predicted < 1e12
        {
          computeMilliseconds = Int64(prompt + predicted)
        }
        return
      }
      guard let usage = answer["usage"] else { return }
      cachedTokens = usage["prompt_tokens_details"]?["cached_tokens"]?.integer
      promptTokens = usage["prompt_tokens"]?.integer.map { max(0, $0 - (cachedTokens ?? 0)) }
      generatedTokens = usage["completion_tokens"]?.integer
    }
  }

  /// The headers of a response.
  ///
  /// - Parameters:
  ///   - requestID: as the request had it; left out when it is none of 1 to 128 visible characters.
  ///   - queueMilliseconds: how long the request waited for a slot.
  public static func headers(
    requestID: String?, runner: String, model: String, work: Work, queueMilliseconds: Int64, hint: CapacityHint
  ) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    if let requestID, (1...128).contains(requestID.utf8.count),
      requestID.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    {
      headers.append((Header.requestID, requestID))
    }
    headers.append((Header.runnerID, runner))
    headers.append((Header.modelID, model))
    if let cached = work.cachedTokens {
      headers.append((Header.cacheHit, cached > 0 ? "true" : "false"))
      headers.append((Header.cacheTokensReused, "\(cached)"))
    }
    headers.append((Header.queueWait, "\(queueMilliseconds)"))
    if let compute = work.computeMilliseconds { headers.append((Header.compute, "\(compute)")) }
    headers.append((Header.capacityHint, hint.rawValue))
    return headers
  }
}
