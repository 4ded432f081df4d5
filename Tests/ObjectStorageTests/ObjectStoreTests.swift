import Cryptography
import HTTPClient
import TestSupport
import Testing

@testable import ObjectStorage

@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct ObjectStoreTests {
  @Test func objectsArePutReadAndListed() async throws {
    let peer = try TestStore()
    let store = try peer.store(TestStore.plain)
    // Every character that a path or a signature could get wrong.
    let keys = ["a/b c+d&e=f?g#h%41.txt", "a/é\u{4E2D}~!$'()*,;:@", "plain"]
    for key in keys {
      let bytes = Array("content of \(key)".utf8)
      let stored = try await store.put(key, bytes, contentType: "text/plain")
      #expect(!stored.entityTag.isEmpty)
      #expect(try await store.get(key) == bytes)
      #expect(try await store.get(key, range: 2..<5) == Array(bytes[2..<5]))
      let facts = try await store.head(key)
      #expect(facts.bytes == UInt64(bytes.count) && facts.sha256 == SHA256.hash(bytes).hex && facts.lockMode == nil)
    }
    let all = try await store.list()
    #expect(Set(all.items.map(\.key)) == Set(keys) && all.continuation == nil)
    let first = try await store.list(prefix: "a/", limit: 1)
    #expect(first.items.count == 1 && first.continuation != nil)
    let second = try await store.list(prefix: "a/", limit: 1, continuation: first.continuation)
    #expect(Set((first.items + second.items).map(\.key)) == Set(keys.prefix(2)))
    let empty = try await store.put("empty", [])
    #expect(empty.version == nil)
    #expect(try await store.get("empty").isEmpty)
  }

  @Test func whatIsLockedStays() async throws {
    let peer = try TestStore()
    let store = try peer.store()
    let until = (TestStore.now() / 1000 + 86_400) * 1000
    let stored = try await store.put("audit/1", Array("evidence".utf8), retention: .compliance(until: until))
    let version = try #require(stored.version)
    let facts = try await store.head("audit/1")
    #expect(facts.lockMode == "COMPLIANCE" && facts.version == version)
    #expect(facts.retainUntil?.hasPrefix(UTCTime(milliseconds: until).extended.dropLast()) == true)

    // The version cannot be removed, not even with the header that opens GOVERNANCE.
    let target = "/\(TestStore.locked)/audit/1?versionId=\(version)"
    let refused = try await peer.send("DELETE", target)
    #expect(refused.status == 403)
    let bypass = try await peer.send(
      "DELETE", target, headers: [.init("x-amz-bypass-governance-retention", "true")])
    #expect(bypass.status == 403)
    #expect(try await store.get("audit/1") == Array("evidence".utf8))

    // The same name again: refused where that was asked for.
    await expectRefusal(412, "PreconditionFailed") {
      _ = try await store.put(
        "audit/1", Array("other".utf8), retention: .compliance(until: until), onlyIfAbsent: true)
    }
  }

  @Test func wrongCredentialsAreRefusedAndNotShown() async throws {
    let peer = try TestStore()
    let wrong = try peer.store(secretKey: "canary-wrong-secret")
    let fault = await expectRefusal(403, "SignatureDoesNotMatch") { _ = try await wrong.put("a", [1]) }
    #expect(fault.map { !"\($0)".contains("canary") && !String(reflecting: $0).contains("canary") } == true)
    await expectRefusal(403, "InvalidAccessKeyId") {
      _ = try await peer.store(accessKey: "AKIANOBODY").put("a", [1])
    }
    // A minute is a clock's; an hour is a recording's.
    _ = try await peer.store(TestStore.plain, skew: 60_000).put("a", [1])
    let skewed = await expectRefusal(403, "RequestTimeTooSkewed") {
      _ = try await peer.store(TestStore.plain, skew: 3_600_000).put("a", [1])
    }
    #expect(skewed?.isTransient == true && fault?.isTransient == false)
  }

  @Test func anotherPathThanTheSignedOneIsRefused() async throws {
    let peer = try TestStore()
    let signer = SigV4(
      credentials: try S3Credentials(
        accessKey: peer.accessKey, secretKey: SecretBytes(copying: Array(peer.secretKey.utf8))),
      region: "us-east-1")
    let request = HTTPClientRequest(
      method: "PUT", url: "http://127.0.0.1:\(peer.port)/\(TestStore.plain)/a")
    var signed = try signer.sign(request, at: TestStore.now(), payload: .empty)
    signed.url = "http://127.0.0.1:\(peer.port)/\(TestStore.plain)/b"
    let response = try await TestStore.client.send(signed, policy: .only([("127.0.0.1", peer.port)]))
    #expect(response.status == 403)
  }

  @Test func refusalsAreNamed() async throws {
    let peer = try TestStore()
    await expectRefusal(404, "NoSuchKey") { _ = try await peer.store().get("absent") }
    await expectRefusal(404, "HTTP404") { _ = try await peer.store().head("absent") }
    await expectRefusal(404, "NoSuchBucket") { _ = try await peer.store("no-such-bucket").list() }
    // A lock in a bucket that has none would be a lock in name only.
    await expectRefusal(400, "InvalidRequest") {
      _ = try await peer.store(TestStore.plain).put(
        "a", [1], retention: .compliance(until: TestStore.now() + 86_400_000))
    }
    for key in ["", "../a", "a/./b", "a\nb", String(repeating: "k", count: 1025)] {
      let fault = await self.fault { _ = try await peer.store().put(key, [1]) }
      guard case .invalid(let error) = fault else {
        Issue.record("\(key): \(String(describing: fault))")
        continue
      }
      #expect(error.field == "key")
    }
    let range = await fault { _ = try await peer.store().get("a", range: 5..<5) }
    guard case .invalid = range else {
      Issue.record("an empty range: \(String(describing: range))")
      return
    }
  }

  @discardableResult
  private func expectRefusal(
    _ status: Int, _ code: String, _ body: () async throws -> Void
  ) async -> ObjectStoreFault? {
    let fault = await fault(body)
    guard case .refused(let refusal) = fault, refusal.status == status, refusal.code == code else {
      Issue.record("expected \(status) \(code), found \(String(describing: fault))")
      return fault
    }
    return fault
  }

  private func fault(_ body: () async throws -> Void) async -> ObjectStoreFault? {
    do {
      try await body()
      return nil
    } catch {
      return error as? ObjectStoreFault
    }
  }
}
