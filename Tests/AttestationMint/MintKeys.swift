public import Cryptography

/// Keys of tests, each made once in a process: an RSA key of 4096 bits takes seconds.
public enum MintKeys {
  public static let p256 = CertificateSigningKey.p256(.generate())
  public static let otherP256 = CertificateSigningKey.p256(.generate())
  public static let p384 = CertificateSigningKey.p384(.generate())
  public static let otherP384 = CertificateSigningKey.p384(.generate())
  /// A signing machine's key, of its own type for what is no certificate.
  public static let machineP256 = P256.PrivateKey.generate()
  public static let machineP384 = P384.PrivateKey.generate()

  private static let rsa2048Key = Result { try RSA.PrivateKey.generate(bits: 2048) }
  private static let otherRSA2048Key = Result { try RSA.PrivateKey.generate(bits: 2048) }
  private static let rsa4096Key = Result { try RSA.PrivateKey.generate(bits: 4096) }
  private static let otherRSA4096Key = Result { try RSA.PrivateKey.generate(bits: 4096) }

  public static func rsa2048() throws -> RSA.PrivateKey { try rsa2048Key.get() }
  public static func otherRSA2048() throws -> RSA.PrivateKey { try otherRSA2048Key.get() }

  /// RSASSA-PSS with SHA-384, as AMD's ARK and ASK sign.
  public static func rsa4096PSS() throws -> CertificateSigningKey { .rsaPSS(try rsa4096Key.get(), .sha384) }
  public static func otherRSA4096PSS() throws -> CertificateSigningKey { .rsaPSS(try otherRSA4096Key.get(), .sha384) }
  /// RSASSA-PKCS1-v1_5 with SHA-256, as Google's authorities sign.
  public static func rsa4096PKCS1() throws -> CertificateSigningKey { .rsaPKCS1(try rsa4096Key.get(), .sha256) }
}
