/// Writes the fields of a payload: integers little-endian, texts and bytes with a u32 length before them.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func integer(_ value: Int64) {
    for shift in stride(from: Int64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func count(_ value: Int) {
    let value = UInt32(value)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func data(_ value: [UInt8]) {
    count(value.count)
    bytes += value
  }

  mutating func text(_ value: String) {
    count(value.utf8.count)
    bytes += value.utf8
  }
}

/// Reads what ``FieldWriter`` writes, and nothing else.
struct FieldReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func take(_ count: Int) throws(FrameFault) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw .truncated }
    defer { position += count }
    return bytes[position..<(position + count)]
  }

  private mutating func unsigned(_ width: Int) throws(FrameFault) -> UInt64 {
    try take(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func byte() throws(FrameFault) -> UInt8 { UInt8(try unsigned(1)) }

  mutating func flag(_ name: String) throws(FrameFault) -> Bool {
    let value = try byte()
    guard value <= 1 else { throw .badField(name) }
    return value == 1
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int64>) throws(FrameFault) -> Int64 {
    let value = Int64(bitPattern: try unsigned(8))
    guard range.contains(value) else { throw .badField(name) }
    return value
  }

  mutating func count(_ name: String, max: Int) throws(FrameFault) -> Int {
    let value = Int(try unsigned(4))
    guard value <= max else { throw .badField(name) }
    return value
  }

  mutating func data(_ name: String, max: Int) throws(FrameFault) -> [UInt8] {
    let length = try count(name, max: max)
    return Array(try take(length))
  }

  mutating func text(_ name: String, max: Int) throws(FrameFault) -> String {
    guard let text = String(validating: try data(name, max: max), as: UTF8.self) else { throw .badField(name) }
    return text
  }

  func finish() throws(FrameFault) {
    guard position == bytes.count else { throw .trailingBytes(bytes.count - position) }
  }
}
