import CanonicalJSON
import Cryptography
public import HTTPClient

/// A client of one bucket in an S3-compatible store: put, head, get, list. It retries nothing; whoever knows what a second
/// attempt means does.
///
/// Limits: objects of at most 64 MiB in one request, answers to listings of at most 4 MiB.
public struct ObjectStore: Sendable {
  /// Largest object put or got in one request, in bytes.
  public static let maxObjectBytes = HTTPClientRequest.maxBodyBytes

  /// The bucket.
  public let bucket: S3Bucket
  private let signer: SigV4
  private let client: HTTPClient
  private let policy: EgressPolicy
  private let clock: @Sendable () -> Int64
  private let deadline: Duration

  /// - Parameters:
  ///   - policy: must permit the endpoint; with `.virtual` style the bucket's host name.
  ///   - deadline: for each request, from the first byte to the last.
  ///   - clock: Unix time in milliseconds, which goes into signatures.
  public init(
    bucket: S3Bucket, credentials: S3Credentials, client: HTTPClient, policy: EgressPolicy,
    deadline: Duration = .seconds(60), clock: @escaping @Sendable () -> Int64
  ) {
    self.bucket = bucket
    signer = SigV4(credentials: credentials, region: bucket.region)
    self.client = client
    self.policy = policy
    self.deadline = deadline
    self.clock = clock
  }

  /// Stores an object. The service checks the SHA-256 that goes with it and keeps it.
  ///
  /// - Parameters:
  ///   - retention: the lock on this version; the bucket must have Object Lock.
  ///   - onlyIfAbsent: refuses with 412 `PreconditionFailed` where the key exists already.
  ///   - contentType: such as `application/json`.
  public func put(
    _ key: String, _ bytes: [UInt8], retention: ObjectRetention? = nil, onlyIfAbsent: Bool = false,
    contentType: String = "application/octet-stream"
  ) async throws(ObjectStoreFault) -> StoredObject {
    let digest = SHA256.hash(bytes)
    var headers: [HTTPClientHeader] = [
      .init("Content-Type", contentType),
      // Object Lock demands a checksum of every put, and this one is also kept and told by `head`.
      .init("x-amz-checksum-sha256", Base64.encode(digest.bytes)),
      .init("x-amz-sdk-checksum-algorithm", "SHA256"),
      .init("x-amz-meta-sha256", digest.hex),
    ]
    if let retention {
      guard (1...ObjectRetention.lastTime).contains(retention.until) else {
        throw .invalid(
          FieldError(field: "retention", expected: "a time before the year 10000", actual: "\(retention.until)"))
      }
      headers.append(.init("x-amz-object-lock-mode", retention.mode))
      headers.append(
        .init("x-amz-object-lock-retain-until-date", UTCTime(milliseconds: retention.until).extended))
    }
    if onlyIfAbsent { headers.append(.init("If-None-Match", "*")) }
    var request = HTTPClientRequest(
      method: "PUT", url: try url(key), headers: headers, body: bytes, deadline: deadline, maxResponseBytes: 65_536)
    // The same bytes under the same key: a second put changes nothing.
    request.mayRepeat = !onlyIfAbsent
    let response = try await send(request, payload: .digest(digest))
    if let kept = response.header("x-amz-checksum-sha256"), kept != Base64.encode(digest.bytes) {
      throw .checksum(expected: Base64.encode(digest.bytes), actual: Self.printable(kept))
    }
    return StoredObject(
      entityTag: Self.printable(response.header("ETag") ?? ""),
      version: response.header("x-amz-version-id").map(Self.printable))
  }

  /// What the service knows of an object.
  public func head(_ key: String) async throws(ObjectStoreFault) -> ObjectFacts {
    let request = HTTPClientRequest(
      method: "HEAD", url: try url(key), headers: [.init("x-amz-checksum-mode", "ENABLED")], deadline: deadline,
      maxResponseBytes: 65_536)
    let response = try await send(request, payload: .empty)
    guard let length = response.header("Content-Length").flatMap(UInt64.init) else {
      throw .malformed("no Content-Length")
    }
    let checksum = response.header("x-amz-checksum-sha256").flatMap { Base64.decode($0) }.map { Hex.encode($0) }
    return ObjectFacts(
      bytes: length, entityTag: Self.printable(response.header("ETag") ?? ""),
      version: response.header("x-amz-version-id").map(Self.printable),
      sha256: checksum ?? response.header("x-amz-meta-sha256").map(Self.printable),
      lockMode: response.header("x-amz-object-lock-mode").map(Self.printable),
      retainUntil: response.header("x-amz-object-lock-retain-until-date").map(Self.printable))
  }

