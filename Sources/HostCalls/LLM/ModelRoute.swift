import CanonicalJSON
import Governance
import HTTPClient

/// Where the calls of some models go: an element of `settings.models`.
public struct ModelRoute: Sendable, Hashable {
  /// How the peer wants to be asked.
  public enum Shape: String, Sendable, Hashable, CaseIterable {
    /// `POST {url}/chat/completions` and `{url}/embeddings`, as OpenAI documents them.
    case openai
    /// `POST {url}/v1/messages`, as Anthropic documents it.
    case anthropic
    /// A runner of one's own: OpenAI's shape with `max_tokens`, usually without a key, also on a Unix socket.
    case local
    /// A runner of this box, by the name under which its owners started it: spoken to as `local`, through the box's own
    /// gateway, so that a name leads to an approved model or nowhere.
    case runner
  }

  /// Matched against the model's name as the tool gives it; the first route that matches is taken.
  public let name: GrantPattern
  public let shape: Shape
  /// The API's base, without a query.
  public let url: HTTPURL
  /// Path of a Unix socket to connect to instead of the URL's host; for `local` only.
  public let socket: String?
  /// Name of the secret that is the key; none is sent without it.
  public let secret: String?
  /// The name that the peer is asked for; the tool's where absent.
  public let model: String?
  public let prices: ModelPrices

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    name = try GrantPattern(json: try reader.json("name"), path: reader.pathOf("name"))
    shape = try reader.choice("shape", of: Shape.self)
    // The gateway's socket is the box's to know; what stands here is never connected to.
    url = shape == .runner ? try Self.gateway(&reader) : try reader.baseURL("url")
    socket = try reader.optionalSocket("socket")
    guard socket == nil || shape == .local else {
      throw FieldError(field: reader.pathOf("socket"), expected: "none but with the shape local", actual: "one")
    }
    secret = try reader.optionalSecretName("secret")
    guard secret == nil || shape != .runner else {
      throw FieldError(field: reader.pathOf("secret"), expected: "none with the shape runner", actual: "one")
    }
    model = try reader.optionalString("model", maxBytes: 128)
    if let value = reader.optionalJSON("prices") {
      prices = try ModelPrices(json: value, path: reader.pathOf("prices"))
    } else {
      prices = ModelPrices()
    }
    try reader.finish()
  }

  private static func gateway(_ reader: inout ObjectReader) throws(FieldError) -> HTTPURL {
    guard reader.optionalJSON("url") == nil else {
      throw FieldError(field: reader.pathOf("url"), expected: "none with the shape runner", actual: "one")
    }
    do {
      return try HTTPURL("http://gateway.invalid/v1")
    } catch {
      throw FieldError(field: reader.pathOf("url"), expected: "a URL", actual: "\(error)")
    }
  }
}

/// What a model costs, in millionths of a US dollar for a million tokens: 3 dollars are 3000000.
public struct ModelPrices: Sendable, Hashable {
  public var input: Int64 = 0
  /// As `input` where the settings do not say.
  public var cacheRead: Int64 = 0
  /// Of entries that live 5 minutes. As `input` where the settings do not say.
  public var cacheWrite: Int64 = 0
  /// Of entries that live an hour. 8/5 of `cacheWrite` where the settings do not say: vendors take 2 times the price of
  /// input, and 5/4 for the short ones.
  public var cacheWriteHour: Int64 = 0
  public var output: Int64 = 0

  static let range: ClosedRange<Int64> = 0...1_000_000_000_000

  public init() {}

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    input = try reader.optionalInteger("input", in: Self.range) ?? 0
    cacheRead = try reader.optionalInteger("cacheRead", in: Self.range) ?? input
    cacheWrite = try reader.optionalInteger("cacheWrite", in: Self.range) ?? input
    cacheWriteHour = try reader.optionalInteger("cacheWriteHour", in: Self.range) ?? (cacheWrite * 8 + 4) / 5
    output = try reader.optionalInteger("output", in: Self.range) ?? 0
    try reader.finish()
  }

  /// The dearest way in which a token of a prompt can be charged.
  var dearestInput: Int64 { max(input, cacheRead, cacheWrite, cacheWriteHour) }
}

extension ObjectReader {
  /// A word of an enumeration.
  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) throws(FieldError) -> Choice {
    let text = try string(name, maxBytes: 64)
    guard let choice = Choice(rawValue: text) else {
      throw FieldError(
        field: pathOf(name), expected: "one of \(Choice.allCases.map(\.rawValue))", actual: JSON.string(text).summary)
    }
    return choice
  }

  /// An http or https URL without a query, to which paths are added.
  mutating func baseURL(_ name: String) throws(FieldError) -> HTTPURL {
    let text = try string(name, maxBytes: 1024)
    let url: HTTPURL
    do {
      url = try HTTPURL(text)
    } catch {
      throw FieldError(field: pathOf(name), expected: "an http or https URL", actual: "\(error)")
    }
    guard !url.target.utf8.contains(UInt8(ascii: "?")) else {
      throw FieldError(field: pathOf(name), expected: "a URL without a query", actual: "one with it")
    }
    return url
  }

  mutating func optionalSecretName(_ name: String) throws(FieldError) -> String? {
    guard let text = try optionalString(name, maxBytes: 64) else { return nil }
    guard Name.isValid(text) else {
      throw FieldError(field: pathOf(name), expected: "the name of a secret", actual: JSON.string(text).summary)
    }
    return text
  }

  /// The absolute path of a Unix socket.
  mutating func optionalSocket(_ name: String) throws(FieldError) -> String? {
    guard let text = try optionalString(name, maxBytes: 107) else { return nil }
    guard text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw FieldError(field: pathOf(name), expected: "an absolute path", actual: JSON.string(text).summary)
    }
    return text
  }
}
