import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import KeyRelease

/// A wrapped key as a broker keeps it, and the key-encryption key in a file.
@Suite struct WrappedKeyTests {
  private static let context = WrappingContext(broker: "broker.example", key: "disk", proposal: SHA256.hash(utf8: "p"))

  /// Unwraps to whatever the test wants, under any name.
  private struct Careless: KeyEncryptionKey {
    var provider = "file"
    var identifier = "file:1"
    var count = 32
    func wrap(_ key: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8] { [1] }
    func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes {
      SecretBytes(copying: [UInt8](repeating: 7, count: count))
    }
  }

  @Test func itIsReadStrictly() throws {
    func text(_ count: Int) -> JSON { .string(String(repeating: "a", count: count)) }
    let good: JSON = [
      "format": "safebox-wrapped-key/v1", "provider": text(32), "kek": text(1024), "ciphertext": "AAEC",
    ]
    let read = try WrappedKey(parsing: good.canonicalBytes())
    #expect(read.ciphertext == [0, 1, 2] && read.bytes == good.canonicalBytes())
    for (name, value) in [
      ("format", "safebox-wrapped-key/v2"), ("format", nil), ("provider", text(33)), ("provider", nil),
      ("kek", text(1025)), ("kek", nil), ("ciphertext", "AAE"), ("ciphertext", nil), ("further", 1),
    ] as [(String, JSON?)] {
      var members = try #require(good.object)
      members[name] = value
      #expect("\(name)") {
        try WrappedKey(parsing: JSON.object(members).canonicalBytes())
      } throws: { ($0 as? FieldError)?.field == name }
    }
    let padding = [UInt8](repeating: 0x20, count: WrappedKey.maxBytes)
    #expect(throws: JSONError.self) { try WrappedKey(parsing: good.canonicalBytes() + padding) }
  }

  @Test func onlyTheKeyThatWrappedItIsAsked() async throws {
    let wrapped = try await WrappedKey.make(under: Careless(), context: Self.context)
    #expect(try await wrapped.open(with: Careless(), context: Self.context).count == WrappedKey.keyBytes)
    for other in [Careless(provider: "pkcs11"), Careless(identifier: "file:2")] {
      await #expect {
        try await wrapped.open(with: other, context: Self.context)
      } throws: { if case .unsuitableKey? = $0 as? KeyEncryptionFault { true } else { false } }
    }
    for count in [0, 31, 33] {
      await #expect(throws: KeyEncryptionFault.malformed("a key of \(count) bytes")) {
        try await wrapped.open(with: Careless(count: count), context: Self.context)
      }
    }
  }

  @Test func aFileHoldsOneKeyThatNobodyElseReads() async throws {
    let directory = try TemporaryDirectory()
    func key(_ text: String, _ mode: Int = 0o600) throws -> FileKey {
      let path = try directory.write(Array(text.utf8), to: "kek")
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      return try FileKey(path: path)
    }
    let digits = String(repeating: "5a", count: 32)
    let kek = try key(digits + "\n")
    #expect(try key(digits).identifier == kek.identifier && !kek.identifier.contains("5a5a"))
    let secret = SecretBytes.random(count: 32)
    let wrapped = try await kek.wrap(secret, context: Self.context)
    #expect(try await kek.unwrap(wrapped, context: Self.context).isEqual(to: secret))
    for other in [
      WrappingContext(broker: "other.example", key: "disk", proposal: Self.context.proposal),
      WrappingContext(broker: "broker.example", key: "other", proposal: Self.context.proposal),
      WrappingContext(broker: "broker.example", key: "disk", proposal: SHA256.hash(utf8: "q")),
    ] {
      await #expect(throws: KeyEncryptionFault.doesNotOpen) { try await kek.unwrap(wrapped, context: other) }
    }
    for text in ["", String(digits.dropLast(2)), digits + "5a", digits.uppercased(), digits + "\n\n"] {
      #expect("\(text.count) characters") {
        _ = try key(text)
      } throws: { if case .unsuitableKey? = $0 as? KeyEncryptionFault { true } else { false } }
    }
    for read in [
      { try key(digits, 0o640) }, { try key(digits, 0o604) }, { try key(String(repeating: "5a", count: 1000)) },
      { try FileKey(path: "/nowhere/kek") },
    ] as [() throws -> FileKey] {
      #expect {
        _ = try read()
      } throws: { if case .unavailable? = $0 as? KeyEncryptionFault { true } else { false } }
    }
  }
}
