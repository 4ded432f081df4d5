/// The fields that decide where the request ends and what becomes of the connection. Collected line by line; contradictions
/// are refused, never resolved.
struct FieldSemantics {
  private let isCurrentVersion: Bool
  private var host: String?
  private var length: Int?
  private var codings: [Substring] = []
  private var closes = false
  private var keeps = false
  private var expectsContinue = false

  init(isCurrentVersion: Bool) { self.isCurrentVersion = isCurrentVersion }

  mutating func note(_ field: HTTPHeaders.Field) throws(RequestRefusal) {
    switch field.name {
    case "host":
      guard host == nil else { throw .badRequest("There are two Host fields.") }
      host = field.value
    case "content-length":
      // Section 6.3 allows the same length twice; a proxy in front of us may take the other one. Refused.
      guard length == nil else { throw .badRequest("There are two Content-Length fields.") }
      length = try Self.length(field.value)
    case "transfer-encoding":
      guard isCurrentVersion else { throw .badRequest("HTTP/1.0 has no Transfer-Encoding.") }
      codings += Self.list(field.value)
      if codings.isEmpty { throw .badRequest("Transfer-Encoding is empty.") }
    case "connection":
      for option in Self.list(field.value) {
        if HTTPHeaders.isSame(String(option), "close") { closes = true }
        if HTTPHeaders.isSame(String(option), "keep-alive") { keeps = true }
      }
    case "expect":
      guard HTTPHeaders.isSame(field.value, "100-continue") else {
        throw RequestRefusal(417, "expectation_failed", "The only expectation known here is 100-continue.")
      }
      expectsContinue = isCurrentVersion
    default: break
    }
  }

  func head(_ line: RequestLine, _ headers: HTTPHeaders) throws(RequestRefusal) -> RequestHead {
    let framing = try framing()
    return RequestHead(
      method: line.method, target: line.target, path: line.path, query: line.query,
      isCurrentVersion: isCurrentVersion, headers: headers, host: try host(line), framing: framing,
      keepsAlive: isCurrentVersion ? !closes : keeps && !closes,
      expectsContinue: expectsContinue && framing != .none)
  }

  private func framing() throws(RequestRefusal) -> BodyFraming {
    guard let last = codings.last else {
      guard let length, length > 0 else { return .none }
      return .length(length)
    }
    guard length == nil else { throw .badRequest("There are both Content-Length and Transfer-Encoding.") }
    guard HTTPHeaders.isSame(String(last), "chunked") else {
      throw .badRequest("The last transfer coding is not chunked.")
    }
    guard codings.count == 1 else {
      if codings.dropLast().contains(where: { HTTPHeaders.isSame(String($0), "chunked") }) {
        throw .badRequest("The body is chunked twice.")
      }
      throw RequestRefusal(501, "coding_not_implemented", "The only transfer coding known here is chunked.")
    }
    return .chunked
  }

  /// Section 3.2: exactly one Host in HTTP/1.1. An absolute-form target names the host itself; one that contradicts the
  /// field is refused.
  private func host(_ line: RequestLine) throws(RequestRefusal) -> String {
    guard let host = host ?? (isCurrentVersion ? nil : line.authority) else {
      guard !isCurrentVersion else { throw .badRequest("There is no Host field.") }
      return ""
    }
    guard let name = HostSyntax.name(host) else { throw .badRequest("The Host field is malformed.") }
    if let authority = line.authority, !HTTPHeaders.isSame(authority, host) {
      throw .badRequest("The target and the Host field name different hosts.")
    }
    return name
  }

  /// 1*DIGIT and nothing else: no sign, no list, no more than 18 digits.
  private static func length(_ text: String) throws(RequestRefusal) -> Int {
    let digits = text.utf8
    guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(ASCII.isDigit) else {
      throw .badRequest("Content-Length is not a decimal number.")
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - ASCII.zero) }
  }

  /// The elements of a comma-separated list, white space trimmed, empty ones kept so that they match nothing.
  private static func list(_ text: String) -> [Substring] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      var bytes = part.utf8
      while let byte = bytes.first, byte == ASCII.space || byte == ASCII.tab { bytes.removeFirst() }
      while let byte = bytes.last, byte == ASCII.space || byte == ASCII.tab { bytes.removeLast() }
      return Substring(bytes)
    }
  }
}
