import CPKCS11
import Cryptography

/// A session with one token, logged in, and the key in it. Belongs to one thread at a time.
final class PKCS11Session {
  private let functions: CK_FUNCTION_LIST
  private let session: CK_SESSION_HANDLE
  private let key: CK_OBJECT_HANDLE

  init(
    _ location: PKCS11Key.Location, pin: SecretBytes, _ functions: CK_FUNCTION_LIST
  ) throws(KeyEncryptionFault) {
    let slot = try Self.slot(of: location.token, functions)
    var session: CK_SESSION_HANDLE = 0
    try Self.check(
      functions.C_OpenSession(slot, CK_FLAGS(CKF_SERIAL_SESSION), nil, nil, &session), "opening a session")
    do {
      try Self.logIn(session, pin, functions)
      key = try Self.key(labelled: location.label, session, functions)
    } catch {
      _ = functions.C_CloseSession(session)
      throw error
    }
    self.functions = functions
    self.session = session
  }

  deinit { _ = functions.C_CloseSession(session) }

  static func slot(
    of token: String, _ functions: CK_FUNCTION_LIST
  ) throws(KeyEncryptionFault) -> CK_SLOT_ID {
    var count: CK_ULONG = 0
    try check(functions.C_GetSlotList(1, nil, &count), "listing tokens")
    guard count <= 1024 else { throw .malformed("\(count) tokens") }
    var slots = [CK_SLOT_ID](repeating: 0, count: Int(count))
    try check(functions.C_GetSlotList(1, &slots, &count), "listing tokens")
    // Labels are 32 bytes, padded with blanks.
    let label = Array(token.utf8)
    let padded = label + [UInt8](repeating: 0x20, count: max(0, 32 - label.count))
    for slot in slots.prefix(Int(count)) {
      var info = CK_TOKEN_INFO()
      guard functions.C_GetTokenInfo(slot, &info) == CKR_OK else { continue }
      if withUnsafeBytes(of: info.label, { $0.elementsEqual(padded) }) { return slot }
    }
    throw .unavailable("there is no token \(token)")
  }

  static func logIn(
    _ session: CK_SESSION_HANDLE, _ pin: SecretBytes, _ functions: CK_FUNCTION_LIST
  ) throws(KeyEncryptionFault) {
    let result = pin.withUnsafeBytes { pin in
      functions.C_Login(
        session, CK_USER_TYPE(CKU_USER),
        UnsafeMutablePointer(mutating: pin.baseAddress?.assumingMemoryBound(to: UInt8.self)), CK_ULONG(pin.count))
    }
    // Another session of this process may have logged in already.
    guard result != CKR_USER_ALREADY_LOGGED_IN else { return }
    try check(result, "logging in")
  }

  /// The one AES-256 key with this label, which the token keeps for itself.
  private static func key(
    labelled label: String, _ session: CK_SESSION_HANDLE, _ functions: CK_FUNCTION_LIST
  ) throws(KeyEncryptionFault) -> CK_OBJECT_HANDLE {
    var objectClass = CK_OBJECT_CLASS(CKO_SECRET_KEY)
    var type = CK_KEY_TYPE(CKK_AES)
    var text = Array(label.utf8)
    let textCount = CK_ULONG(text.count)
    var found = [CK_OBJECT_HANDLE](repeating: 0, count: 2)
    var count: CK_ULONG = 0
    var result: CK_RV = CK_RV(CKR_OK)
    withUnsafeMutableBytes(of: &objectClass) { objectClass in
      withUnsafeMutableBytes(of: &type) { type in
        text.withUnsafeMutableBytes { text in
          var template = [
            CK_ATTRIBUTE(
              type: CK_ATTRIBUTE_TYPE(CKA_CLASS), pValue: objectClass.baseAddress,
              ulValueLen: CK_ULONG(objectClass.count)),
            CK_ATTRIBUTE(
              type: CK_ATTRIBUTE_TYPE(CKA_KEY_TYPE), pValue: type.baseAddress, ulValueLen: CK_ULONG(type.count)),
            CK_ATTRIBUTE(type: CK_ATTRIBUTE_TYPE(CKA_LABEL), pValue: text.baseAddress, ulValueLen: textCount),
          ]
          result = functions.C_FindObjectsInit(session, &template, CK_ULONG(template.count))
        }
      }
    }
    try check(result, "looking for the key")
    result = functions.C_FindObjects(session, &found, 2, &count)
    _ = functions.C_FindObjectsFinal(session)
    try check(result, "looking for the key")
    guard count == 1 else {
      throw .unsuitableKey(count == 0 ? "the token has no AES key \(label)" : "the token has several AES keys \(label)")
    }
    let (sensitive, extractable, size) = try attributes(of: found[0], session, functions)
    // A key that may leave the token protects nothing that the token protects.
    guard sensitive, !extractable else { throw .unsuitableKey("\(label) may be taken out of the token") }
    guard size == 32 else { throw .unsuitableKey("\(label) has \(size) bytes, expected 32") }
    return found[0]
  }

