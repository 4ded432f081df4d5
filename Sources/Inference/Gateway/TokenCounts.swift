import CanonicalJSON

/// The tokens of one answer, by the runner's count.
struct TokenCounts: Sendable, Hashable {
  /// More than any request has; what a runner reports beyond this is no number of tokens.
  private static let most: Int64 = 1 << 40

  /// Of the prompt, cached ones included.
  var prompt: Int64
  /// Of the prompt, served from the cache; at most `prompt`.
  var cached: Int64
  /// Of the answer.
  var completion: Int64

  /// From `usage` and, for llama.cpp, `timings` beside it; nil where there is neither.
  init?(_ json: JSON) {
    guard let usage = json["usage"], let prompt = Self.count(usage["prompt_tokens"]) else { return nil }
    self.prompt = prompt
    let cached =
      Self.count(json["timings"]?["cache_n"]) ?? Self.count(usage["prompt_tokens_details"]?["cached_tokens"]) ?? 0
    self.cached = min(cached, prompt)
    completion = Self.count(usage["completion_tokens"]) ?? 0
  }

  init(prompt: Int64, cached: Int64, completion: Int64) {
    self.prompt = prompt
    self.cached = cached
    self.completion = completion
  }

  /// OpenAI's `usage` of chat completions, in which the prompt holds the cached tokens.
  var openAI: JSON {
    [
      "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
      "total_tokens": .integer(prompt + completion), "prompt_tokens_details": ["cached_tokens": .integer(cached)],
    ]
  }

  /// The `usage` of OpenAI's Responses.
  var responses: JSON {
    [
      "input_tokens": .integer(prompt), "input_tokens_details": ["cached_tokens": .integer(cached)],
      "output_tokens": .integer(completion), "output_tokens_details": ["reasoning_tokens": 0],
      "total_tokens": .integer(prompt + completion),
    ]
  }

  /// Anthropic's `usage`, in which `input_tokens` leaves the cached tokens out.
  var anthropic: JSON {
    [
      "input_tokens": .integer(prompt - cached), "cache_read_input_tokens": .integer(cached),
      "cache_creation_input_tokens": 0, "output_tokens": .integer(completion),
    ]
  }

  private static func count(_ json: JSON?) -> Int64? {
    guard let value = json?.integer, (0...most).contains(value) else { return nil }
    return value
  }
}
