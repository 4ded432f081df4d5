import Cryptography
import Dispatch
import Storage
import Synchronization

/// A key-encryption key in a PKCS#11 token: AES-256, which wraps in the token by AES-GCM. The broker never sees it, and
/// refuses a key that could be taken out.
///
/// Calls block while the token works, so they run on a thread of their own, one at a time.
public final class PKCS11Key: KeyEncryptionKey {
  /// Where the key is.
  public struct Location: Sendable, Hashable {
    /// Path of the token's module, such as `/usr/lib/softhsm/libsofthsm2.so`.
    public var module: String
    /// The token's label, at most 32 bytes.
    public var token: String
    /// The key's label.
    public var label: String
    /// A file with the PIN that nobody else may read.
    public var pinFile: String

    public init(module: String, token: String, label: String, pinFile: String) {
      self.module = module
      self.token = token
      self.label = label
      self.pinFile = pinFile
    }
  }

  public let identifier: String
  public var provider: String { "pkcs11" }

  private let location: Location
  private let queue = DispatchQueue(label: "safebox.pkcs11")
  private let session = Mutex(Held())

  /// Belongs to whoever holds the mutex.
  private struct Held: @unchecked Sendable {
    var session: PKCS11Session?
    /// A token locks itself after a few wrong PINs: one that was refused is not offered again.
    var refusal: KeyEncryptionFault?
  }

  /// Opens nothing yet: a token that is missing now may be there when a key is asked for.
  public init(_ location: Location) {
    self.location = location
    identifier = "pkcs11:token=\(location.token);object=\(location.label)"
  }

  public func wrap(_ secret: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8] {
    let iv = SecureRandom.bytes(12)
    let aad = context.bytes
    return iv
      + (try await perform { session throws(KeyEncryptionFault) in
        try session.encrypt(secret, iv: iv, aad: aad)
      })
  }

  public func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes {
    guard wrapped.count > 12 + 16 else { throw .doesNotOpen }
    let aad = context.bytes
    return try await perform { session throws(KeyEncryptionFault) in
      try session.decrypt([UInt8](wrapped.dropFirst(12)), iv: [UInt8](wrapped.prefix(12)), aad: aad)
    }
  }

  private func perform<Value: Sendable>(
    _ work: @escaping @Sendable (PKCS11Session) throws(KeyEncryptionFault) -> Value
  ) async throws(KeyEncryptionFault) -> Value {
    let result: Result<Value, KeyEncryptionFault> = await withCheckedContinuation { continuation in
      queue.async {
        continuation.resume(
          returning: Result { () throws(KeyEncryptionFault) in try self.performNow(work) })
      }
    }
    return try result.get()
  }

  private func performNow<Value: Sendable>(
    _ work: (PKCS11Session) throws(KeyEncryptionFault) -> Value
  ) throws(KeyEncryptionFault) -> Value {
    try session.withLock { held -> Result<Value, KeyEncryptionFault> in
      Result { () throws(KeyEncryptionFault) in
        if let refusal = held.refusal { throw refusal }
        let session: PKCS11Session
        do throws(KeyEncryptionFault) {
          if let open = held.session {
            session = open
          } else {
            session = try PKCS11Session(location, pin: try pin(), try PKCS11Module.functions(of: location.module))
          }
        } catch {
          if case .refused = error { held.refusal = error }
          throw error
        }
        held.session = session
        do throws(KeyEncryptionFault) {
          return try work(session)
        } catch {
          // A token that was taken out leaves a session that never works again.
          if case .unavailable = error { held.session = nil }
          throw error
        }
      }
    }.get()
  }

  private func pin() throws(KeyEncryptionFault) -> SecretBytes {
    let bytes: [UInt8]?
    do {
      bytes = try WholeFile.read(location.pinFile, limit: 256, secret: true)
    } catch {
      throw .unavailable("the PIN: \(error)")
    }
    guard let bytes else { throw .unavailable("\(location.pinFile) is missing") }
    return SecretBytes(copying: bytes.last == 10 ? bytes.dropLast() : bytes[...])
  }
}
