import AttestationMint
import Cryptography

/// The public-key operations of a verification and nothing else: keys decoded before, one message of 512 bytes, its hash
/// included. What is left is OpenSSL, so no verifier on it can be faster.
struct SignatureFloor {
  enum Operation: String, Hashable, CaseIterable {
    /// ECDSA with SHA-256.
    case p256 = "P-256"
    /// ECDSA with SHA-384.
    case p384 = "P-384"
    /// PKCS #1 v1.5 with SHA-256.
    case rsa2048 = "RSA-2048"
    case rsa4096 = "RSA-4096"
    /// PSS with SHA-384.
    case rsa4096PSS = "RSA-4096-PSS"
  }

  private let message = [UInt8](repeating: 0x5A, count: 512)
  private let verifications: [Operation: @Sendable () -> Bool]

  init() throws {
    let message = message
    let (rsa, p256, p384) = (try MintKeys.rsa2048(), MintKeys.machineP256, MintKeys.machineP384)
    var verifications: [Operation: @Sendable () -> Bool] = [:]
    let (p256Signature, p256Key) = (try p256.sign(message), p256.publicKey)
    verifications[.p256] = { p256Key.isValid(p256Signature, for: message) }
    let (p384Signature, p384Key) = (try p384.sign(message), p384.publicKey)
    verifications[.p384] = { p384Key.isValid(p384Signature, for: message) }
    let (rsaSignature, rsaKey) = (try rsa.signPKCS1(message, hash: .sha256), rsa.publicKey)
    verifications[.rsa2048] = { rsaKey.isValidPKCS1(rsaSignature, for: message, hash: .sha256) }
    for (operation, key) in [
      (Operation.rsa4096, try MintKeys.rsa4096PKCS1()), (.rsa4096PSS, try MintKeys.rsa4096PSS()),
    ] {
      let (signature, algorithm, publicKey) = (try key.sign(message), key.algorithm, key.publicKey)
      verifications[operation] = { publicKey.isValid(signature, for: message, by: algorithm) }
    }
    self.verifications = verifications
  }

  /// Makes all operations of one verification.
  func verify(_ operations: [Operation]) throws {
    for operation in operations {
      guard verifications[operation]?() == true else {
        throw BenchmarkFailure.wrongResult("a good \(operation.rawValue) signature is refused")
      }
    }
  }
}
