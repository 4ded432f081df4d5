/// Finds the end of a request head in bytes that arrive in any pieces, and refuses as soon as no continuation could make
/// them acceptable.
///
/// It remembers how far it has looked: a client that sends one byte at a time must not make us look at every byte again
/// for each. What it passes holds only lines ended by CRLF, without control characters except tabs.
struct HeadScanner {
  private let limits: HTTPServerConfiguration.Limits
  private var scanned = 0
  private var lineStart = 0
  private var fieldsStart = 0
  private var lines = 0
  private var afterReturn = false

  init(limits: HTTPServerConfiguration.Limits) { self.limits = limits }

  /// Forgets what was scanned, for the next head.
  mutating func reset() { self = HeadScanner(limits: limits) }

  /// The length of the head with its empty line, or nil when more bytes are needed. `bytes` begins at the first byte of
  /// the head and holds at least what an earlier call was given.
  mutating func scan(_ bytes: Span<UInt8>) throws(RequestRefusal) -> Int? {
    var index = scanned
    let count = bytes.count
    while index < count {
      let byte = bytes[index]
      if byte > ASCII.space || byte == ASCII.space || byte == ASCII.tab {
        guard !afterReturn else { throw .badRequest("A carriage return is not followed by a line feed.") }
        guard byte != 0x7F else { throw .badRequest("The head holds a control character.") }
        if index == 0, !ASCII.isToken(byte) { throw .badRequest("The request does not begin with a method.") }
      } else if byte == ASCII.carriageReturn {
        guard !afterReturn else { throw .badRequest("A carriage return is not followed by a line feed.") }
        afterReturn = true
      } else if byte == ASCII.lineFeed {
        guard afterReturn else { throw .badRequest("A line ends in a bare line feed.") }
        afterReturn = false
        let length = index - 1 - lineStart
        lineStart = index + 1
        if lines == 0 {
          guard length > 0 else { throw .badRequest("The request begins with an empty line.") }
          guard length <= limits.requestLine else { throw Self.lineTooLong(limits) }
          fieldsStart = index + 1
        } else if length == 0 {
          return index + 1
        } else if lines > limits.headerFields {
          throw RequestRefusal(431, "too_many_fields", "There are more than \(limits.headerFields) header fields.")
        }
        lines += 1
      } else {
        throw .badRequest("The head holds a control character.")
      }
      index += 1
    }
    scanned = index
    if lines == 0 {
      guard index <= limits.requestLine + 1 else { throw Self.lineTooLong(limits) }
    } else if index - fieldsStart > limits.headerBytes {
      throw Self.fieldsTooLong(limits)
    }
    return nil
  }

  /// Whether the head in `length` bytes keeps to the limit on field bytes, which `scan` checks only while it waits.
  func check(length: Int) throws(RequestRefusal) {
    if length - fieldsStart > limits.headerBytes + 2 { throw Self.fieldsTooLong(limits) }
  }

  private static func lineTooLong(_ limits: HTTPServerConfiguration.Limits) -> RequestRefusal {
    RequestRefusal(414, "uri_too_long", "The request line is longer than \(limits.requestLine) bytes.")
  }

  private static func fieldsTooLong(_ limits: HTTPServerConfiguration.Limits) -> RequestRefusal {
    RequestRefusal(431, "fields_too_large", "The header fields are longer than \(limits.headerBytes) bytes.")
  }
}
