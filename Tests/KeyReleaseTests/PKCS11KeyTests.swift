import CPKCS11
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import KeyRelease

/// A token of SoftHSM2 in a directory of its own, with a key that is made in it.
struct TestToken {
  static let module = "/usr/lib/softhsm/libsofthsm2.so"
  static let isReady = FileManager.default.fileExists(atPath: module) && Subprocess.find("softhsm2-util") != nil
  static let absence: Comment = "needs SoftHSM2: scripts/setup test"

  /// One for the process: the module reads the place of its tokens once.
  static let directory: TemporaryDirectory? = {
    guard let directory = try? TemporaryDirectory() else { return nil }
    try? FileManager.default.createDirectory(atPath: directory.file("tokens"), withIntermediateDirectories: true)
    let configuration = "directories.tokendir = \(directory.file("tokens"))\nobjectstore.backend = file\n"
    guard let path = try? directory.write(Array(configuration.utf8), to: "softhsm2.conf") else { return nil }
    setenv("SOFTHSM2_CONF", path, 1)
    // All of them now: the module looks for tokens when it is loaded, and not again.
    for label in [
      "wraps", "wraps-not", "many", "pin", "there", "leaves", "small", "plain", "twice", "lost", "idle", "short",
      "says",
    ] {
      let made = try? Subprocess.run(
        Subprocess.find("softhsm2-util") ?? "",
        ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", "123456"])
      guard made?.status == 0 else { return nil }
    }
    return directory
  }()

  let location: PKCS11Key.Location

  /// - Parameters:
  ///   - isExtractable: whether the key may be taken out of the token.
  ///   - size: bytes of the key.
  ///   - isSensitive: whether the token shows it to nobody.
  ///   - mayWrap: whether it encrypts and decrypts.
  init(
    _ label: String, isExtractable: Bool = false, size: Int = 32, isSensitive: Bool = true, mayWrap: Bool = true
  ) throws {
    let directory = try #require(Self.directory)
    let pinFile = try directory.write(Array("123456\n".utf8), to: "\(label).pin")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: pinFile)
    location = PKCS11Key.Location(module: Self.module, token: label, label: "kek", pinFile: pinFile)
    try makeKey(isExtractable: isExtractable, size: size, isSensitive: isSensitive, mayWrap: mayWrap)
  }

