/// What a stream of bytes reads as where escapes are resolved, byte by byte, with the source of every decoded byte.
struct EscapeDecoder {
  enum Style: CaseIterable {
    /// As it is.
    case plain
    /// `%41`, and `+` for a blank (RFC 3986, and forms).
    case percent
    /// `\n`, `\/`, `\u0041` (RFC 8259).
    case json
  }

  /// A decoded byte and where its source begins and ends.
  typealias Emit = (_ byte: UInt8, _ start: Int, _ end: Int) -> Void

  let style: Style
  /// The escape that is under way.
  private var pending: [UInt8] = []
  private var pendingStart = 0
  /// The first half of a surrogate pair, whose escape begins there.
  private var high: (unit: UInt32, start: Int)?

  init(_ style: Style) { self.style = style }

  /// Where the first source byte is that is not decoded yet.
  var heldFrom: Int? { high?.start ?? (pending.isEmpty ? nil : pendingStart) }

  mutating func feed(_ byte: UInt8, at offset: Int, _ emit: Emit) {
    switch style {
    case .plain: emit(byte, offset, offset + 1)
    case .percent: feedPercent(byte, offset, emit)
    case .json: feedJSON(byte, offset, emit)
    }
  }

  /// Gives out an escape that never came to its end, as it stands.
  mutating func flush(_ emit: Emit) {
    high = nil
    let bytes = pending
    pending = []
    for (index, byte) in bytes.enumerated() { emit(byte, pendingStart + index, pendingStart + index + 1) }
  }

  private mutating func feedPercent(_ byte: UInt8, _ offset: Int, _ emit: Emit) {
    if pending.isEmpty {
      if byte == UInt8(ascii: "%") {
        begin(byte, offset)
      } else {
        emit(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte, offset, offset + 1)
      }
      return
    }
    guard let digit = HexDigit.value(byte) else {
      flush(emit)
      return feedPercent(byte, offset, emit)
    }
    guard pending.count == 2, let first = HexDigit.value(pending[1]) else { return pending.append(byte) }
    pending = []
    emit(first << 4 | digit, pendingStart, offset + 1)
  }

  private mutating func feedJSON(_ byte: UInt8, _ offset: Int, _ emit: Emit) {
    if pending.isEmpty {
      if byte == UInt8(ascii: "\\") { return begin(byte, offset) }
      high = nil
      return emit(byte, offset, offset + 1)
    }
    if pending.count == 1 {
      if byte == UInt8(ascii: "u") { return pending.append(byte) }
      high = nil
      guard let plain = Self.short[byte] else {
        flush(emit)
        return feedJSON(byte, offset, emit)
      }
      pending = []
      return emit(plain, pendingStart, offset + 1)
    }
    guard HexDigit.value(byte) != nil else {
      flush(emit)
      return feedJSON(byte, offset, emit)
    }
    pending.append(byte)
    guard pending.count == 6 else { return }
    let unit = pending[2...].reduce(UInt32(0)) { $0 << 4 | UInt32(HexDigit.value($1) ?? 0) }
    pending = []
    decode(unit, from: pendingStart, to: offset + 1, emit)
  }

  private mutating func decode(_ unit: UInt32, from start: Int, to end: Int, _ emit: Emit) {
    var (scalar, start) = (unit, start)
    if let first = high, (0xDC00...0xDFFF).contains(unit) {
      (scalar, start) = (0x10000 + (first.unit - 0xD800) << 10 + (unit - 0xDC00), first.start)
    }
    high = nil
    if (0xD800...0xDBFF).contains(unit) {
      high = (unit, start)
      return
    }
    guard let scalar = Unicode.Scalar(scalar) else { return }
    for byte in Character(scalar).utf8 { emit(byte, start, end) }
  }

  private mutating func begin(_ byte: UInt8, _ offset: Int) {
    pending = [byte]
    pendingStart = offset
  }

  private static let short: [UInt8: UInt8] = [
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10,
    UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
  ]
}
