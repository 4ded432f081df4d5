import CanonicalJSON
import KeyRelease

/// The `broker` member of `box.json`: makes the box one that keeps keys for others and releases them.
public struct BrokerConfiguration: Sendable, Hashable {
  /// What wraps the keys.
  public enum KeyEncryption: Sendable, Hashable {
    /// For development: whoever has the disk has the keys.
    case file(path: String)
    case pkcs11(PKCS11Key.Location)
    /// `credentials` is a file `ACCESS-KEY:SECRET` that nobody else may read.
    case awsKMS(endpoint: String, region: String, key: String, credentials: String)
  }

  /// Who vouches for the TPMs of boxes, beside the roots that the program carries.
  public struct Authority: Sendable, Hashable {
    public var name: String
    /// Path of a certificate, PEM.
    public var certificate: String
    /// Whether those TPMs are hardware.
    public var isHardware: Bool

    public init(name: String, certificate: String, isHardware: Bool) {
      self.name = name
      self.certificate = certificate
      self.isHardware = isHardware
    }
  }

  public static let maxAuthorities = 32
  public static let defaultFreshness: Int64 = 300

  /// Where boxes ask: TCP, always over TLS.
  public var listen: BoxConfiguration.Listener
  /// Seconds for which evidence counts when a release is finally carried out.
  public var freshness: Int64
  public var keyEncryption: KeyEncryption
  public var authorities: [Authority]

  public init(
    listen: BoxConfiguration.Listener = .tcp(address: "127.0.0.1", port: 8472), freshness: Int64 = defaultFreshness,
    keyEncryption: KeyEncryption, authorities: [Authority] = []
  ) {
    self.listen = listen
    self.freshness = freshness
    self.keyEncryption = keyEncryption
    self.authorities = authorities
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    let text = try reader.string("listen")
    listen = try .init(parsing: text, field: reader.pathOf("listen"))
    guard case .tcp = listen else {
      throw FieldError(field: reader.pathOf("listen"), expected: "NUMERIC-ADDRESS:PORT", actual: text)
    }
    freshness = try reader.optionalInteger("freshness", in: 1...86_400) ?? Self.defaultFreshness
    var kek = try reader.object("kek")
    keyEncryption = try Self.keyEncryption(&kek)
    try kek.finish()
    authorities = []
    for (index, json) in (try reader.optionalArray("authorities", maxCount: Self.maxAuthorities) ?? []).enumerated() {
      var member = try ObjectReader(json, path: "\(reader.pathOf("authorities"))[\(index)]")
      let name = try member.string("name", maxBytes: 128)
      let certificate = try Self.path("certificate", &member)
      switch try member.string("assurance", maxBytes: 16) {
      case "hardware": authorities.append(Authority(name: name, certificate: certificate, isHardware: true))
      case "software": authorities.append(Authority(name: name, certificate: certificate, isHardware: false))
      case let other:
        throw FieldError(
          field: member.pathOf("assurance"), expected: "hardware or software", actual: JSON.string(other).summary)
      }
      try member.finish()
    }
    try reader.finish()
  }

  private static func keyEncryption(_ reader: inout ObjectReader) throws(FieldError) -> KeyEncryption {
    switch try reader.string("type", maxBytes: 16) {
    case "file": return .file(path: try path("path", &reader))
    case "pkcs11":
      return .pkcs11(
        PKCS11Key.Location(
          module: try path("module", &reader), token: try reader.string("token", maxBytes: 32),
          label: try reader.string("label", maxBytes: 255), pinFile: try path("pin", &reader)))
    case "aws-kms":
      return .awsKMS(
        endpoint: try reader.string("endpoint", maxBytes: 2048), region: try reader.string("region", maxBytes: 64),
        key: try reader.string("key", maxBytes: 1024), credentials: try path("credentials", &reader))
    case let other:
      throw FieldError(
        field: reader.pathOf("type"), expected: "file, pkcs11 or aws-kms", actual: JSON.string(other).summary)
    }
  }

  private static func path(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> String {
    let text = try reader.string(name, maxBytes: 4096)
    guard text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw FieldError(field: reader.pathOf(name), expected: "an absolute path", actual: JSON.string(text).summary)
    }
    return text
  }

  var json: JSON {
    var object: JSONObject = ["listen": .string(listen.text), "freshness": .integer(freshness)]
    switch keyEncryption {
    case .file(let path): object["kek"] = ["type": "file", "path": .string(path)]
    case .pkcs11(let location):
      object["kek"] = [
        "type": "pkcs11", "module": .string(location.module), "token": .string(location.token),
        "label": .string(location.label), "pin": .string(location.pinFile),
      ]
    case .awsKMS(let endpoint, let region, let key, let credentials):
      object["kek"] = [
        "type": "aws-kms", "endpoint": .string(endpoint), "region": .string(region), "key": .string(key),
        "credentials": .string(credentials),
      ]
    }
    if !authorities.isEmpty {
      object["authorities"] = .array(
        authorities.map {
          [
            "name": .string($0.name), "certificate": .string($0.certificate),
            "assurance": .string($0.isHardware ? "hardware" : "software"),
          ]
        })
    }
    return .object(object)
  }
}
