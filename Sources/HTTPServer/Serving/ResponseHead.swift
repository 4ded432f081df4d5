/// A status line and fields on their way out.
struct ResponseHead {
  enum Framing: Equatable {
    /// No content and no word about it.
    case none
    case length(Int)
    case chunked
    case close
  }

  enum ConnectionOption {
    case implied
    case keepAlive
    case close
  }

  let status: Int
  let headers: HTTPHeaders
  var framing = Framing.none
  var connection = ConnectionOption.implied

  init(status: Int, headers: HTTPHeaders) {
    self.status = status
    self.headers = headers
  }

  /// Whether the response can be written without a field ending early and another beginning (response splitting), with a
  /// final status and, for a stream, a sound length.
  static func isValid(_ response: HTTPResponse) -> Bool {
    guard (200...599).contains(response.status) else { return false }
    for field in response.headers {
      guard !field.name.isEmpty, field.name.utf8.allSatisfy(ASCII.isToken),
        field.value.utf8.allSatisfy(ASCII.isFieldValue)
      else { return false }
      if case .stream = response.body, HTTPHeaders.isSame(field.name, "content-length") {
        guard let length = Int(field.value), length >= 0 else { return false }
      }
    }
    return true
  }

  func encode(into bytes: inout [UInt8], date: [UInt8]) {
    bytes.append(contentsOf: Self.lines[status - 200])
    bytes.append(contentsOf: date)
    for field in headers where !Self.isReserved(field.name) {
      bytes.append(contentsOf: field.name.utf8)
      bytes.append(ASCII.colon)
      bytes.append(ASCII.space)
      bytes.append(contentsOf: field.value.utf8)
      bytes.append(ASCII.carriageReturn)
      bytes.append(ASCII.lineFeed)
    }
    switch framing {
    case .none, .close: break
    case .length(let length):
      bytes.append("Content-Length: ")
      bytes.appendDecimal(length)
      bytes.append("\r\n")
    case .chunked: bytes.append("Transfer-Encoding: chunked\r\n")
    }
    switch connection {
    case .implied: bytes.append("\r\n")
    case .keepAlive: bytes.append("Connection: keep-alive\r\n\r\n")
    case .close: bytes.append("Connection: close\r\n\r\n")
    }
  }

  /// The fields that the server alone may say.
  private static func isReserved(_ name: String) -> Bool {
    switch name.utf8.count {
    case 4: HTTPHeaders.isSame(name, "date")
    case 10: HTTPHeaders.isSame(name, "connection")
    case 14: HTTPHeaders.isSame(name, "content-length")
    case 17: HTTPHeaders.isSame(name, "transfer-encoding")
    default: false
    }
  }

  private static let lines: [[UInt8]] = (200...599).map {
    Array("HTTP/1.1 \($0) \(StatusPhrase.phrase(for: $0))\r\n".utf8)
  }
}

extension [UInt8] {
  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  mutating func appendDecimal(_ number: Int) {
    var divisor = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(ASCII.zero + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// A chunk size line.
  mutating func appendHexadecimal(_ number: Int) {
    var shift = (Int.bitWidth - number.leadingZeroBitCount + 3) / 4 * 4
    repeat {
      shift = Swift.max(0, shift - 4)
      let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
      append(digit < 10 ? ASCII.zero + digit : 0x61 + digit - 10)
    } while shift > 0
    append("\r\n")
  }
}
