import Cryptography
import Testing

@Suite struct P256Tests {
  @Test func signaturesOfAFreshKeyAreValidForItsMessageOnly() throws {
    let key = P256.PrivateKey.generate()
    let signature = try key.sign(Array("message".utf8))
    #expect(signature.isLowS)
    #expect(key.publicKey.isValid(signature, for: Array("message".utf8)))
    #expect(!key.publicKey.isValid(signature, for: Array("massage".utf8)))
    #expect(!P256.PrivateKey.generate().publicKey.isValid(signature, for: Array("message".utf8)))
  }

  @Test func keysSurviveTheirEncodings() throws {
    let key = P256.PrivateKey.generate()
    let der = key.pkcs8DER.withUnsafeBytes { [UInt8]($0) }
    #expect(try P256.PrivateKey(pkcs8DER: der).publicKey == key.publicKey)
    #expect(try P256.PrivateKey(pkcs8PEM: key.pkcs8PEM).publicKey == key.publicKey)
    #expect(try P256.PublicKey(spkiDER: key.publicKey.spkiDER) == key.publicKey)
  }
}
