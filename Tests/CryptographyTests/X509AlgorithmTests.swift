import AttestationMint
import Cryptography
import Testing

/// RSASSA-PSS spells out its parameters, and they have one form: the defaults are SHA-1, and a mask or a salt of another hash
/// would be verified as if it were of the message's.
@Suite struct X509AlgorithmTests {
  private static let sha256 = OID(2, 16, 840, 1, 101, 3, 4, 2, 1)
  private static let sha384 = OID(2, 16, 840, 1, 101, 3, 4, 2, 2)
  private static let sha1 = OID(1, 3, 14, 3, 2, 26)
  private static let mgf1 = OID(1, 2, 840, 113549, 1, 1, 8)
  private static let pss = OID(1, 2, 840, 113549, 1, 1, 10)

  struct Parameters: Sendable {
    var hash: [UInt8] = digest(sha256)
    var maskAlgorithm = DERWriter.objectIdentifier(mgf1)
    var maskHash: [UInt8] = digest(sha256)
    var salt: [UInt8] = DERWriter.integer([32])
    var trailer: [UInt8] = []
    /// After the last of the field.
    var behindHash: [UInt8] = []
    var behindMask: [UInt8] = []
    var insideMask: [UInt8] = []
    var behindSalt: [UInt8] = []
    var behindAll: [UInt8] = []
    var behindParameters: [UInt8] = []

    var der: [UInt8] {
      DERWriter.sequence(
        DERWriter.objectIdentifier(pss),
        DERWriter.sequence(
          DERWriter.element(0xA0, hash + behindHash),
          DERWriter.element(0xA1, DERWriter.sequence(maskAlgorithm, maskHash, insideMask) + behindMask),
          DERWriter.element(0xA2, salt + behindSalt), trailer, behindAll),
        behindParameters)
    }
  }

  private static func digest(_ identifier: OID, _ parameters: [UInt8] = DERWriter.null) -> [UInt8] {
    DERWriter.sequence(DERWriter.objectIdentifier(identifier), parameters)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let isRead: Bool
    let apply: @Sendable (inout Parameters) -> Void

    init(_ name: String, read: Bool = false, _ apply: @escaping @Sendable (inout Parameters) -> Void) {
      self.name = name
      isRead = read
      self.apply = apply
    }

    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case("as it should be", read: true) { _ in },
    Case("hashes without parameters", read: true) {
      $0.hash = digest(sha256, [])
      $0.maskHash = digest(sha256, [])
    },
    Case("the trailer written out", read: true) { $0.trailer = DERWriter.element(0xA3, DERWriter.integer([1])) },
    Case("SHA-384 throughout", read: true) {
      $0.hash = digest(sha384)
      $0.maskHash = digest(sha384)
      $0.salt = DERWriter.integer([48])
    },
    Case("another trailer") { $0.trailer = DERWriter.element(0xA3, DERWriter.integer([2])) },
    Case("a trailer with more") { $0.trailer = DERWriter.element(0xA3, DERWriter.integer([1]) + DERWriter.null) },
    Case("SHA-1") {
      $0.hash = digest(sha1)
      $0.maskHash = digest(sha1)
      $0.salt = DERWriter.integer([20])
    },
    Case("a mask of another hash") { $0.maskHash = digest(sha384) },
    Case("another mask") { $0.maskAlgorithm = DERWriter.objectIdentifier(sha256) },
    Case("a shorter salt") { $0.salt = DERWriter.integer([31]) },
    Case("a longer salt") { $0.salt = DERWriter.integer([33]) },
    Case("parameters of the hash") { $0.hash = digest(sha256, DERWriter.integer([1])) },
    Case("two parameters of the hash") { $0.hash = digest(sha256, DERWriter.null + DERWriter.null) },
    Case("something behind the hash") { $0.behindHash = DERWriter.null },
    Case("something in the mask") { $0.insideMask = DERWriter.null },
    Case("something behind the mask") { $0.behindMask = DERWriter.null },
    Case("something behind the salt") { $0.behindSalt = DERWriter.null },
    Case("something behind all of them") { $0.behindAll = DERWriter.null },
    Case("something behind the parameters") { $0.behindParameters = DERWriter.null },
  ]

  @Test(arguments: cases) func parametersHaveOneForm(_ item: Case) throws {
    var parameters = Parameters()
    item.apply(&parameters)
    var parts = try X509Parts(
      issuer: .root("Root", key: MintKeys.p256), publicKey: .p256(MintKeys.machineP256.publicKey))
    parts.innerAlgorithm = parameters.der
    parts.outerAlgorithm = parameters.der
    // Who signed does not matter to the reader.
    let bytes = try parts.signed(by: MintKeys.p256)
    #expect(((try? Certificate(der: bytes)) != nil) == item.isRead)
  }

  @Test func otherAlgorithmsHaveTheirParametersOnly() throws {
    let pkcs1 = OID(1, 2, 840, 113549, 1, 1, 11)
    for (der, isRead) in [
      (Self.digest(pkcs1), true), (Self.digest(pkcs1, []), false), (Self.digest(pkcs1, [5, 0, 5, 0]), false),
      (Self.digest(OID(1, 2, 840, 113549, 1, 1, 5)), false),
    ] {
      var parts = try X509Parts(
        issuer: .root("Root", key: MintKeys.p256), publicKey: .p256(MintKeys.machineP256.publicKey))
      parts.innerAlgorithm = der
      parts.outerAlgorithm = der
      let bytes = try parts.signed(by: MintKeys.p256)
      #expect(((try? Certificate(der: bytes)) != nil) == isRead)
    }
  }
}
