/// What a parser accepts of an input that nobody has vouched for.
public struct JSONLimits: Sendable, Hashable {
  /// Greatest length of the whole text in bytes.
  public var maxBytes: Int
  /// Greatest nesting of arrays and objects; a scalar document has depth 0. At most ``deepest`` is honoured.
  public var maxDepth: Int
  /// Greatest length of one string or member name, in UTF-8 bytes after decoding the escapes.
  public var maxStringBytes: Int
  /// Refuses numbers with a fraction or an exponent and integers outside +-(2^53-1).
  public var integersOnly: Bool
  /// Accepts noncharacters such as U+FFFF in strings. RFC 7493 section 2.1 forbids them; published claims contain them.
  public var allowsNoncharacters: Bool

  /// The nesting that the recursive parser supports on any thread's stack.
  public static let deepest = 256

  public init(
    maxBytes: Int, maxDepth: Int = 64, maxStringBytes: Int? = nil, integersOnly: Bool = false,
    allowsNoncharacters: Bool = false
  ) {
    self.maxBytes = maxBytes
    self.maxDepth = maxDepth
    self.maxStringBytes = maxStringBytes ?? maxBytes
    self.integersOnly = integersOnly
    self.allowsNoncharacters = allowsNoncharacters
  }

  /// A log entry: 16 KiB, integers only.
  public static let entry = JSONLimits(maxBytes: 16 * 1024, integersOnly: true)
  /// An OpenClaim under our rules: 64 KiB, integers only.
  public static let claim = JSONLimits(maxBytes: 64 * 1024, integersOnly: true, allowsNoncharacters: true)
  /// An OpenClaim as others publish them: 64 KiB, any number, noncharacters too.
  public static let publishedClaim = JSONLimits(maxBytes: 64 * 1024, allowsNoncharacters: true)
  /// Any other document: a request body, a configuration, a receipt.
  public static func document(maxBytes: Int) -> JSONLimits { JSONLimits(maxBytes: maxBytes) }
}
