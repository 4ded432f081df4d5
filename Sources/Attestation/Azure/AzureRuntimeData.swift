public import CanonicalJSON
import Cryptography

/// The keys and the configuration that the hardware's report vouches for.
public struct AzureRuntimeData: Sendable, Hashable {
  public static let maxBytes = 4096
  static let attestationKeyName = "HCLAkPub"
  static let endorsementKeyName = "HCLEkPub"

  /// The key that signs the TPM's quotes. Nobody else vouches for it: an administrator could have another one certified
  /// (CVE-2025-49707).
  public let attestationKey: RSA.PublicKey
  /// The key for which secrets can be encrypted to this TPM; absent in old reports.
  public let endorsementKey: RSA.PublicKey?
  /// Whether the firmware checks what it boots.
  public let secureBoot: Bool?
  /// Whether the serial console is there, through which the host may speak to the guest.
  public let console: Bool?
  public let machineID: String?
  /// What the guest asked to be bound in, by NV index 0x01400002: hexadecimal, up to 64 bytes.
  public let userData: String?

  public init(_ bytes: [UInt8]) throws(FieldError) {
    guard bytes.count <= Self.maxBytes else {
      throw FieldError(
        field: "runtime data", expected: "at most \(Self.maxBytes) bytes", actual: "\(bytes.count) bytes")
    }
    let limits = JSONLimits(maxBytes: Self.maxBytes, integersOnly: true)
    guard let json = try? JSON(parsing: bytes, limits: limits), let keys = json["keys"]?.array, keys.count <= 8 else {
      throw FieldError(field: "runtime data", expected: "JSON with at most 8 keys", actual: "something else")
    }
    guard let key = try Self.key(Self.attestationKeyName, among: keys) else {
      throw FieldError(field: "runtime data.keys", expected: Self.attestationKeyName, actual: "no such key")
    }
    attestationKey = key
    endorsementKey = try Self.key(Self.endorsementKeyName, among: keys)
    let configuration = json["vm-configuration"]
    secureBoot = configuration?["secure-boot"]?.bool
    console = configuration?["console-enabled"]?.bool
    machineID = configuration?["vmUniqueId"]?.string
    userData = json["user-data"]?.string?.lowercased()
  }

  /// The one key of that name (RFC 7517, RFC 7518 section 6.3.1). Two of a name would be two answers to one question.
  private static func key(_ name: String, among keys: [JSON]) throws(FieldError) -> RSA.PublicKey? {
    let named = keys.filter { $0["kid"]?.string == name }
    guard let key = named.first else { return nil }
    guard named.count == 1, key["kty"]?.string == "RSA", let n = key["n"]?.string, let e = key["e"]?.string,
      let modulus = Base64.decodeURL(n), let exponent = Base64.decodeURL(e)
    else { throw FieldError(field: "runtime data.\(name)", expected: "one RSA key", actual: "something else") }
    do throws(CryptographyError) {
      return try RSA.PublicKey(modulus: modulus, exponent: exponent)
    } catch {
      throw FieldError(field: "runtime data.\(name)", expected: "an RSA key", actual: error.description)
    }
  }

  public var json: JSON {
    var object: JSONObject = ["ak": .string(SHA256.hash(attestationKey.spkiDER).hex)]
    object["ek"] = endorsementKey.map { .string(SHA256.hash($0.spkiDER).hex) }
    object["secureBoot"] = secureBoot.map { .bool($0) }
    object["console"] = console.map { .bool($0) }
    object["machine"] = machineID.map { .string($0) }
    object["userData"] = userData.map { .string($0) }
    return .object(object)
  }
}
