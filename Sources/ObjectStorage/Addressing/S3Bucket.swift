public import CanonicalJSON
public import HTTPClient

/// Where a bucket is: the service's endpoint, its region and how the bucket stands in URLs.
public struct S3Bucket: Sendable, Hashable {
  /// How the bucket stands in a URL (Amazon S3 User Guide, "Methods for accessing a bucket").
  public enum Style: String, Sendable, Hashable, CaseIterable {
    /// `https://endpoint/bucket/key`: any endpoint.
    case path
    /// `https://bucket.endpoint/key`: what AWS recommends.
    case virtual
  }

  /// Scheme, host and port of the service.
  public let endpoint: HTTPURL
  /// 1 to 64 lower-case letters, digits and `-`.
  public let region: String
  /// 3 to 63 lower-case letters, digits, `-` and `.`.
  public let name: String
  public let style: Style

  /// - Parameters:
  ///   - endpoint: such as `https://s3.eu-central-1.amazonaws.com`, without a path; nil for AWS's own of that region.
  ///   - style: nil for what fits: `virtual` at AWS unless a dot in the name would break the certificate, else `path`.
  public init(
    name: String, region: String = "us-east-1", endpoint: String? = nil, style: Style? = nil
  ) throws(FieldError) {
    guard Self.isName(name) else {
      throw FieldError(
        field: "bucket", expected: "3 to 63 lower-case letters, digits, '-' and '.', a letter or digit at both ends",
        actual: JSON.string(name).summary)
    }
    guard (1...64).contains(region.utf8.count), region.utf8.allSatisfy({ Self.isLabelByte($0) }) else {
      throw FieldError(
        field: "region", expected: "1 to 64 lower-case letters, digits and '-'", actual: JSON.string(region).summary)
    }
    let url: HTTPURL
    do {
      url = try HTTPURL(endpoint ?? "https://s3.\(region).amazonaws.com")
    } catch {
      throw FieldError(field: "endpoint", expected: "an http or https URL", actual: error.description)
    }
    guard url.target == "/" else {
      throw FieldError(field: "endpoint", expected: "a URL without path and query", actual: "\"\(url.target)\"")
    }
    let style = style ?? (endpoint == nil && !name.utf8.contains(UInt8(ascii: ".")) ? .virtual : .path)
    guard style == .path || url.literal == nil else {
      throw FieldError(field: "style", expected: "path, because the endpoint is an address", actual: "virtual")
    }
    (self.endpoint, self.region, self.name, self.style) = (url, region, name, style)
  }

  /// URL of an object, or of the bucket itself for an empty key.
  func url(key: String, query: [(name: String, value: String)] = []) -> String {
    let path = PercentEncoding.encode(key.utf8, keepsSlashes: true)
    let scheme = endpoint.scheme.rawValue
    let base =
      switch style {
      case .path: "\(scheme)://\(endpoint.authority)/\(name)" + (key.isEmpty ? "" : "/")
      case .virtual: "\(scheme)://\(name).\(endpoint.authority)/"
      }
    guard !query.isEmpty else { return base + path }
    let pairs = query.map { pair in
      "\(pair.name)=\(PercentEncoding.encode(pair.value.utf8, keepsSlashes: false))"
    }
    return "\(base)\(path)?\(pairs.joined(separator: "&"))"
  }

  // Amazon S3 User Guide, "Bucket naming rules". The name becomes a host or a path segment: nothing else may fit.
  private static func isName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (3...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
    guard bytes.allSatisfy({ isLabelByte($0) || $0 == UInt8(ascii: ".") }) else { return false }
    return first != UInt8(ascii: "-") && last != UInt8(ascii: "-")
      && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }
}
