public import Cryptography
public import HTTPClient

/// AWS Signature Version 4: proves that a request comes from whoever knows the secret key, and fixes its method, path,
/// query, headers, time and body. Source: AWS, "Create a signed AWS API request".
///
/// Paths are read as S3 reads them: percent-encoded once, no segment taken out.
public struct SigV4: Sendable {
  /// What the signature says of the body.
  public enum Payload: Sendable, Hashable {
    /// The SHA-256 of the body, which the service recomputes.
    case digest(SHA256Digest)
    /// The body is not covered. Only for requests over TLS whose body has a checksum of its own.
    case unsigned

    /// An empty body.
    public static let empty = Payload.digest(SHA256.hash([] as [UInt8]))

    var text: String {
      switch self {
      case .digest(let digest): digest.hex
      case .unsigned: "UNSIGNED-PAYLOAD"
      }
    }
  }

  /// Whose signature it is.
  public let credentials: S3Credentials
  /// Such as `eu-central-1`.
  public let region: String
  /// `s3`, or another service's code.
  public let service: String

  /// - Parameters:
  ///   - region: as the endpoint expects it; stands in the header as it is, so `S3Bucket` checks it.
  ///   - service: its code in a credential scope.
  public init(credentials: S3Credentials, region: String, service: String = "s3") {
    self.credentials = credentials
    self.region = region
    self.service = service
  }

  /// The request with `Authorization`, `x-amz-date`, for S3 `x-amz-content-sha256`, and for temporary credentials
  /// `x-amz-security-token`. Every header that it has is signed; fields of those names are replaced.
  ///
  /// - Parameters:
  ///   - request: its URL is rewritten to the normal form of `HTTPURL`, which is what goes over the wire.
  ///   - time: Unix time in milliseconds. Services refuse what is more than 15 minutes off their own clock.
  ///   - payload: of the body. The caller hashes it, because it may have the digest already.
  /// - Throws: when the URL is not one that `HTTPClient` would send.
  public func sign(
    _ request: HTTPClientRequest, at time: Int64, payload: Payload
  ) throws(URLFault) -> HTTPClientRequest {
    let url = try HTTPURL(request.url)
    let stamp = UTCTime(milliseconds: time).basic
    var request = request
    request.url = url.description
    let owned = ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"]
    request.headers.removeAll { owned.contains($0.name.lowercased()) }
    request.headers.append(HTTPClientHeader("x-amz-date", stamp))
    if service == "s3" { request.headers.append(HTTPClientHeader("x-amz-content-sha256", payload.text)) }
    if let token = credentials.sessionToken {
      let text = token.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      request.headers.append(HTTPClientHeader("x-amz-security-token", text))
    }
    let canonical = CanonicalRequest(request, url: url, payload: payload)
    let scope = "\(stamp.prefix(8))/\(region)/\(service)/aws4_request"
    let signature = Hex.encode(
      HMACSHA256.authenticationCode(
        for: Array(Self.stringToSign(canonical, stamp: stamp, scope: scope).utf8),
        key: signingKey(day: String(stamp.prefix(8)))))
    let value =
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(canonical.signedHeaders), "
      + "Signature=\(signature)"
    request.headers.append(HTTPClientHeader("Authorization", value))
    return request
  }

  static func stringToSign(_ canonical: CanonicalRequest, stamp: String, scope: String) -> String {
    "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(SHA256.hash(utf8: canonical.text).hex)"
  }

  // A key for one day, region and service: whoever steals it cannot make another. Each step is wiped when it goes.
  func signingKey(day: String) -> SecretBytes {
    let prefix = Array("AWS4".utf8)
    var key = SecretBytes(count: prefix.count + credentials.secretKey.count) { buffer in
      buffer.copyBytes(from: prefix)
      credentials.secretKey.withUnsafeBytes { secret in
        UnsafeMutableRawBufferPointer(rebasing: buffer[prefix.count...]).copyMemory(from: secret)
      }
    }
    for part in [day, region, service, "aws4_request"] {
      key = SecretBytes(copying: HMACSHA256.authenticationCode(for: Array(part.utf8), key: key))
    }
    return key
  }
}
