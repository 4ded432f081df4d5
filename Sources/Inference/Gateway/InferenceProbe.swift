import CanonicalJSON

/// A door for fuzzers: reads what clients and runners may send, and checks what must hold of every input.
package enum InferenceProbe {
  /// A property that did not hold.
  package struct Violation: Error {
    /// Which one, and by what.
    package let what: String
  }

  /// Reads a request's body as every route does. What is accepted must leave nothing in it that steers a runner or makes it
  /// open something.
  ///
  /// - Returns: which routes accepted it.
  package static func request(_ bytes: [UInt8]) throws(Violation) -> String {
    let limits = InferenceLimits()
    guard let json = try? JSON(parsing: bytes, limits: RunnerConnection.jsonLimits(maxBytes: 1 << 20)) else {
      return "no JSON"
    }
    var accepted: [String] = []
    let routes: [(String, (JSON) throws -> Generation)] = [
      ("chat", { try ChatCompletionsRequest.generation($0, limits: limits) }),
      ("completions", { try CompletionsRequest.generation($0, limits: limits) }),
      ("responses", { try ResponsesRequest.generation($0, limits: limits) }),
      ("messages", { try MessagesRequest.generation($0, limits: limits) }),
    ]
    for (name, read) in routes {
      guard let generation = try? read(json) else { continue }
      accepted.append(name)
      for member in ["model", "stream", "id_slot", "cache_prompt", "max_tokens"] {
        guard generation.body[member] == nil else { throw Violation(what: "\(name) lets \(member) through") }
      }
      for message in generation.body["messages"]?.array ?? [] {
        for part in message["content"]?.array ?? [] {
          guard let url = part["image_url"]?["url"]?.string ?? part["image_url"]?.string else { continue }
          guard url.hasPrefix("data:image/") else { throw Violation(what: "\(name) lets \(url) through") }
        }
      }
    }
    if (try? EmbeddingsRequest(json, limits: limits)) != nil { accepted.append("embeddings") }
    if (try? SpeechRequest(json)) != nil { accepted.append("speech") }
    return accepted.joined(separator: " ")
  }

  /// Reads a runner's stream in every shape, cut where the input itself says. The cut must not matter, and a stream ends
  /// well only if the runner said so.
  ///
  /// - Returns: how the stream ended.
  package static func stream(_ bytes: [UInt8]) throws(Violation) -> String {
    let cut = bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % (bytes.count + 1)
    let events = read(bytes, cutAt: cut)
    guard events == read(bytes, cutAt: bytes.count) else { throw Violation(what: "a cut at \(cut) changes the events") }
    guard let events else { return "too long" }
    let context = AnswerContext(request: "r", model: "m", created: 0)
    let echo = ResponsesAnswer.Echo(tools: [], toolChoice: "auto", parallel: true)
    let shapes: [any AnswerShape] = [
      ChatCompletionsAnswer(kind: .chat, includesUsage: true), ResponsesAnswer(echo: echo), MessagesAnswer(),
    ]
    var ends: Set<String> = []
    for shape in shapes { ends.insert(end(of: events, shape.stream(context))) }
    // A runner that finished has finished in every shape, but for calls that only some of them read.
    return ends.sorted().joined(separator: " ")
  }

  private static func read(_ bytes: [UInt8], cutAt cut: Int) -> [[UInt8]]? {
    var events = RunnerEvents(limit: 4096)
    guard let first = try? events.feed(bytes[..<cut]), let second = try? events.feed(bytes[cut...]) else { return nil }
    return first + second
  }

  private static func end(of events: [[UInt8]], _ start: any AnswerStream) -> String {
    var stream = start
    _ = stream.begin()
    var counts: TokenCounts?
    for event in events {
      if event.elementsEqual("[DONE]".utf8) { return (try? stream.end(usage: counts)) == nil ? "early" : "done" }
      guard let json = try? JSON(parsing: event, limits: RunnerConnection.jsonLimits(maxBytes: 4096)) else {
        return "no JSON"
      }
      counts = TokenCounts(json) ?? counts
      guard (try? stream.take(json, usage: counts)) != nil else { return "malformed" }
    }
    return "open"
  }
}
