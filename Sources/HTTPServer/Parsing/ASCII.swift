/// The octets that HTTP's grammar gives a meaning to.
enum ASCII {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let percent: UInt8 = 0x25
  static let plus: UInt8 = 0x2B
  static let comma: UInt8 = 0x2C
  static let slash: UInt8 = 0x2F
  static let zero: UInt8 = 0x30
  static let nine: UInt8 = 0x39
  static let colon: UInt8 = 0x3A
  static let semicolon: UInt8 = 0x3B
  static let questionMark: UInt8 = 0x3F
  static let backslash: UInt8 = 0x5C

  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
  }

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= zero && byte <= nine }

  /// tchar of RFC 9110 section 5.6.2.
  static func isToken(_ byte: UInt8) -> Bool { classes[Int(byte)] & tokenClass != 0 }

  /// field-vchar, SP and HTAB of RFC 9110 section 5.5; octets of 0x80 and above pass and are checked as UTF-8.
  static func isFieldValue(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == tab }

  /// What a path or query may hold (RFC 3986 section 3.3 and 3.4): no fragment, no quotes, no brackets.
  static func isTarget(_ byte: UInt8) -> Bool { classes[Int(byte)] & targetClass != 0 }

  private static let tokenClass: UInt8 = 1
  private static let targetClass: UInt8 = 2
  private static let classes: [UInt8] = {
    var table = [UInt8](repeating: 0, count: 256)
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
    for byte in letters + Array("!#$%&'*+-.^_`|~".utf8) { table[Int(byte)] |= tokenClass }
    for byte in letters + Array("-._~%!$&'()*+,;=:@/?".utf8) { table[Int(byte)] |= targetClass }
    return table
  }()
}
