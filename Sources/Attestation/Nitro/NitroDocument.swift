public import CanonicalJSON
import Cryptography

/// An attestation document of the Nitro security module: what the hypervisor says of an enclave, or of an instance with
/// NitroTPM. Nothing in it is to be believed before ``NitroVerifier`` has passed.
public struct NitroDocument: Sendable, Hashable {
  /// Of the AWS Nitro Enclaves attestation process, section "Syntactical validation".
  public enum Limits {
    public static let registers = 32
    public static let certificateBytes = 1024
    public static let publicKeyBytes = 1024
    public static let userDataBytes = 512
    public static let nonceBytes = 512
    /// AWS sends four.
    public static let authorities = 8
    public static let moduleIDBytes = 256
  }

  /// Whom the document is about.
  public enum Subject: Sendable, Hashable {
    /// Registers in the member `pcrs`.
    case enclave
    /// Registers in the member `nitrotpm_pcrs`.
    case instance
  }

  public let subject: Subject
  /// The instance, then `-enc` or `-tpm` and a number: `i-0fd3fdaad4e904e69-enc019b54988b2d89ba`.
  public let moduleID: String
  /// When the module made it, Unix milliseconds.
  public let timestamp: Int64
  public let pcrs: [Int: [UInt8]]
  /// The certificate of the key that signed, DER.
  public let certificate: [UInt8]
  /// From the root on, DER.
  public let authorities: [[UInt8]]
  /// nil where there is none, which is not the same as an empty one.
  public let publicKey: [UInt8]?
  public let userData: [UInt8]?
  public let nonce: [UInt8]?

  /// The instance that it is about, or that the enclave runs in.
  public var instanceID: String {
    let parts = moduleID.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count > 2 ? parts.prefix(2).joined(separator: "-") : moduleID
  }

  /// Reads the payload of the signed message.
  ///
  /// - Throws: names the member. Members that AWS may add are signed by AWS, and are passed over.
  public init(_ payload: [UInt8], path: String = "document") throws(FieldError) {
    let item = try CBORReader.read(payload, path: path, allowsIndefiniteMap: true)
    guard case .map(let pairs) = item else { throw FieldError(field: path, expected: "a map", actual: item.summary) }
    var members: [String: CBORItem] = [:]
    for pair in pairs {
      guard case .text(let name) = pair.key else {
        throw FieldError(field: path, expected: "members with names", actual: pair.key.summary)
      }
      members[name] = pair.value
    }
    let reader = MemberReader(members: members, path: path)
    moduleID = try reader.text("module_id", max: Limits.moduleIDBytes)
    let digest = try reader.text("digest", max: 16)
    guard digest == "SHA384" else {
      throw FieldError(field: "\(path).digest", expected: "SHA384", actual: JSON.string(digest).summary)
    }
    timestamp = try reader.timestamp("timestamp")
    switch (members["pcrs"], members["nitrotpm_pcrs"]) {
    case (_?, nil): subject = .enclave
    case (nil, _?): subject = .instance
    case (nil, nil): throw FieldError(field: "\(path).pcrs", expected: "registers", actual: "absent")
    case (_?, _?):
      throw FieldError(field: "\(path).pcrs", expected: "registers of an enclave or of a TPM", actual: "both")
    }
    pcrs = try reader.registers(subject == .enclave ? "pcrs" : "nitrotpm_pcrs")
    certificate = try reader.bytes("certificate", in: 1...Limits.certificateBytes)
    authorities = try reader.certificates("cabundle")
    publicKey = try reader.optionalBytes("public_key", in: 1...Limits.publicKeyBytes)
    userData = try reader.optionalBytes("user_data", in: 0...Limits.userDataBytes)
    nonce = try reader.optionalBytes("nonce", in: 0...Limits.nonceBytes)
  }

  private struct MemberReader {
    let members: [String: CBORItem]
    let path: String

    func refused(_ name: String, _ expected: String, _ item: CBORItem?) -> FieldError {
      FieldError(field: "\(path).\(name)", expected: expected, actual: item?.summary ?? "absent")
    }

    func text(_ name: String, max: Int) throws(FieldError) -> String {
      guard case .text(let text) = members[name], (1...max).contains(text.utf8.count) else {
        throw refused(name, "a text of 1 to \(max) bytes", members[name])
      }
      return text
    }

    func timestamp(_ name: String) throws(FieldError) -> Int64 {
      guard case .unsigned(let value) = members[name], (1...UInt64(JSON.maxSafeInteger)).contains(value) else {
        throw refused(name, "milliseconds since 1970, not zero", members[name])
      }
      return Int64(value)
    }

    func bytes(_ name: String, in counts: ClosedRange<Int>) throws(FieldError) -> [UInt8] {
      guard case .bytes(let bytes) = members[name], counts.contains(bytes.count) else {
        throw refused(name, "\(counts.lowerBound) to \(counts.upperBound) bytes", members[name])
      }
      return bytes
    }

    /// The module writes null for what the caller did not give; older ones leave it out.
    func optionalBytes(_ name: String, in counts: ClosedRange<Int>) throws(FieldError) -> [UInt8]? {
      guard let item = members[name], item != .null else { return nil }
      return try bytes(name, in: counts)
    }

    func certificates(_ name: String) throws(FieldError) -> [[UInt8]] {
      guard case .array(let items) = members[name], (1...Limits.authorities).contains(items.count) else {
        throw refused(name, "1 to \(Limits.authorities) certificates", members[name])
      }
      return try items.map { item throws(FieldError) in
        guard case .bytes(let bytes) = item, (1...Limits.certificateBytes).contains(bytes.count) else {
          throw refused(name, "certificates of 1 to \(Limits.certificateBytes) bytes", item)
        }
        return bytes
      }
    }

    func registers(_ name: String) throws(FieldError) -> [Int: [UInt8]] {
      guard case .map(let pairs) = members[name], (1...Limits.registers).contains(pairs.count) else {
        throw refused(name, "1 to \(Limits.registers) registers", members[name])
      }
      var registers: [Int: [UInt8]] = [:]
      for pair in pairs {
        guard case .unsigned(let index) = pair.key, index < UInt64(Limits.registers) else {
          throw refused(name, "registers from 0 to \(Limits.registers - 1)", pair.key)
        }
        guard case .bytes(let value) = pair.value, [32, 48, 64].contains(value.count) else {
          throw refused("\(name).\(index)", "32, 48 or 64 bytes", pair.value)
        }
        registers[Int(index)] = value
      }
      return registers
    }
  }
}
