import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import TestSupport

@testable import ObjectStorage

/// moto with two buckets, one with Object Lock, and one user.
final class TestStore: Sendable {
  static let locked = "audit-locked"
  static let plain = "audit-plain"
  static let client = HTTPClient()

  let port: UInt16
  let accessKey: String
  let secretKey: String
  private let peer: PythonPeer

  init() throws {
    peer = try PythonPeer("object_store_peer", ["locked": .string(Self.locked), "plain": .string(Self.plain)])
    port = UInt16(peer.ready["port"]?.integer ?? 0)
    accessKey = peer.ready["accessKey"]?.string ?? ""
    secretKey = peer.ready["secretKey"]?.string ?? ""
  }

  func store(
    _ bucket: String = TestStore.locked, accessKey: String? = nil, secretKey: String? = nil, skew: Int64 = 0
  ) throws -> ObjectStore {
    let credentials = try S3Credentials(
      accessKey: accessKey ?? self.accessKey, secretKey: SecretBytes(copying: Array((secretKey ?? self.secretKey).utf8))
    )
    return ObjectStore(
      bucket: try S3Bucket(name: bucket, endpoint: "http://127.0.0.1:\(port)"), credentials: credentials,
      client: Self.client, policy: .only([("127.0.0.1", port)]), clock: { Self.now() + skew })
  }

  /// A signed request outside of what the client can say.
  func send(
    _ method: String, _ target: String, headers: [HTTPClientHeader] = [], body: [UInt8] = []
  ) async throws -> HTTPClientResponse {
    let signer = SigV4(
      credentials: try S3Credentials(accessKey: accessKey, secretKey: SecretBytes(copying: Array(secretKey.utf8))),
      region: "us-east-1")
    let request = HTTPClientRequest(
      method: method, url: "http://127.0.0.1:\(port)\(target)", headers: headers, body: body)
    let signed = try signer.sign(request, at: Self.now(), payload: .digest(SHA256.hash(body)))
    return try await Self.client.send(signed, policy: .only([("127.0.0.1", port)]))
  }

  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
