public import CanonicalJSON
import Cryptography

extension OID {
  /// Google's extension for the instance that a key belongs to.
  static let gceInstance = OID(1, 3, 6, 1, 4, 1, 11129, 2, 1, 21)
}

/// A virtual machine of Google Compute Engine, as the certificate of its attestation key names it.
public struct GCPInstance: Sendable, Hashable {
  /// For example `us-central1-a`.
  public let zone: String
  public let projectNumber: UInt64
  public let projectID: String
  public let instanceID: UInt64
  public let instanceName: String

  static let maxTextBytes = 256

  /// For programs. The identifier of the instance is a text: it is beyond the numbers that JSON keeps exactly.
  public var json: JSON {
    [
      "zone": .string(zone), "projectNumber": .string(String(projectNumber)), "projectID": .string(projectID),
      "instanceID": .string(String(instanceID)), "instanceName": .string(instanceName),
    ]
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    zone = try reader.string("zone", maxBytes: Self.maxTextBytes)
    projectNumber = try Self.number("projectNumber", &reader)
    projectID = try reader.string("projectID", maxBytes: Self.maxTextBytes)
    instanceID = try Self.number("instanceID", &reader)
    instanceName = try reader.string("instanceName", maxBytes: Self.maxTextBytes)
    try reader.finish()
  }

  private static func number(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> UInt64 {
    let text = try reader.string(name, maxBytes: 20)
    guard let value = UInt64(text), String(value) == text else {
      throw FieldError(
        field: reader.pathOf(name), expected: "a number in decimal", actual: JSON.string(text).summary)
    }
    return value
  }

  /// Reads `GCEInstanceInfo` of go-tpm-tools' attest.proto: what the machine says of itself.
  init(protocolBuffer bytes: ArraySlice<UInt8>, path: String) throws(FieldError) {
    let message = try ProtocolBuffer(bytes, known: [1, 2, 3, 4, 5], path: path)
    func text(_ number: UInt64) throws(FieldError) -> String {
      let bytes = try message.bytes(number) ?? []
      guard bytes.count <= Self.maxTextBytes, let text = String(validating: bytes, as: UTF8.self) else {
        throw FieldError(
          field: "\(path).\(number)", expected: "at most \(Self.maxTextBytes) bytes of text",
          actual: "\(bytes.count) bytes")
      }
      return text
    }
    zone = try text(1)
    projectID = try text(2)
    projectNumber = try message.number(3) ?? 0
    instanceName = try text(4)
    instanceID = try message.number(5) ?? 0
  }

  fileprivate init(_ fields: inout DERReader) throws(CryptographyError) {
    zone = try Self.text(&fields, "zone")
    projectNumber = try Self.number(&fields, "projectNumber")
    projectID = try Self.text(&fields, "projectID")
    instanceID = try Self.number(&fields, "instanceID")
    instanceName = try Self.text(&fields, "instanceName")
  }

  private static func text(_ fields: inout DERReader, _ field: String) throws(CryptographyError) -> String {
    let content = try fields.element(.utf8String, field)
    guard content.count <= maxTextBytes, let text = String(validating: content, as: UTF8.self) else {
      throw .malformed(fields.name(field), reason: "expected at most \(maxTextBytes) bytes of UTF-8")
    }
    return text
  }

  private static func number(_ fields: inout DERReader, _ field: String) throws(CryptographyError) -> UInt64 {
    try fields.integer(field, maxBytes: 8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// What Google certifies of a machine: the instance, and what of its platform is fixed (extension 1.3.6.1.4.1.11129.2.1.21).
public struct GCPInstanceCertificate: Sendable, Hashable {
  public let instance: GCPInstance
  /// The version of the platform's security; nil where the certificate says nothing.
  public let securityVersion: UInt64?
  /// Whether it is a production machine, whose vTPM Google's engineers cannot look into; nil where nothing is said, which is
  /// not the same as yes.
  public let isProduction: Bool?
  /// Flags after that, by their tag: 2 the vTPM's data is always encrypted, 3 suspend and resume are always disabled, and two
  /// that Google does not explain. Shown, and nothing rests on them.
  public let flags: [UInt8: Bool]

  /// Reads the extension of a certificate that was verified; nil where there is none.
  init?(_ certificate: Certificate) throws(CryptographyError) {
    guard let value = certificate.extension(.gceInstance) else { return nil }
    var document = try DERReader(value, path: "gceInstance")
    var fields = try document.sequence("instance")
    try document.finish()
    instance = try GCPInstance(&fields)
    var version: UInt64?
    var production: Bool?
    var flags: [UInt8: Bool] = [:]
    if var field = try fields.optionalExplicit(0, "security") {
      var security = try field.sequence("properties")
      try field.finish()
      if var inner = try security.optionalExplicit(0, "securityVersion") {
        version = try inner.integer("number", maxBytes: 8).reduce(0) { $0 << 8 | UInt64($1) }
        try inner.finish()
      }
      if var inner = try security.optionalExplicit(1, "isProduction") {
        production = try inner.boolean("flag")
        try inner.finish()
      }
      for tag: UInt8 in 2...5 {
        guard var inner = try security.optionalExplicit(tag, "flag\(tag)") else { continue }
        flags[tag] = try inner.boolean("flag")
        try inner.finish()
      }
      try security.finish()
    }
    try fields.finish()
    (securityVersion, isProduction, self.flags) = (version, production, flags)
  }

  /// For programs.
  public var json: JSON {
    [
      "instance": instance.json,
      "securityVersion": securityVersion.map { .string(String($0)) } ?? .null,
      "production": isProduction.map { .bool($0) } ?? .null,
      "tpmDataAlwaysEncrypted": flags[2].map { .bool($0) } ?? .null,
      "suspendResumeAlwaysDisabled": flags[3].map { .bool($0) } ?? .null,
    ]
  }
}
