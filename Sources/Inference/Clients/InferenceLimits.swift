/// Sizes, counts and times within which the gateway works.
public struct InferenceLimits: Sendable, Hashable {
  /// The body of a request, in bytes; longer is 413.
  public var bodyBytes = 16 << 20
  /// The body of an answer that is not streamed, in bytes, and of a streamed one altogether.
  public var answerBytes = 64 << 20
  /// One event of a runner's stream, in bytes.
  public var eventBytes = 4 << 20
  /// What is held of a stream for a client that reads slowly, in bytes; beyond it the stream is broken off.
  public var streamBufferBytes = 8 << 20
  /// Requests that wait for a place at one runner; further ones are told to come back.
  public var queueLength = 64
  /// How long one waits there.
  public var queueWait: Duration = .seconds(30)
  /// How long an answer may take altogether; `X-Safebox-Timeout-Ms` may shorten it.
  public var deadline: Duration = .seconds(600)
  /// Messages of a request.
  public var messages = 4096
  /// Tools of a request.
  public var tools = 256
  /// Texts of one request for embeddings.
  public var embeddingInputs = 2048
  /// Choices of one request (`n`) at a runner without slots; with slots it is 1, because further choices take the slots
  /// of other conversations.
  public var choices = 8
  /// Tokens of an answer that a client with a budget gets when it names no number.
  public var budgetedOutput: Int64 = 4096
  /// How often a stream without events says that it is alive.
  public var heartbeat: Duration = .seconds(15)

  /// The defaults.
  public init() {}
}