  private static func attributes(
    of key: CK_OBJECT_HANDLE, _ session: CK_SESSION_HANDLE, _ functions: CK_FUNCTION_LIST
  ) throws(KeyEncryptionFault) -> (sensitive: Bool, extractable: Bool, bytes: Int) {
    var sensitive: CK_BBOOL = 0
    var extractable: CK_BBOOL = 1
    var size: CK_ULONG = 0
    let result = withUnsafeMutablePointer(to: &sensitive) { sensitive in
      withUnsafeMutablePointer(to: &extractable) { extractable in
        withUnsafeMutablePointer(to: &size) { size in
          var template = [
            CK_ATTRIBUTE(type: CK_ATTRIBUTE_TYPE(CKA_SENSITIVE), pValue: sensitive, ulValueLen: 1),
            CK_ATTRIBUTE(type: CK_ATTRIBUTE_TYPE(CKA_EXTRACTABLE), pValue: extractable, ulValueLen: 1),
            CK_ATTRIBUTE(
              type: CK_ATTRIBUTE_TYPE(CKA_VALUE_LEN), pValue: size,
              ulValueLen: CK_ULONG(MemoryLayout<CK_ULONG>.size)),
          ]
          return functions.C_GetAttributeValue(session, key, &template, CK_ULONG(template.count))
        }
      }
    }
    try check(result, "reading the key's attributes")
    return (sensitive != 0, extractable != 0, Int(size))
  }

  func encrypt(_ secret: SecretBytes, iv: [UInt8], aad: [UInt8]) throws(KeyEncryptionFault) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: secret.count + 64)
    var count = CK_ULONG(output.count)
    let result = withMechanism(iv: iv, aad: aad) { mechanism -> CK_RV in
      let started = functions.C_EncryptInit(session, mechanism, key)
      guard started == CKR_OK else { return started }
      return secret.withUnsafeBytes { input in
        functions.C_Encrypt(
          session, UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self)),
          CK_ULONG(input.count), &output, &count)
      }
    }
    try Self.check(result, "wrapping")
    guard Int(count) == secret.count + 16 else { throw .malformed("\(count) bytes of ciphertext") }
    return [UInt8](output.prefix(Int(count)))
  }

  func decrypt(_ sealed: [UInt8], iv: [UInt8], aad: [UInt8]) throws(KeyEncryptionFault) -> SecretBytes {
    var sealed = sealed
    var result: CK_RV = CK_RV(CKR_OK)
    var count: CK_ULONG = 0
    // Into locked memory at once; a token may ask for room for the tag, too.
    let room = SecretBytes(count: sealed.count) { output in
      result = withMechanism(iv: iv, aad: aad) { mechanism -> CK_RV in
        let started = functions.C_DecryptInit(session, mechanism, key)
        guard started == CKR_OK else { return started }
        count = CK_ULONG(output.count)
        return functions.C_Decrypt(
          session, &sealed, CK_ULONG(sealed.count), output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count)
      }
    }
    switch result {
    case CK_RV(CKR_ENCRYPTED_DATA_INVALID), CK_RV(CKR_ENCRYPTED_DATA_LEN_RANGE), CK_RV(CKR_GENERAL_ERROR),
      CK_RV(CKR_FUNCTION_FAILED):
      // Tokens differ in the word for a tag that does not match.
      throw .doesNotOpen
    default: try Self.check(result, "unwrapping")
    }
    guard Int(count) == sealed.count - 16 else { throw .malformed("\(count) bytes of plaintext") }
    return room.withUnsafeBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0.prefix(Int(count)))) }
  }

  private func withMechanism(
    iv: [UInt8], aad: [UInt8], _ body: (UnsafeMutablePointer<CK_MECHANISM>) -> CK_RV
  ) -> CK_RV {
    var (iv, aad) = (iv, aad)
    let (ivCount, aadCount) = (CK_ULONG(iv.count), CK_ULONG(aad.count))
    return iv.withUnsafeMutableBufferPointer { iv in
      aad.withUnsafeMutableBufferPointer { aad in
        var parameters = CK_GCM_PARAMS(
          pIv: iv.baseAddress, ulIvLen: ivCount, ulIvBits: ivCount * 8, pAAD: aad.baseAddress, ulAADLen: aadCount,
          ulTagBits: 128)
        return withUnsafeMutablePointer(to: &parameters) { parameters in
          var mechanism = CK_MECHANISM(
            mechanism: CK_MECHANISM_TYPE(CKM_AES_GCM), pParameter: parameters,
            ulParameterLen: CK_ULONG(MemoryLayout<CK_GCM_PARAMS>.size))
          return body(&mechanism)
        }
      }
    }
  }

  static func check(_ result: CK_RV, _ what: String) throws(KeyEncryptionFault) {
    switch result {
    case CK_RV(CKR_OK): return
    case CK_RV(CKR_PIN_INCORRECT), CK_RV(CKR_PIN_LOCKED), CK_RV(CKR_PIN_EXPIRED), CK_RV(CKR_PIN_LEN_RANGE),
      CK_RV(CKR_PIN_INVALID), CK_RV(CKR_USER_PIN_NOT_INITIALIZED), CK_RV(CKR_KEY_FUNCTION_NOT_PERMITTED):
      throw .refused("\(what): \(message(result))")
    default: throw .unavailable("\(what): \(message(result))")
    }
  }

  private static func message(_ result: CK_RV) -> String {
    guard let text = p11_kit_strerror(result) else { return "PKCS#11 error \(result)" }
    return String(cString: text)
  }
}
