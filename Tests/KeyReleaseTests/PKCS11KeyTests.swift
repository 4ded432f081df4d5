import Cryptography
import Foundation
import TestSupport
import Testing

@testable import KeyRelease

/// A token of SoftHSM2 in a directory of its own, prepared with OpenSC's tools.
struct TestToken {
  static let module = Subprocess.find("/usr/lib/softhsm/libsofthsm2.so") ?? "/usr/lib/softhsm/libsofthsm2.so"
  static let isReady =
    FileManager.default.fileExists(atPath: module) && Subprocess.find("softhsm2-util") != nil
    && Subprocess.find("pkcs11-tool") != nil
  static let absence: Comment = "needs SoftHSM2 and OpenSC: scripts/setup test"

  /// One for the process: the module reads the place of its tokens once.
  static let directory: TemporaryDirectory? = {
    guard let directory = try? TemporaryDirectory() else { return nil }
    try? FileManager.default.createDirectory(atPath: directory.file("tokens"), withIntermediateDirectories: true)
    let configuration =
      "directories.tokendir = \(directory.file("tokens"))\nobjectstore.backend = file\nlog.level = ERROR\n"
    guard let path = try? directory.write(Array(configuration.utf8), to: "softhsm2.conf") else { return nil }
    setenv("SOFTHSM2_CONF", path, 1)
    return directory
  }()

  let label: String
  let location: PKCS11Key.Location

  init(_ label: String, pin: String = "123456", keyArguments: [String] = ["--sensitive"], size: Int = 32) throws {
    self.label = label
    let directory = try #require(Self.directory)
    let pinFile = try directory.write(Array("123456\n".utf8), to: "\(label).pin")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: pinFile)
    try Self.run(
      "softhsm2-util", ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", "123456"])
    try Self.run(
      "pkcs11-tool",
      [
        "--module", Self.module, "--token-label", label, "--login", "--pin", "123456", "--keygen", "--key-type",
        "AES:\(size)", "--label", "kek",
      ] + keyArguments)
    location = PKCS11Key.Location(module: Self.module, token: label, label: "kek", pinFile: pinFile)
  }

  static func run(_ tool: String, _ arguments: [String]) throws {
    let result = try Subprocess.run(try #require(Subprocess.find(tool)), arguments)
    try #require(result.status == 0, "\(tool): \(result.errors)")
  }

  func location(_ change: (inout PKCS11Key.Location) throws -> Void) rethrows -> PKCS11Key.Location {
    var copy = location
    try change(&copy)
    return copy
  }
}

/// Keys wrapped in a token.
@Suite(.serialized, .enabled(if: TestToken.isReady, TestToken.absence))
struct PKCS11KeyTests {
  static let context = WrappingContext(broker: "broker.example", key: "disk", proposal: SHA256.hash(utf8: "p"))

  @Test func aKeyComesBackUnderItsContextAndNoOther() async throws {
    let token = try TestToken("wraps")
    let kek = PKCS11Key(token.location)
    let key = SecretBytes.random(count: 32)
    let wrapped = try await kek.wrap(key, context: Self.context)
    #expect(wrapped.count == 12 + 32 + 16)
    #expect(try await kek.unwrap(wrapped, context: Self.context).isEqual(to: key))
    // Another process, so to say: a session of its own.
    #expect(try await PKCS11Key(token.location).unwrap(wrapped, context: Self.context).isEqual(to: key))
    for context in [
      WrappingContext(broker: "other.example", key: "disk", proposal: Self.context.proposal),
      WrappingContext(broker: "broker.example", key: "other", proposal: Self.context.proposal),
      WrappingContext(broker: "broker.example", key: "disk", proposal: SHA256.hash(utf8: "q")),
    ] {
      await #expect(throws: KeyEncryptionFault.doesNotOpen) { try await kek.unwrap(wrapped, context: context) }
    }
    for index in [0, 11, 12, 43, 44, 59] {
      var changed = wrapped
      changed[index] ^= 1
      await #expect(throws: KeyEncryptionFault.doesNotOpen) { try await kek.unwrap(changed, context: Self.context) }
    }
    await #expect(throws: KeyEncryptionFault.doesNotOpen) {
      try await kek.unwrap(Array(wrapped.dropLast()), context: Self.context)
    }
    let other = try TestToken("wraps-not")
    await #expect(throws: KeyEncryptionFault.doesNotOpen) {
      try await PKCS11Key(other.location).unwrap(wrapped, context: Self.context)
    }
    // The token did it, not we: it goes on after refusals.
    #expect(try await kek.unwrap(wrapped, context: Self.context).isEqual(to: key))
  }

  @Test func manyAtOnceAreOneAfterTheOther() async throws {
    let kek = PKCS11Key(try TestToken("many").location)
    let key = SecretBytes.random(count: 32)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<32 {
        group.addTask {
          let wrapped = try await kek.wrap(key, context: Self.context)
          return try await kek.unwrap(wrapped, context: Self.context).isEqual(to: key)
        }
      }
      for try await same in group { #expect(same) }
    }
  }

  @Test func aWrongPINIsOfferedOnce() async throws {
    let token = try TestToken("pin")
    let directory = try #require(TestToken.directory)
    let file = try directory.write(Array("000000".utf8), to: "wrong.pin")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    let kek = PKCS11Key(token.location { $0.pinFile = file })
    for _ in 0..<20 {
      await #expect {
        try await kek.wrap(.random(count: 32), context: Self.context)
      } throws: { error in
        guard case .refused(let why) = error as? KeyEncryptionFault else { return false }
        return !why.contains("000000")
      }
    }
    // Had it been offered each time, the token would be locked now.
    _ = try await PKCS11Key(token.location).wrap(.random(count: 32), context: Self.context)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: token.location.pinFile)
    await #expect(throws: KeyEncryptionFault.self, "a PIN that others may read") {
      try await PKCS11Key(token.location).wrap(.random(count: 32), context: Self.context)
    }
  }

  @Test func whatIsMissingIsUnavailableAndMayComeLater() async throws {
    let token = try TestToken("there")
    for location in [
      token.location { $0.token = "not-there" }, token.location { $0.module = "/nowhere/module.so" },
      token.location { $0.module = "libsofthsm2.so" }, token.location { $0.pinFile = "/nowhere/pin" },
    ] {
      await #expect {
        try await PKCS11Key(location).wrap(.random(count: 32), context: Self.context)
      } throws: { error in
        if case .unavailable = error as? KeyEncryptionFault { true } else { false }
      }
    }
    let kek = PKCS11Key(token.location { $0.token = "later" })
    await #expect(throws: KeyEncryptionFault.self) { try await kek.wrap(.random(count: 32), context: Self.context) }
  }

  @Test func aKeyThatMayLeaveTheTokenIsRefused() async throws {
    let extractable = try TestToken("leaves", keyArguments: ["--extractable"])
    let small = try TestToken("small", size: 16)
    for location in [extractable.location, small.location, small.location { $0.label = "none" }] {
      await #expect {
        try await PKCS11Key(location).wrap(.random(count: 32), context: Self.context)
      } throws: { error in
        if case .unsuitableKey = error as? KeyEncryptionFault { true } else { false }
      }
    }
  }
}
