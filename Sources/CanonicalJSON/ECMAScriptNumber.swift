/// `Number::toString` of ECMA-262 section 6.1.6.1.20, as RFC 8785 section 3.2.2.3 requires.
///
/// Swift's `description` already holds the shortest digits that read back as the same value; only their layout differs.
enum ECMAScriptNumber {
  /// Appends the text of a finite number. Callers with NaN or an infinity have a bug: JSON cannot express them.
  static func append(_ value: Double, to bytes: inout [UInt8]) {
    precondition(value.isFinite, "JSON has no NaN and no infinities")
    if value == 0 {
      bytes.append(UInt8(ascii: "0"))
      return
    }
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    let (digits, point) = decompose(value.magnitude)
    let zero = UInt8(ascii: "0")
    switch point {
    case digits.count...21 where digits.count <= 21:
      bytes += digits
      bytes.append(contentsOf: repeatElement(zero, count: point - digits.count))
    case 1...21:
      bytes += digits[..<point]
      bytes.append(UInt8(ascii: "."))
      bytes += digits[point...]
    case -5...0:
      bytes += [zero, UInt8(ascii: ".")]
      bytes.append(contentsOf: repeatElement(zero, count: -point))
      bytes += digits
    default:
      bytes.append(digits[0])
      if digits.count > 1 {
        bytes.append(UInt8(ascii: "."))
        bytes += digits[1...]
      }
      let exponent = point - 1
      bytes += [UInt8(ascii: "e"), exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")]
      bytes += Array(String(exponent.magnitude).utf8)
    }
  }

  /// The shortest digits d1...dk (d1 and dk not zero) and the position n of the point: value = 0.d1...dk * 10^n.
  private static func decompose(_ value: Double) -> (digits: [UInt8], point: Int) {
    var digits: [UInt8] = []
    var point: Int?
    var exponent = 0
    var text = value.description.utf8[...]
    while let byte = text.popFirst() {
      switch byte {
      case UInt8(ascii: "."): point = digits.count
      case UInt8(ascii: "e"):
        exponent = Int(Substring(text).drop { $0 == "+" }) ?? 0
        text = text.suffix(0)
      default: digits.append(byte)
      }
    }
    var position = (point ?? digits.count) + exponent
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leading)
    position -= leading
    return (digits, position)
  }
}
