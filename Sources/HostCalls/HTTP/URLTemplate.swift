import CanonicalJSON
import HTTPClient

/// A URL whose query may hold `{{keychain:...}}` placeholders. Host and path hold none: they are what a call is judged by.
struct URLTemplate: Sendable {
  private enum Piece: Sendable {
    case literal(String)
    case placeholder(String)
  }

  /// With `0` in the place of every placeholder.
  let url: HTTPURL
  private let pieces: [Piece]

  /// - Parameter field: for errors, as in `arguments.url`.
  init(_ text: String, field: String) throws(FieldError) {
    pieces = Self.pieces(of: text)
    var before = ""
    for piece in pieces {
      switch piece {
      case .literal(let literal): before += literal
      case .placeholder:
        guard before.utf8.contains(UInt8(ascii: "?")) else {
          throw FieldError(
            field: field, expected: "placeholders in the query only, not in the host or the path",
            actual: "one before the query")
        }
        before += "0"
      }
    }
    do {
      url = try HTTPURL(before)
    } catch {
      throw FieldError(field: field, expected: "an http or https URL", actual: "\(error)")
    }
  }

  /// The URL to call, each placeholder replaced by what `fill` makes of it, percent-encoded.
  func filled(_ fill: (String) throws(HostCallError) -> String) throws(HostCallError) -> String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .literal(let literal): text += literal
      case .placeholder(let placeholder): text += Self.percentEncoded(try fill(placeholder))
      }
    }
    return text
  }

  /// The URL with further members of the query behind it; placeholders in the values stay placeholders.
  static func adding(_ params: [(name: String, value: String)], to url: String) -> String {
    guard !params.isEmpty else { return url }
    let parts = url.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let query = params.map { name, value in
      let encoded = pieces(of: value).map { piece in
        switch piece {
        case .literal(let literal): percentEncoded(literal)
        case .placeholder(let placeholder): placeholder
        }
      }
      return "\(percentEncoded(name))=\(encoded.joined())"
    }
    let separator = url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
    return parts[0] + separator + query.joined(separator: "&")
  }

  /// All but the unreserved characters of RFC 3986 section 2.3.
  static func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func pieces(of text: String) -> [Piece] {
    let bytes = Array(text.utf8)
    let (opening, closing) = (Array("{{keychain:".utf8), Array("}}".utf8))
    var pieces: [Piece] = []
    var position = 0
    while let start = find(opening, in: bytes, from: position),
      let end = find(closing, in: bytes, from: start + opening.count)
    {
      if start > position { pieces.append(.literal(String(decoding: bytes[position..<start], as: UTF8.self))) }
      pieces.append(.placeholder(String(decoding: bytes[start..<(end + closing.count)], as: UTF8.self)))
      position = end + closing.count
    }
    if position < bytes.count { pieces.append(.literal(String(decoding: bytes[position...], as: UTF8.self))) }
    return pieces
  }

  private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard start + needle.count <= bytes.count else { return nil }
    return (start...(bytes.count - needle.count)).first { bytes[$0..<($0 + needle.count)].elementsEqual(needle) }
  }
}

extension HTTPURL {
  /// Whether a server may read the path as another one than is written: `.` and `..` segments, also percent-encoded or
  /// with parameters (`..;`). A grant of paths could be walked out of with them.
  var hasDotSegments: Bool {
    let path = Self.percentDecoded(pathFact)
    let segments = path.split { "/\\".utf8.contains($0) }
    return segments.contains { segment in
      let name = segment.prefix { $0 != UInt8(ascii: ";") }
      return (1...2).contains(name.count) && name.allSatisfy { $0 == UInt8(ascii: ".") }
    }
  }

  /// Twice, as chains of servers do.
  private static func percentDecoded(_ text: String) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0..<2 {
      var decoded: [UInt8] = []
      var index = 0
      while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
          let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
        {
          decoded.append(value)
          index += 3
        } else {
          decoded.append(bytes[index])
          index += 1
        }
      }
      bytes = decoded
    }
    return bytes
  }
}
