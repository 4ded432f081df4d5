/// Makes new inputs out of kept ones.
struct Mutator {
  let shape: FuzzTarget.Shape
  let tokens: [[UInt8]]
  /// Longest input made.
  let maxBytes = 32 * 1024

  init(_ target: FuzzTarget) {
    shape = target.shape
    let common: [String] =
      switch target.shape {
      case .json: JSONMutator.tokens
      case .lines:
        ["\n", "\r\n", "\n\n", "\r", " ", "\t", "\0", ":", "=", "0", "-1", "18446744073709551616", "\u{2014}"]
      case .binary: ["\0\0\0\0", "\0\0\0\0\0\0\0\0"]
      }
    tokens = (common + target.tokens).map { Array($0.utf8) }
  }

  /// A mutation of `input`; `other` is a second kept input to splice with.
  func mutate(_ input: [UInt8], other: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = input
    for _ in 0...generator.below(4) {
      if generator.below(3) == 0 {
        switch shape {
        case .json: bytes = JSONMutator.mutate(bytes, &generator)
        case .lines: mutateLines(&bytes, &generator)
        case .binary: mutateIntegers(&bytes, &generator)
        }
      } else {
        mutateBytes(&bytes, other: other, &generator)
      }
    }
    if bytes.count > maxBytes { bytes.removeLast(bytes.count - maxBytes) }
    return bytes
  }

  private func mutateBytes(_ bytes: inout [UInt8], other: [UInt8], _ generator: inout SeededGenerator) {
    let position = generator.below(bytes.count + 1)
    let end = min(bytes.count, position + 1 + generator.below(generator.below(8) == 0 ? 256 : 8))
    switch generator.below(9) {
    case 0:
      if position < bytes.count { bytes[position] ^= 1 << UInt8(generator.below(8)) }
    case 1:
      if position < bytes.count { bytes[position] = UInt8(truncatingIfNeeded: generator.next()) }
    case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: position)
    case 3: bytes.removeSubrange(position..<end)
    case 4:
      let piece = Array(bytes[position..<end])
      let target = generator.below(bytes.count + 1)
      for _ in 0...generator.below(4) { bytes.insert(contentsOf: piece, at: target) }
    case 5: bytes.replaceSubrange(position..<end, with: tokens[generator.below(tokens.count)])
    case 6: bytes.insert(contentsOf: tokens[generator.below(tokens.count)], at: position)
    case 7:
      let from = generator.below(other.count + 1)
      bytes.replaceSubrange(position..., with: other[from...])
    default: bytes.removeSubrange(position...)
    }
  }

  /// Removes, repeats, swaps or copies whole lines.
  private func mutateLines(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    let first = generator.below(lines.count)
    let second = generator.below(lines.count)
    switch generator.below(4) {
    case 0: lines.remove(at: first)
    case 1: lines.insert(lines[first], at: second)
    case 2: lines.swapAt(first, second)
    default: lines[first] = lines[second]
    }
    bytes = Array(lines.joined(separator: [0x0A]))
  }

  /// Writes an integer at the edge of its type over 1, 2, 4 or 8 bytes.
  private func mutateIntegers(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let width = 1 << generator.below(4)
    guard bytes.count >= width else { return }
    let values: [UInt64] = [
      0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
      0x1_0000_0000,
      1 << 53, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max, UInt64(bytes.count), UInt64(bytes.count) + 1,
    ]
    let value = values[generator.below(values.count)]
    let position = generator.below(bytes.count - width + 1)
    let bigEndian = generator.below(2) == 0
    for index in 0..<width {
      let shift = UInt64(8 * (bigEndian ? width - 1 - index : index))
      bytes[position + index] = UInt8(truncatingIfNeeded: value >> shift)
    }
  }
}
