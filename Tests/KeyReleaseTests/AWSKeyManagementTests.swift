import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import ObjectStorage
import TestSupport
import Testing

@testable import KeyRelease

/// Keys wrapped in KMS: moto, which checks signatures and permissions.
@Suite(.serialized, .enabled(if: PythonPeer.isReady, PythonPeer.absence))
struct AWSKeyManagementTests {
  private final class Service {
    let peer: PythonPeer
    let client = HTTPClient()
    init() throws { peer = try PythonPeer("key_management_peer") }
    deinit { client.shutDown() }

    func text(_ name: String) throws -> String { try #require(peer.ready[name]?.string) }

    func key(_ name: String = "key", secret: String? = nil, user: String = "broker", port: Int64? = nil) throws
      -> AWSKeyManagement
    {
      let access = try #require(peer.ready[user]?["accessKey"]?.string)
      let stored = try #require(peer.ready[user]?["secretKey"]?.string)
      return try AWSKeyManagement(
        .init(
          endpoint: "http://127.0.0.1:\(port ?? peer.ready["port"]?.integer ?? 0)", region: "us-east-1",
          key: try text(name),
          credentials: S3Credentials(accessKey: access, secretKey: SecretBytes(copying: (secret ?? stored).utf8))),
        client: client, clock: { Int64(Date().timeIntervalSince1970 * 1000) })
    }
  }

  private static let context = WrappingContext(
    broker: "broker.example", key: "disk", proposal: SHA256.hash(utf8: "p"))

  @Test func aKeyComesBackUnderItsContextAndNoOther() async throws {
    let service = try Service()
    let kek = try service.key()
    let key = SecretBytes.random(count: 32)
    let wrapped = try await kek.wrap(key, context: Self.context)
    #expect(try await kek.unwrap(wrapped, context: Self.context).isEqual(to: key))
    await #expect(throws: KeyEncryptionFault.doesNotOpen) {
      try await kek.unwrap(
        wrapped, context: WrappingContext(broker: "broker.example", key: "other", proposal: Self.context.proposal))
    }
    var changed = wrapped
    changed[changed.count - 1] ^= 1
    await #expect(throws: KeyEncryptionFault.self) { try await kek.unwrap(changed, context: Self.context) }
  }

  @Test func whoMayNotIsRefused() async throws {
    let service = try Service()
    let wrapped = try await service.key().wrap(.random(count: 32), context: Self.context)
    for kek in [
      // May encrypt, and not decrypt; a secret that is not the user's.
      try service.key(user: "stranger"), try service.key(secret: "somebody else's secret key, of 40 letters."),
    ] {
      await #expect {
        try await kek.unwrap(wrapped, context: Self.context)
      } throws: { error in
        if case .refused = error as? KeyEncryptionFault { true } else { false }
      }
    }
  }

  @Test func aServiceThatDoesNotAnswerIsUnavailable() async throws {
    let service = try Service()
    let kek = try service.key(port: 1)
    await #expect {
      try await kek.wrap(.random(count: 32), context: Self.context)
    } throws: { error in
      if case .unavailable = error as? KeyEncryptionFault { true } else { false }
    }
  }

  /// An alias could be pointed at another key, and what is not TLS shows the data keys to the network.
  @Test func theKeyIsNamedByItselfAndReachedOverTLS() throws {
    let client = HTTPClient()
    defer { client.shutDown() }
    func make(_ endpoint: String, _ key: String) throws {
      _ = try AWSKeyManagement(
        .init(
          endpoint: endpoint, region: "r", key: key,
          credentials: S3Credentials(accessKey: "A", secretKey: SecretBytes(copying: [1]))),
        client: client, clock: { 0 })
    }
    let longest = String(repeating: "k", count: 1024)
    try make("https://kms.example", longest)
    try make("http://[::1]:4566", "key")
    for (endpoint, key, field) in [
      ("https://kms.example", "alias/mine", "key"), ("https://kms.example", "arn:aws:kms:r:1:alias/mine", "key"),
      ("https://kms.example", "", "key"), ("https://kms.example", longest + "k", "key"),
      ("http://kms.example", "key", "endpoint"), ("http://127.0.0.1.example", "key", "endpoint"),
      ("kms.example", "key", "endpoint"),
    ] {
      let error = #expect(throws: FieldError.self) { try make(endpoint, key) }
      #expect(error?.field == field)
    }
  }

  @Test func anAnswerHasWhatWasAskedFor() throws {
    #expect(try AWSKeyManagement.bytes("Plaintext", of: ["Plaintext": "AA=="]) == [0])
    for answer in [[:], ["Plaintext": ""], ["Plaintext": "?"], ["Plaintext": 1], []] as [JSON] {
      #expect(throws: KeyEncryptionFault.malformed("the answer has no Plaintext")) {
        try AWSKeyManagement.bytes("Plaintext", of: answer)
      }
    }
  }
}