  func makeKey(isExtractable: Bool = false, size: Int = 32, isSensitive: Bool = true, mayWrap: Bool = true) throws {
    let functions = try PKCS11Module.functions(of: Self.module)
    let slot = try PKCS11Session.slot(of: location.token, functions)
    var session: CK_SESSION_HANDLE = 0
    try PKCS11Session.check(
      functions.C_OpenSession(slot, CK_FLAGS(CKF_SERIAL_SESSION | CKF_RW_SESSION), nil, nil, &session), "open")
    defer { _ = functions.C_CloseSession(session) }
    try PKCS11Session.logIn(session, SecretBytes(copying: "123456".utf8), functions)
    var mechanism = CK_MECHANISM(mechanism: CK_MECHANISM_TYPE(CKM_AES_KEY_GEN), pParameter: nil, ulParameterLen: 0)
    var values: [[UInt8]] = [[true], [mayWrap], [mayWrap], [isSensitive], [isExtractable]].map { $0.map { $0 ? 1 : 0 } }
    values.append(Array(location.label.utf8))
    values.append(withUnsafeBytes(of: CK_ULONG(size), Array.init))
    let types = [CKA_TOKEN, CKA_ENCRYPT, CKA_DECRYPT, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_LABEL, CKA_VALUE_LEN]
    let places = values.map { value in
      let place = UnsafeMutableRawBufferPointer.allocate(byteCount: value.count, alignment: 8)
      place.copyBytes(from: value)
      return place
    }
    defer { for place in places { place.deallocate() } }
    var template = zip(types, places).map {
      CK_ATTRIBUTE(type: CK_ATTRIBUTE_TYPE($0), pValue: $1.baseAddress, ulValueLen: CK_ULONG($1.count))
    }
    var key: CK_OBJECT_HANDLE = 0
    try PKCS11Session.check(
      functions.C_GenerateKey(session, &mechanism, &template, CK_ULONG(template.count), &key), "make a key")
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
    // Had it been offered each time, a token would be locked now: not even the right one is, in the file of the wrong one.
    try directory.write(Array("123456".utf8), to: "wrong.pin")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    await #expect(throws: KeyEncryptionFault.self) { try await kek.wrap(.random(count: 32), context: Self.context) }
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
      token.location { $0.pinFile = "/nowhere/pin" },
    ] {
      await #expect {
        try await PKCS11Key(location).wrap(.random(count: 32), context: Self.context)
      } throws: { error in
        if case .unavailable = error as? KeyEncryptionFault { true } else { false }
      }
    }
    // A module sees the PIN: it is not looked for.
    await #expect(throws: KeyEncryptionFault.unavailable("libsofthsm2.so is not an absolute path")) {
      try await PKCS11Key(token.location { $0.module = "libsofthsm2.so" })
        .wrap(.random(count: 32), context: Self.context)
    }
    let kek = PKCS11Key(token.location { $0.token = "later" })
    await #expect(throws: KeyEncryptionFault.self) { try await kek.wrap(.random(count: 32), context: Self.context) }
  }

  @Test func aKeyThatMayLeaveTheTokenIsRefused() async throws {
    let extractable = try TestToken("leaves", isExtractable: true)
    let small = try TestToken("small", size: 16)
    let plain = try TestToken("plain", isSensitive: false)
    // Which of two keys of one name is meant is not guessed.
    let twice = try TestToken("twice")
    try twice.makeKey()
    for location in [
      extractable.location, small.location, small.location { $0.label = "none" }, plain.location, twice.location,
    ] {
      await #expect {
        try await PKCS11Key(location).wrap(.random(count: 32), context: Self.context)
      } throws: { error in
        if case .unsuitableKey = error as? KeyEncryptionFault { true } else { false }
      }
    }
  }

  /// Shorter than any that a token made: refused before the token is asked, which would take an IV of another length for its
  /// own fault.
  @Test func whatIsTooShortDoesNotOpen() async throws {
    let kek = PKCS11Key(try TestToken("short").location)
    let wrapped = try await kek.wrap(.random(count: 32), context: Self.context)
    for count in [0, 5, 12, 28] {
      await #expect(throws: KeyEncryptionFault.doesNotOpen, "\(count)") {
        try await kek.unwrap(Array(wrapped.prefix(count)), context: Self.context)
      }
    }
  }

  /// A token that was taken out ends its sessions: the next question fails, and the one after it has a new session.
  @Test func aSessionThatWasLostIsOpenedAgain() async throws {
    let token = try TestToken("lost")
    let kek = PKCS11Key(token.location)
    let wrapped = try await kek.wrap(.random(count: 32), context: Self.context)
    let functions = try PKCS11Module.functions(of: TestToken.module)
    let slot = try PKCS11Session.slot(of: token.location.token, functions)
    try PKCS11Session.check(functions.C_CloseAllSessions(slot), "close")
    await #expect {
      try await kek.unwrap(wrapped, context: Self.context)
    } throws: { if case .unavailable? = $0 as? KeyEncryptionFault { true } else { false } }
    #expect(try await kek.unwrap(wrapped, context: Self.context).count == 32)
  }

  /// The token's own reason is given, not that of the call after it.
  @Test func aKeyThatMayNotWrapIsRefused() async throws {
    let kek = PKCS11Key(try TestToken("idle", mayWrap: false).location)
    await #expect {
      try await kek.wrap(.random(count: 32), context: Self.context)
    } throws: { if case .refused? = $0 as? KeyEncryptionFault { true } else { false } }
    await #expect {
      try await kek.unwrap([UInt8](repeating: 1, count: 60), context: Self.context)
    } throws: { if case .refused? = $0 as? KeyEncryptionFault { true } else { false } }
  }

  /// A module that says it wrote more or less than it was given.
  @Test func answersOfAnotherLengthAreRefused() throws {
    let token = try TestToken("says")
    var functions = try PKCS11Module.functions(of: TestToken.module)
    let pin = SecretBytes(copying: "123456".utf8)
    functions.C_Encrypt = { _, _, _, _, count in
      count?.pointee = 31
      return CK_RV(CKR_OK)
    }
    functions.C_Decrypt = { _, _, _, _, count in
      count?.pointee = 1
      return CK_RV(CKR_OK)
    }
    // Each in a session of its own: an operation that was begun there is not ended.
    func session() throws -> PKCS11Session { try PKCS11Session(token.location, pin: pin, functions) }
    let iv = [UInt8](repeating: 0, count: 12)
    #expect(throws: KeyEncryptionFault.malformed("31 bytes of ciphertext")) {
      try session().encrypt(.random(count: 32), iv: iv, aad: [])
    }
    #expect(throws: KeyEncryptionFault.malformed("1 bytes of plaintext")) {
      try session().decrypt([UInt8](repeating: 0, count: 48), iv: iv, aad: [])
    }
    functions.C_GetSlotList = { _, _, count in
      count?.pointee = 1025
      return CK_RV(CKR_OK)
    }
    #expect(throws: KeyEncryptionFault.malformed("1025 tokens")) { try PKCS11Session.slot(of: "says", functions) }
  }
}