  /// An object's bytes, or those of a range that is not empty. A range beyond the end is refused with 416.
  public func get(_ key: String, range: Range<UInt64>? = nil) async throws(ObjectStoreFault) -> [UInt8] {
    var request = HTTPClientRequest(url: try url(key), deadline: deadline, maxResponseBytes: Self.maxObjectBytes)
    if let range {
      guard !range.isEmpty, range.count <= Self.maxObjectBytes else {
        throw .invalid(
          FieldError(
            field: "range", expected: "1 to \(Self.maxObjectBytes) bytes",
            actual: "\(range.lowerBound)..<\(range.upperBound)"))
      }
      request.headers.append(.init("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"))
    }
    let response = try await send(request, payload: .empty)
    if let range {
      // A server that ignores the range sends all: taken for the part, that would be other bytes.
      guard response.status == 206, response.body.count <= range.count else {
        throw .malformed("status \(response.status) with \(response.body.count) bytes to a range request")
      }
    }
    return response.body
  }

  /// Keys that begin with a prefix, at most 1000 at a time (ListObjectsV2).
  public func list(
    prefix: String = "", limit: Int = 1000, continuation: String? = nil
  ) async throws(ObjectStoreFault) -> ObjectListing {
    guard (1...1000).contains(limit), prefix.utf8.count <= S3Location.maxKeyBytes,
      continuation.map({ $0.utf8.count <= 4096 }) ?? true
    else {
      throw .invalid(
        FieldError(field: "list", expected: "a limit of 1 to 1000 and a prefix of at most 1024 bytes", actual: "other"))
    }
    var query = [(name: "list-type", value: "2"), ("max-keys", String(limit)), ("prefix", prefix)]
    if let continuation { query.append(("continuation-token", continuation)) }
    let request = HTTPClientRequest(
      url: bucket.url(key: "", query: query), deadline: deadline, maxResponseBytes: 4 << 20)
    let response = try await send(request, payload: .empty)
    guard let document = S3XML.parse(response.body), document.name == "ListBucketResult" else {
      throw .malformed("not a ListBucketResult")
    }
    var items: [ObjectListing.Item] = []
    for entry in document.children where entry.name == "Contents" {
      guard let key = entry.child("Key")?.text, let bytes = entry.child("Size").flatMap({ UInt64($0.text) }) else {
        throw .malformed("an object without key or size")
      }
      items.append(.init(key: key, bytes: bytes))
    }
    let isCut = document.child("IsTruncated")?.text == "true"
    let next = document.child("NextContinuationToken")?.text
    guard !isCut || next != nil else { throw .malformed("a cut list without a continuation") }
    return ObjectListing(items: items, continuation: isCut ? next : nil)
  }

  private func url(_ key: String) throws(ObjectStoreFault) -> String {
    do {
      return try S3Location(bucket: bucket, key: key).url
    } catch {
      throw .invalid(error)
    }
  }

  private func send(
    _ request: HTTPClientRequest, payload: SigV4.Payload
  ) async throws(ObjectStoreFault) -> HTTPClientResponse {
    let signed: HTTPClientRequest
    do {
      signed = try signer.sign(request, at: clock(), payload: payload)
    } catch {
      throw .invalid(FieldError(field: "endpoint", expected: "a URL", actual: error.description))
    }
    let response: HTTPClientResponse
    do {
      response = try await client.send(signed, policy: policy)
    } catch {
      throw .transport(error)
    }
    guard (200...299).contains(response.status) else {
      throw .refused(ObjectStoreFault.Refusal(status: response.status, body: response.body))
    }
    return response
  }

  // Headers come from the service, and go into logs.
  private static func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(1024).map { (" "..."~").contains($0) ? $0 : "?" }))
  }
}
