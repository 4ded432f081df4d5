import Attestation
public import CanonicalJSON
import Cryptography

// What passes between a box and an authority: a request, a challenge, an answer. Each is one JSON document, so that it can
// be a file on a stick as well as a body of some protocol; none needs to be secret or to be kept from being changed.

extension EnrolmentRequest {
  public static let format = "safebox-ak-request/v1"
  /// The longest form of any of the three documents, in bytes.
  public static let maxBytes = 128 << 10

  /// Reads `{"format","name","ek","ekCertificates","ak"}`; nothing of it is verified.
  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    try reader.demandFormat(Self.format)
    let name = try reader.string("name", maxBytes: AttestationAuthority.Limits.nameBytes)
    try Self.check(name: name)
    let endorsement = try TPMTPublic(try reader.base64("ek", maxBytes: TPMTPublic.maxBytes), path: "ek")
    var certificates: [Certificate] = []
    for (index, der) in try reader.certificates(
      "ekCertificates", maxCount: AttestationAuthority.Limits.intermediates + 1
    ).enumerated() {
      do { certificates.append(try Certificate(der: der)) } catch {
        throw FieldError(field: "ekCertificates[\(index)]", expected: "a certificate", actual: "\(error)")
      }
    }
    let key = try TPMTPublic(try reader.base64("ak", maxBytes: TPMTPublic.maxBytes), path: "ak")
    try reader.finish()
    self.init(
      name: name, endorsementKey: endorsement, endorsementCertificates: certificates, attestationKey: key)
  }

  public var json: JSON {
    [
      "format": .string(Self.format), "name": .string(name),
      "ek": .string(Base64.encode(endorsementKey.bytes)),
      "ekCertificates": .array(endorsementCertificates.map { .string(Base64.encode($0.der)) }),
      "ak": .string(Base64.encode(attestationKey.bytes)),
    ]
  }

  /// By which template the TPM derives the endorsement key again when it answers.
  var endorsementKind: EndorsementKey.Kind {
    if case .rsa = endorsementKey.key { .rsa2048 } else { .p256 }
  }

  static func check(name: String) throws(FieldError) {
    let limit = AttestationAuthority.Limits.nameBytes
    guard (1...limit).contains(name.utf8.count), name.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw FieldError(
        field: "name", expected: "1 to \(limit) bytes of printable ASCII", actual: "\(name.utf8.count) bytes")
    }
  }
}

/// What an authority hands to a box: a secret that only the TPM with the endorsement key opens, and only while it holds the
/// attestation key of that name.
public struct EnrolmentChallenge: Sendable, Hashable {
  public static let format = "safebox-ak-challenge/v1"
  public static let idBytes = 16

  /// Under this name the authority keeps it.
  public let id: [UInt8]
  /// The TPM's name of the key that is to be certified.
  public let attestationKeyName: [UInt8]
  public let endorsement: EndorsementKey.Kind
  /// Contents of the TPM2B_ID_OBJECT.
  public let credential: [UInt8]
  /// Contents of the TPM2B_ENCRYPTED_SECRET.
  public let encryptedSecret: [UInt8]
  /// Unix milliseconds.
  public let until: Int64

  init(
    id: [UInt8], attestationKeyName: [UInt8], endorsement: EndorsementKey.Kind, credential: [UInt8],
    encryptedSecret: [UInt8], until: Int64
  ) {
    self.id = id
    self.attestationKeyName = attestationKeyName
    self.endorsement = endorsement
    self.credential = credential
    self.encryptedSecret = encryptedSecret
    self.until = until
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    try reader.demandFormat(Self.format)
    id = try reader.hex("id", count: Self.idBytes...Self.idBytes)
    attestationKeyName = try reader.hex("ak", count: 34...66)
    let kind = try reader.string("endorsement", maxBytes: 16)
    guard let endorsement = EndorsementKey.Kind(rawValue: kind) else {
      throw FieldError(
        field: "endorsement", expected: EndorsementKey.Kind.allCases.map(\.rawValue).joined(separator: " or "),
        actual: JSON.string(kind).summary)
    }
    self.endorsement = endorsement
    credential = try reader.base64("credential", maxBytes: 200)
    encryptedSecret = try reader.base64("secret", maxBytes: 512)
    until = try reader.integer("until", in: 0...JSON.maxSafeInteger)
    try reader.finish()
  }

  public var json: JSON {
    [
      "format": .string(Self.format), "id": .string(Hex.encode(id)),
      "ak": .string(Hex.encode(attestationKeyName)), "endorsement": .string(endorsement.rawValue),
      "credential": .string(Base64.encode(credential)), "secret": .string(Base64.encode(encryptedSecret)),
      "until": .integer(until),
    ]
  }
}

/// What a box's TPM found in a challenge.
public struct EnrolmentAnswer: Sendable, Hashable {
  public static let format = "safebox-ak-answer/v1"

  /// Which challenge.
  public let id: [UInt8]
  public let secret: [UInt8]

  public init(id: [UInt8], secret: [UInt8]) {
    self.id = id
    self.secret = secret
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    try reader.demandFormat(Self.format)
    id = try reader.hex("id", count: EnrolmentChallenge.idBytes...EnrolmentChallenge.idBytes)
    secret = try reader.hex("answer", count: 1...64)
    try reader.finish()
  }

  public var json: JSON {
    ["format": .string(Self.format), "id": .string(Hex.encode(id)), "answer": .string(Hex.encode(secret))]
  }
}

extension ObjectReader {
  fileprivate mutating func demandFormat(_ format: String) throws(FieldError) {
    let actual = try string("format", maxBytes: 64)
    guard actual == format else {
      throw FieldError(field: pathOf("format"), expected: format, actual: JSON.string(actual).summary)
    }
  }
}
