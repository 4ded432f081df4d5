/// Why a text is not acceptable JSON, and where.
public struct JSONError: Error, Hashable {
  /// The reason.
  public enum Kind: Hashable, Sendable {
    case tooLarge(limit: Int, actual: Int)
    case tooDeep(limit: Int)
    case stringTooLong(limit: Int)
    case endOfInput
    case byteOrderMark
    case invalidUTF8
    /// A byte that cannot stand here.
    case unexpected(UInt8)
    /// Something follows the value.
    case trailingBytes
    case trailingComma
    /// A byte below U+0020 inside a string.
    case controlCharacter(UInt8)
    case invalidEscape
    case loneSurrogate(UInt16)
    case noncharacter(UInt32)
    case leadingZero
    case malformedNumber
    /// The number overflows a binary64, or is not zero and would become zero.
    case numberOutOfRange
    /// Only integers within +-(2^53-1) are allowed here.
    case numberNotSafeInteger
    case duplicateKey(String)
  }

  public let kind: Kind
  /// Byte offset of the fault, from 0.
  public let offset: Int
  /// Line of the fault, from 1.
  public let line: Int
  /// Column of the fault in Unicode scalars, from 1.
  public let column: Int

  init(_ fault: JSONParser.Fault, in text: Span<UInt8>) {
    kind = fault.kind
    offset = fault.offset
    var line = 1
    var column = 1
    for index in 0..<min(fault.offset, text.count) {
      let byte = text[index]
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    self.line = line
    self.column = column
  }
}

extension JSONError: CustomStringConvertible {
  /// One line for a person: position, then reason. Safe to print on a terminal whatever the input was.
  public var description: String { "line \(line), column \(column): \(kind)" }
}

extension JSONError.Kind: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooLarge(let limit, let actual): "the text has \(actual) bytes; at most \(limit) are accepted"
    case .tooDeep(let limit): "nested more than \(limit) levels deep"
    case .stringTooLong(let limit): "a string of more than \(limit) bytes"
    case .endOfInput: "the text ends too early"
    case .byteOrderMark: "a byte order mark"
    case .invalidUTF8: "not valid UTF-8"
    case .unexpected(let byte): "unexpected \(TerminalSafe.character(byte))"
    case .trailingBytes: "something follows the value"
    case .trailingComma: "a comma before the closing bracket"
    case .controlCharacter(let byte): "unescaped control character \(TerminalSafe.character(byte)) in a string"
    case .invalidEscape: "not an escape sequence of JSON"
    case .loneSurrogate(let unit): "lone surrogate \\u\(TerminalSafe.hex(UInt32(unit), width: 4))"
    case .noncharacter(let scalar): "noncharacter U+\(TerminalSafe.hex(scalar, width: 4))"
    case .leadingZero: "a number with a leading zero"
    case .malformedNumber: "not a number of JSON"
    case .numberOutOfRange: "a number that a 64-bit float cannot hold"
    case .numberNotSafeInteger: "a number that is not an integer within +-(2^53-1)"
    case .duplicateKey(let key): "duplicate name \(TerminalSafe.quoted(key))"
    }
  }
}

extension JSONError.Kind {
  /// A stable name of the reason, for programs: the name of the case.
  public var code: String {
    switch self {
    case .tooLarge: "tooLarge"
    case .tooDeep: "tooDeep"
    case .stringTooLong: "stringTooLong"
    case .endOfInput: "endOfInput"
    case .byteOrderMark: "byteOrderMark"
    case .invalidUTF8: "invalidUTF8"
    case .unexpected: "unexpected"
    case .trailingBytes: "trailingBytes"
    case .trailingComma: "trailingComma"
    case .controlCharacter: "controlCharacter"
    case .invalidEscape: "invalidEscape"
    case .loneSurrogate: "loneSurrogate"
    case .noncharacter: "noncharacter"
    case .leadingZero: "leadingZero"
    case .malformedNumber: "malformedNumber"
    case .numberOutOfRange: "numberOutOfRange"
    case .numberNotSafeInteger: "numberNotSafeInteger"
    case .duplicateKey: "duplicateKey"
    }
  }
}
