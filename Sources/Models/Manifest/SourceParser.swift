import CanonicalJSON
import Cryptography

/// Reads the URLs of ``ModelSource``. Stricter than RFC 3986: what two readers could take for two places is refused.
struct SourceParser {
  let text: String
  let field: String

  func source() throws(FieldError) -> ModelSource {
    guard (1...ModelSource.maxBytes).contains(text.utf8.count) else {
      throw FieldError(
        field: field, expected: "a URL of at most \(ModelSource.maxBytes) bytes", actual: "\(text.utf8.count) bytes")
    }
    // Backslashes and brackets are read in different ways by different programs; `%` must begin an escape.
    guard text.utf8.allSatisfy(Self.isURLByte), Self.decoded(text) != nil else {
      throw fault("the characters of a URL")
    }
    guard !text.utf8.contains(UInt8(ascii: "#")) else { throw fault("a URL without a fragment") }
    if let rest = after("https://") {
      try checkWeb(rest)
      return .https(text)
    }
    if let rest = after("http://") {
      try checkWeb(rest)
      return .http(text)
    }
    if let rest = after("s3://") { return .s3(try s3(rest), text: text) }
    if let rest = after("hf://") { return .hub(try hub(rest)) }
    if let rest = after("file://") { return .file(path: try file(rest), text: text) }
    throw fault("https://, http://, s3://, hf:// or file://")
  }

  private func after(_ prefix: String) -> Substring? { text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : nil }

  private func fault(_ expected: String) -> FieldError {
    FieldError(field: field, expected: expected, actual: JSON.string(text).summary)
  }

  // MARK: the kinds

  private func checkWeb(_ rest: Substring) throws(FieldError) {
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    try checkAuthority(authority)
    let query = rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] } ?? ""
    for parameter in query.split(separator: "&") {
      let name = Self.decoded(parameter.prefix { $0 != "=" })?.lowercased() ?? ""
      guard !Self.credentials.contains(name) else { throw fault("a URL without credentials") }
    }
  }

  private func checkAuthority(_ authority: Substring) throws(FieldError) {
    guard !authority.contains("@") else { throw fault("a URL without a user or a password") }
    var host = authority
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      let port = authority[authority.index(after: colon)...]
      guard let number = UInt16(port), number > 0, port == String(number) else { throw fault("a port from 1 to 65535") }
      host = authority[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      let address = host.dropFirst().dropLast()
      guard !address.isEmpty, address.utf8.allSatisfy(Self.isAddressByte) else { throw fault("an IPv6 address") }
      return
    }
    guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(Self.isHostByte), !host.hasPrefix("."),
      !host.contains("..")
    else { throw fault("the name or address of a host") }
  }

  private func s3(_ rest: Substring) throws(FieldError) -> ModelSource.S3 {
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = parts.first ?? ""
    let bucket = path.prefix { $0 != "/" }
    guard (3...63).contains(bucket.utf8.count), bucket.utf8.allSatisfy(Self.isBucketByte),
      let first = bucket.utf8.first, Self.isBucketEnd(first), let last = bucket.utf8.last, Self.isBucketEnd(last),
      !bucket.contains("..")
    else { throw fault("s3://bucket/key with the name of a bucket") }
    guard let key = Self.decoded(path.dropFirst(bucket.count + 1)), (1...1024).contains(key.utf8.count),
      !key.unicodeScalars.contains("\0")
    else { throw fault("s3://bucket/key with a key of 1 to 1024 bytes") }
    var endpoint: String?
    var region: String?
    for parameter in parts.count == 2 ? parts[1].split(separator: "&", omittingEmptySubsequences: false) : [] {
      let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = pair.count == 2 ? Self.decoded(pair[1]) : nil
      switch (pair[0], value) {
      case ("endpoint", let value?) where endpoint == nil:
        try checkEndpoint(value)
        endpoint = value
      case ("region", let value?) where region == nil:
        guard (1...64).contains(value.utf8.count), value.utf8.allSatisfy(ModelManifest.isRunnerTypeByte) else {
          throw fault("a region of a-z 0-9 -")
        }
        region = value
      default: throw fault("the parameters endpoint and region, each at most once")
      }
    }
    return ModelSource.S3(bucket: String(bucket), key: key, endpoint: endpoint, region: region)
  }

  private func checkEndpoint(_ endpoint: String) throws(FieldError) {
    for scheme in ["https://", "http://"] where endpoint.hasPrefix(scheme) {
      let authority = endpoint.dropFirst(scheme.count)
      guard !authority.contains("/"), !authority.contains("?") else { break }
      return try checkAuthority(authority)
    }
    throw fault("an endpoint https://host or http://host, without a path")
  }

  private func hub(_ rest: Substring) throws(FieldError) -> ModelSource.Hub {
    let segments = rest.split(separator: "/", omittingEmptySubsequences: false)
    guard segments.count >= 3 else { throw fault("hf://owner/repository@revision/path") }
    let repository = segments[1].split(separator: "@", omittingEmptySubsequences: false)
    guard repository.count == 2 else { throw fault("hf://owner/repository@revision/path") }
    let path = segments[2...].joined(separator: "/")
    for word in [segments[0], repository[0], repository[1]] {
      guard word.utf8.count <= 128, ModelPath.fault(String(word)) == nil else {
        throw fault("hf://owner/repository@revision/path, each word of A-Z a-z 0-9 . _ -")
      }
    }
    guard ModelPath.fault(path) == nil else {
      throw fault("hf://owner/repository@revision/path with a path of A-Z a-z 0-9 . _ - /")
    }
    return ModelSource.Hub(
      owner: String(segments[0]), repository: String(repository[0]), revision: String(repository[1]), path: path)
  }

  private func file(_ rest: Substring) throws(FieldError) -> String {
    let expected = "file:///path, absolute and without empty, . or .. segments"
    guard rest.hasPrefix("/"), !rest.contains("?"), let path = Self.decoded(rest) else { throw fault(expected) }
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    guard segments.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }), !path.unicodeScalars.contains("\0") else {
      throw fault(expected)
    }
    return path
  }

  // MARK: characters

  /// Names of query parameters that carry a right to read, in lower case.
  private static let credentials: Set<String> = [
    "access_key", "access_token", "accesskeyid", "api-key", "api_key", "apikey", "auth", "auth_token", "authorization",
    "awsaccesskeyid", "bearer", "client_secret", "credential", "credentials", "googleaccessid", "id_token", "jwt",
    "key",
    "passwd", "password", "private_token", "pwd", "secret", "session", "sig", "signature", "token", "x-amz-credential",
    "x-amz-security-token", "x-amz-signature", "x-goog-credential", "x-goog-signature",
  ]

  private static func isURLByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
      UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
      false
    default: (0x21...0x7E).contains(byte)
    }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool { ModelPath.isPlain(byte) }

  private static func isAddressByte(_ byte: UInt8) -> Bool {
    hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
  }

  private static func isBucketEnd(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isBucketByte(_ byte: UInt8) -> Bool {
    isBucketEnd(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The text without its escapes, or nil when one is malformed or the result is no UTF-8.
  private static func decoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// A path with everything escaped but what ``ModelPath`` allows and slashes.
  static func encoded(path: String) -> String {
    var text = ""
    for byte in path.utf8 {
      if ModelPath.isPlain(byte) || byte == UInt8(ascii: "/") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%" + Hex.encode([byte]).uppercased()
      }
    }
    return text
  }
}
