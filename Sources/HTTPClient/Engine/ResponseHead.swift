/// Reads the header lines of a response as libcurl hands them over: one call per line, interim (1xx) responses and
/// trailers included.
struct ResponseHead {
  private(set) var status = 0
  private(set) var headers: [HTTPClientHeader] = []
  /// True from the blank line that ends the final header section on; what follows is trailers.
  private(set) var isComplete = false
  private(set) var contentLength: Int?
  private var bytes = 0
  private let limit: Int

  /// `limit`: all lines together, interim responses and trailers included, in bytes.
  init(limit: Int) { self.limit = limit }

  mutating func add(line: UnsafeRawBufferPointer) throws(HTTPClientErrorKind) {
    bytes += line.count
    guard bytes <= limit else { throw HTTPClientErrorKind(.responseHeadersTooLarge(limit: limit)) }
    var text = line[...]
    while let last = text.last, last == 0x0d || last == 0x0a { text = text.dropLast() }
    guard !isComplete else { return }
    if text.isEmpty {
      isComplete = status >= 200
    } else if text.starts(with: "HTTP/".utf8) {
      try begin(text)
    } else if text.first == 0x20 || text.first == 0x09 {
      fold(text)
    } else {
      try field(text)
    }
  }

  private mutating func begin(_ line: Slice<UnsafeRawBufferPointer>) throws(HTTPClientErrorKind) {
    let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, let status = Int(String(decoding: parts[1], as: UTF8.self)), (100...999).contains(status)
    else { throw HTTPClientErrorKind(.malformedResponse("status line")) }
    self.status = status
    headers = []
    contentLength = nil
  }

  // Obsolete line folding (RFC 9112 section 5.2): a client replaces it with a space.
  private mutating func fold(_ line: Slice<UnsafeRawBufferPointer>) {
    guard let last = headers.indices.last else { return }
    headers[last].value += " " + Self.trimmed(line)
  }

  private mutating func field(_ line: Slice<UnsafeRawBufferPointer>) throws(HTTPClientErrorKind) {
    guard let colon = line.firstIndex(of: 0x3a) else {
      throw HTTPClientErrorKind(.malformedResponse("a header line without a colon"))
    }
    let name = String(decoding: line[..<colon], as: UTF8.self)
    guard HTTPToken.isToken(name) else { throw HTTPClientErrorKind(.malformedResponse("a header name")) }
    let header = HTTPClientHeader(name, Self.trimmed(line[(colon + 1)...]))
    if header.isNamed("content-length") {
      // Two lengths mean two readings of where the response ends (RFC 9112 section 6.3).
      guard let length = Int(header.value), length >= 0, header.value.utf8.first != 0x2b,
        contentLength == nil || contentLength == length
      else { throw HTTPClientErrorKind(.malformedResponse("content-length")) }
      contentLength = length
    }
    headers.append(header)
  }

  private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// An error kind on its way to becoming an `HTTPClientError`, when it is not yet known whether bytes were sent.
struct HTTPClientErrorKind: Error {
  let kind: HTTPClientError.Kind
  init(_ kind: HTTPClientError.Kind) { self.kind = kind }
}
