import Cryptography

/// What one request used, told once, when it is over, whatever became of it.
public struct InferenceUsage: Sendable, Hashable {
  /// The client's name.
  public var client: String
  /// The name that it asked for.
  public var model: String
  /// The approved digest that the name stood for.
  public var modelDigest: SHA256Digest
  /// The runner that it reached.
  public var runner: String
  /// The route, for example `/v1/messages`.
  public var route: String
  /// The request's id, as in `X-Safebox-Request-Id`.
  public var request: String
  /// Tokens of the prompt, cached ones included.
  public var promptTokens: Int64 = 0
  /// Tokens of the prompt that the runner took from its cache, by its own count.
  public var cachedTokens: Int64 = 0
  /// Tokens of the answer.
  public var completionTokens: Int64 = 0
  /// True when the runner did not get to say: the client left or the runner broke off. Then the prompt is counted as a
  /// quarter of its bytes and the answer as one token for each piece that was streamed.
  public var isEstimated = false
  /// What the prompt cache came to.
  public var cache: CacheOutcome = .unused
  /// Time waited for a place at the runner, in milliseconds.
  public var queueMilliseconds: Int64 = 0
  /// Time that the runner took, in milliseconds.
  public var milliseconds: Int64 = 0
  /// The status of the answer; 499 when the client left first.
  public var status = 0
}
