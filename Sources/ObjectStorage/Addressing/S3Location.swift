public import CanonicalJSON

/// Where an object is: a bucket and a key.
///
/// As text: `s3://bucket/key?endpoint=URL&region=REGION&style=path|virtual`. All parameters may be left out, none may be
/// given twice; key and values are percent-encoded.
public struct S3Location: Sendable, Hashable {
  /// Longest text accepted, in bytes.
  public static let maxTextBytes = 4096
  /// Longest key, in bytes (Amazon S3 User Guide, "Naming Amazon S3 objects").
  public static let maxKeyBytes = 1024

  public let bucket: S3Bucket
  /// The key as it is, without percent-encoding.
  public let key: String

  /// A key of 1 to 1024 bytes without control characters and without the segments `.` and `..`, which proxies take out of
  /// paths.
  public init(bucket: S3Bucket, key: String) throws(FieldError) {
    guard Self.isKey(key) else {
      throw FieldError(
        field: "key", expected: "1 to \(Self.maxKeyBytes) bytes without control characters and dot segments",
        actual: JSON.string(key).summary)
    }
    self.bucket = bucket
    self.key = key
  }

  /// Reads the `s3://` text.
  public init(parsing text: String) throws(FieldError) {
    let scheme = "s3://"
    guard text.utf8.count <= Self.maxTextBytes, text.hasPrefix(scheme) else {
      throw FieldError(
        field: "url", expected: "s3://bucket/key in at most \(Self.maxTextBytes) bytes",
        actual: JSON.string(text).summary)
    }
    let parts = text.dropFirst(scheme.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = parts[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard path.count == 2 else {
      throw FieldError(field: "url", expected: "a key after the bucket", actual: JSON.string(text).summary)
    }
    var parameters: [String: String] = [:]
    for pair in parts.count > 1 ? parts[1].split(separator: "&", omittingEmptySubsequences: false) : [] {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(sides[0])
      guard sides.count == 2, ["endpoint", "region", "style"].contains(name), parameters[name] == nil else {
        throw FieldError(
          field: "url", expected: "endpoint, region and style, each at most once", actual: JSON.string(name).summary)
      }
      parameters[name] = try Self.decoded(sides[1], field: name)
    }
    let style = parameters["style"]
    guard style == nil || style.flatMap(S3Bucket.Style.init) != nil else {
      throw FieldError(field: "style", expected: "path or virtual", actual: JSON.string(style ?? "").summary)
    }
    let bucket = try S3Bucket(
      name: String(path[0]), region: parameters["region"] ?? "us-east-1", endpoint: parameters["endpoint"],
      style: style.flatMap(S3Bucket.Style.init))
    try self.init(bucket: bucket, key: try Self.decoded(path[1], field: "key"))
  }

  /// The object's URL, to be asked with a signature.
  public var url: String { bucket.url(key: key) }

  private static func decoded(_ text: Substring, field: String) throws(FieldError) -> String {
    // Only what no reader takes for something else: no raw Unicode, no blank, no stray `%`.
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }),
      let decoded = String(validating: PercentEncoding.decode(text), as: UTF8.self)
    else {
      throw FieldError(
        field: field, expected: "percent-encoded UTF-8", actual: JSON.string(String(text)).summary)
    }
    return decoded
  }

  private static func isKey(_ key: String) -> Bool {
    (1...maxKeyBytes).contains(key.utf8.count)
      && key.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
      && key.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { $0 != "." && $0 != ".." }
  }
}
