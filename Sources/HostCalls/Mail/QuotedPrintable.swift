/// Text as 7-bit lines of at most 76 bytes (RFC 2045 section 6.7). Readable where the text is mostly ASCII.
enum QuotedPrintable {
  /// CR, LF and CR LF all are line ends; the result has CR LF and ends with one.
  static func encode(_ text: String) -> [UInt8] {
    var output: [UInt8] = []
    var lines: [[UInt8]] = [[]]
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x0A, previous == 0x0D {
        previous = byte
        continue
      }
      if byte == 0x0A || byte == 0x0D { lines.append([]) } else { lines[lines.count - 1].append(byte) }
      previous = byte
    }
    if lines.count > 1, lines.last?.isEmpty == true { lines.removeLast() }
    for line in lines { encode(line, into: &output) }
    return output
  }

  private static func encode(_ line: [UInt8], into output: inout [UInt8]) {
    var length = 0
    for (index, byte) in line.enumerated() {
      let isLast = index == line.count - 1
      // A blank at the end of a line gets lost on the way.
      let isLiteral = (33...126).contains(byte) && byte != 61 || (byte == 32 || byte == 9) && !isLast
      let width = isLiteral ? 1 : 3
      if length + width > (isLast ? 76 : 75) {
        output += [61, 0x0D, 0x0A]
        length = 0
      }
      if isLiteral { output.append(byte) } else { output += [61, digit(byte >> 4), digit(byte & 15)] }
      length += width
    }
    output += [0x0D, 0x0A]
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 55 + value }
}
