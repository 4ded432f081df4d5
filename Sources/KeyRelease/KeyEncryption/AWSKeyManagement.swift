import CanonicalJSON
import Cryptography
import HTTPClient
import ObjectStorage

/// A key-encryption key in AWS KMS: symmetric, never leaves the service. Requests are signed with Signature Version 4, and
/// the wrapping context is the encryption context, so that the service's own log shows which key was asked for.
public struct AWSKeyManagement: KeyEncryptionKey {
  /// The service and the key in it.
  public struct Location: Sendable {
    /// Such as `https://kms.eu-central-1.amazonaws.com`; without TLS only on this machine itself.
    public var endpoint: String
    public var region: String
    /// The key's ARN or identifier. Not an alias: whoever may point it elsewhere would choose the key.
    public var key: String
    public var credentials: S3Credentials

    public init(endpoint: String, region: String, key: String, credentials: S3Credentials) {
      self.endpoint = endpoint
      self.region = region
      self.key = key
      self.credentials = credentials
    }
  }

  /// Hosts whose connections nobody else sees.
  private static let loopback: Set<String> = ["127.0.0.1", "::1"]

  private let location: Location
  private let client: HTTPClient
  private let policy: EgressPolicy
  private let clock: @Sendable () -> Int64

  public var provider: String { "aws-kms" }
  public var identifier: String { location.key }

  /// - Parameter clock: Unix milliseconds; the service refuses what is more than 15 minutes off its own.
  public init(_ location: Location, client: HTTPClient, clock: @escaping @Sendable () -> Int64) throws(FieldError) {
    let url: HTTPURL
    do {
      url = try HTTPURL(location.endpoint)
    } catch {
      throw FieldError(field: "endpoint", expected: "a URL", actual: "\(error)")
    }
    // The data keys go through the connection in clear.
    guard url.scheme == .https || Self.loopback.contains(url.host) else {
      throw FieldError(field: "endpoint", expected: "an https URL", actual: location.endpoint)
    }
    guard !location.key.isEmpty, !location.key.contains("alias/"), location.key.utf8.count <= 1024 else {
      throw FieldError(field: "key", expected: "the ARN or identifier of a key", actual: location.key)
    }
    self.location = location
    self.client = client
    self.clock = clock
    policy = .only([(host: url.host, port: url.port)])
  }

  public func wrap(_ secret: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8] {
    let answer = try await call(
      "Encrypt",
      ["Plaintext": .string(secret.withUnsafeBytes { Base64.encode(Array($0)) })], context)
    return try Self.bytes("CiphertextBlob", of: answer)
  }

  public func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes {
    let answer = try await call("Decrypt", ["CiphertextBlob": .string(Base64.encode(wrapped))], context)
    return SecretBytes(copying: try Self.bytes("Plaintext", of: answer))
  }

  static func bytes(_ name: String, of answer: JSON) throws(KeyEncryptionFault) -> [UInt8] {
    guard let text = answer[name]?.string, let bytes = Base64.decode(text), !bytes.isEmpty else {
      throw .malformed("the answer has no \(name)")
    }
    return bytes
  }

  private func call(
    _ operation: String, _ members: JSONObject, _ context: WrappingContext
  ) async throws(KeyEncryptionFault) -> JSON {
    var encryptionContext = JSONObject()
    for (name, value) in context.members { encryptionContext[name] = .string(value) }
    var body = members
    body["KeyId"] = .string(location.key)
    body["EncryptionContext"] = .object(encryptionContext)
    let bytes = JSON.object(body).canonicalBytes()
    let request = HTTPClientRequest(
      method: "POST", url: location.endpoint,
      headers: [
        HTTPClientHeader("Content-Type", "application/x-amz-json-1.1"),
        HTTPClientHeader("X-Amz-Target", "TrentService.\(operation)"),
      ],
      body: bytes, deadline: .seconds(20), maxResponseBytes: 64 << 10)
    let response: HTTPClientResponse
    do {
      let signed = try SigV4(credentials: location.credentials, region: location.region, service: "kms")
        .sign(request, at: clock(), payload: .digest(SHA256.hash(bytes)))
      response = try await client.send(signed, policy: policy)
    } catch {
      throw .unavailable("\(error)")
    }
    let answer = try? JSON(parsing: response.body, limits: .document(maxBytes: 64 << 10))
    guard response.status == 200, let answer else { throw Self.fault(response.status, answer) }
    return answer
  }

  /// The service names its reasons; of an answer only that name is taken, never a text that could repeat what was sent.
  private static func fault(_ status: Int, _ answer: JSON?) -> KeyEncryptionFault {
    let type = (answer?["__type"]?.string ?? answer?["code"]?.string ?? "").split(separator: "#").last.map(String.init)
    let name = (type ?? "").filter { $0.isASCII && $0.isLetter }.prefix(64)
    switch name {
    case "InvalidCiphertextException", "IncorrectKeyException": return .doesNotOpen
    case "": return status >= 500 ? .unavailable("status \(status)") : .refused("status \(status)")
    default: return status >= 500 ? .unavailable("\(name)") : .refused("\(name)")
    }
  }
}
