public import Cryptography

/// Something that signs claims: a private key in memory, or a token that is handed the digest.
public struct ClaimSigner: Sendable {
  /// The key under which its signatures stand.
  public let key: ClaimKey
  private let sign: @Sendable (SHA256Digest) throws(CryptographyError) -> ECDSASignature

  /// Signs with a private key in memory.
  public init(_ privateKey: P256.PrivateKey) {
    key = ClaimKey(privateKey.publicKey)
    sign = { digest throws(CryptographyError) in try privateKey.sign(digest: digest) }
  }

  /// Signs with whatever holds the private key of `publicKey`: a PKCS#11 token, an agent.
  public init(
    publicKey: P256.PublicKey, sign: @escaping @Sendable (SHA256Digest) throws(CryptographyError) -> ECDSASignature
  ) {
    key = ClaimKey(publicKey)
    self.sign = sign
  }

  /// The `sig` value for a claim: base64 of low-S DER.
  func signature(of digest: SHA256Digest) throws(ClaimError) -> String {
    do throws(CryptographyError) {
      return ES256Signature.text(try sign(digest))
    } catch {
      throw .signing(error)
    }
  }
}

extension Claim {
  /// The claim with this signer's signature in its place; other signatures stay. The key must already be among the
  /// claim's keys, because they are part of what every signer signs.
  public func signed(by signer: ClaimSigner) throws(ClaimError) -> Claim {
    try adding(signer.signature(of: digest), of: signer.key)
  }

  /// The claim with a signature made elsewhere. An `es256` signature is checked now, so that a token which signed
  /// something else is noticed where it happened; a passkey's needs a ``WebAuthnPolicy`` and is only decoded.
  public func adding(_ text: String, of key: ClaimKey) throws(ClaimError) -> Claim {
    guard let index = keys.firstIndex(where: { $0 == key && $0.algorithm == key.algorithm }) else {
      throw .keyNotListed(key)
    }
    guard signatures[index] == nil else { throw .alreadySigned(key) }
    switch key.algorithm {
    case .es256: try ES256Signature.check(text, key: key, digest: digest)
    case .webauthn:
      do throws(WebAuthnFault) {
        _ = try WebAuthnAssertion(parsing: text)
      } catch {
        throw .webAuthn(key: key, error)
      }
    }
    return replacingSignature(at: index, with: text)
  }
}
