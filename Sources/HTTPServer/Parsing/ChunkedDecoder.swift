/// Decodes the chunked transfer coding (RFC 9112 section 7.1) from bytes that arrive in any pieces.
///
/// Strict: CRLF only, at most 15 hexadecimal digits, nothing between the digits and their line end but an extension.
/// Extensions and trailer fields are checked, counted against small limits, and dropped.
struct ChunkedDecoder {
  /// What the next bytes were.
  enum Step: Equatable {
    /// Everything given was used; more is needed.
    case needsMore
    /// These bytes of the input are content.
    case data(Range<Int>)
    /// The body is complete; bytes after this belong to the next request.
    case end
  }

  private enum State {
    case size(digits: Int)
    case sizeExtension
    case sizeLineFeed
    case data
    case dataReturn
    case dataLineFeed
    case trailerStart
    case trailerName
    case trailerValue
    case trailerLineFeed
    case finalLineFeed
    case done
  }

  /// The bytes that extensions and trailers may take in one body.
  static let overheadLimit = 8 << 10

  private var state = State.size(digits: 0)
  private var remaining = 0
  private var overhead = 0

  /// Reads on from `index` and moves it behind what was used.
  mutating func next(_ bytes: Span<UInt8>, _ index: inout Int) throws(HTTPBodyError) -> Step {
    while index < bytes.count {
      if case .data = state {
        let count = min(remaining, bytes.count - index)
        let range = index..<(index + count)
        index += count
        remaining -= count
        if remaining == 0 { state = .dataReturn }
        return .data(range)
      }
      if case .done = state { return .end }
      try take(bytes[index])
      index += 1
    }
    if case .done = state { return .end }
    return .needsMore
  }

  private mutating func take(_ byte: UInt8) throws(HTTPBodyError) {
    switch state {
    case .size(let digits): try takeSize(byte, digits)
    case .sizeExtension:
      if byte == ASCII.carriageReturn {
        state = .sizeLineFeed
        return
      }
      try spend(byte)
    case .sizeLineFeed:
      try require(byte == ASCII.lineFeed, "A chunk size line does not end in CRLF.")
      state = remaining == 0 ? .trailerStart : .data
    case .dataReturn:
      try require(byte == ASCII.carriageReturn, "A chunk is longer than its size.")
      state = .dataLineFeed
    case .dataLineFeed:
      try require(byte == ASCII.lineFeed, "A chunk does not end in CRLF.")
      state = .size(digits: 0)
    case .trailerStart:
      if byte == ASCII.carriageReturn {
        state = .finalLineFeed
        return
      }
      try require(ASCII.isToken(byte), "A trailer field has no valid name.")
      try spend(byte)
      state = .trailerName
    case .trailerName:
      try require(byte == ASCII.colon || ASCII.isToken(byte), "A trailer field has no valid name.")
      try spend(byte)
      if byte == ASCII.colon { state = .trailerValue }
    case .trailerValue:
      if byte == ASCII.carriageReturn {
        state = .trailerLineFeed
        return
      }
      try spend(byte)
    case .trailerLineFeed:
      try require(byte == ASCII.lineFeed, "A trailer field does not end in CRLF.")
      state = .trailerStart
    case .finalLineFeed:
      try require(byte == ASCII.lineFeed, "The body does not end in CRLF.")
      state = .done
    case .data, .done: break
    }
  }

  private mutating func takeSize(_ byte: UInt8, _ digits: Int) throws(HTTPBodyError) {
    if let value = ASCII.hexValue(byte) {
      // 15 digits stay below 2^60: the sum cannot overflow, and leading zeros cannot go on for ever.
      try require(digits < 15, "A chunk size has more than 15 digits.")
      remaining = remaining << 4 | Int(value)
      state = .size(digits: digits + 1)
      return
    }
    try require(digits > 0, "A chunk does not begin with its size.")
    if byte == ASCII.carriageReturn {
      state = .sizeLineFeed
      return
    }
    try require(byte == ASCII.semicolon, "A chunk size is not hexadecimal.")
    try spend(byte)
    state = .sizeExtension
  }

  private mutating func spend(_ byte: UInt8) throws(HTTPBodyError) {
    try require(ASCII.isFieldValue(byte), "A chunk extension or trailer holds a control character.")
    overhead += 1
    try require(overhead <= Self.overheadLimit, "Chunk extensions and trailers are too long.")
  }

  private func require(_ condition: Bool, _ why: String) throws(HTTPBodyError) {
    guard condition else { throw .malformed(why) }
  }
}
