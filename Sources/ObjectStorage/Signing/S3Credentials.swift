public import CanonicalJSON
public import Cryptography

/// An access key with its secret. The secret and the session token are never printed: not by `description`, not by a
/// mirror, not in an error.
public struct S3Credentials: Sendable, CustomStringConvertible, CustomReflectable {
  /// The public half: it stands in every request.
  public let accessKey: String
  let secretKey: SecretBytes
  let sessionToken: SecretBytes?

  /// - Parameters:
  ///   - accessKey: 1 to 128 letters, digits, `_`, `-` or `.`: it is written into a header as it is.
  ///   - secretKey: 1 to 512 bytes.
  ///   - sessionToken: of temporary credentials; 1 to 8192 printable ASCII bytes.
  public init(accessKey: String, secretKey: SecretBytes, sessionToken: SecretBytes? = nil) throws(FieldError) {
    guard (1...128).contains(accessKey.utf8.count), accessKey.utf8.allSatisfy(Self.isKeyByte) else {
      throw FieldError(
        field: "accessKey", expected: "1 to 128 letters, digits, '_', '-' or '.'",
        actual: "\(accessKey.utf8.count) bytes")
    }
    guard (1...512).contains(secretKey.count) else {
      throw FieldError(field: "secretKey", expected: "1 to 512 bytes", actual: "\(secretKey.count) bytes")
    }
    if let sessionToken {
      // A line break in it would begin a header of somebody's choice.
      let isPrintable = sessionToken.withUnsafeBytes { $0.allSatisfy { (0x21...0x7E).contains($0) } }
      guard (1...8192).contains(sessionToken.count), isPrintable else {
        throw FieldError(
          field: "sessionToken", expected: "1 to 8192 printable ASCII bytes", actual: "\(sessionToken.count) bytes")
      }
    }
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken
  }

  public var description: String { "S3Credentials(\(accessKey))" }
  public var customMirror: Mirror { Mirror(self, children: ["accessKey": accessKey]) }

  private static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "_-.".utf8.contains(byte)
    }
  }
}
