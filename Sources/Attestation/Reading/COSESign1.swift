public import CanonicalJSON
public import Cryptography

/// A signed message of COSE with one signature of ES384 and nothing beside it (COSE_Sign1; RFC 9052 section 4.2): how AWS
/// signs attestation documents. What else COSE can say - other algorithms, further headers, detached payloads - is refused.
public struct COSESign1: Sendable, Hashable {
  public enum Limits {
    public static let bytes = 24 << 10
    public static let payloadBytes = 16 << 10
  }

  /// `{1: -35}`: the algorithm is ES384 (RFC 9053 section 2.1). It is part of what is signed, so one spelling counts.
  static let protectedHeader: [UInt8] = [0xA1, 0x01, 0x38, 0x22]
  /// The tag of COSE_Sign1, which may be left out where the context says what it is.
  static let tag: UInt64 = 18

  public let payload: [UInt8]
  /// 96 bytes r || s.
  public let signature: P384.Signature

  /// Reads the message, with or without its tag, and nothing after it.
  public init(_ bytes: [UInt8], path: String = "document") throws(FieldError) {
    guard bytes.count <= Limits.bytes else {
      throw FieldError(field: path, expected: "at most \(Limits.bytes) bytes", actual: "\(bytes.count) bytes")
    }
    var item = try CBORReader.read(bytes, path: path)
    if case .tagged(Self.tag, let content) = item { item = content }
    guard case .array(let parts) = item, parts.count == 4 else {
      throw FieldError(field: path, expected: "COSE_Sign1, an array of 4", actual: item.summary)
    }
    guard parts[0] == .bytes(Self.protectedHeader) else {
      throw FieldError(
        field: "\(path).protected", expected: "\(Hex.encode(Self.protectedHeader)), ES384 and nothing else",
        actual: Self.text(parts[0]))
    }
    // Nothing signs this header, so nothing may stand in it.
    guard parts[1] == .map([]) else {
      throw FieldError(field: "\(path).unprotected", expected: "an empty map", actual: parts[1].summary)
    }
    guard case .bytes(let payload) = parts[2], (1...Limits.payloadBytes).contains(payload.count) else {
      throw FieldError(
        field: "\(path).payload", expected: "1 to \(Limits.payloadBytes) bytes", actual: parts[2].summary)
    }
    guard case .bytes(let signature) = parts[3], let signature = try? P384.Signature(p1363: signature) else {
      throw FieldError(field: "\(path).signature", expected: "96 bytes", actual: parts[3].summary)
    }
    self.payload = payload
    self.signature = signature
  }

  private static func text(_ item: CBORItem) -> String {
    if case .bytes(let bytes) = item { Hex.encode([UInt8](bytes.prefix(64))) } else { item.summary }
  }

  /// What is signed: the Sig_structure with an empty external_aad (RFC 9052 section 4.4).
  public var signedBytes: [UInt8] {
    let context = [UInt8]("Signature1".utf8)
    return [0x84, 0x60 | UInt8(context.count)] + context + [0x40 | UInt8(Self.protectedHeader.count)]
      + Self.protectedHeader + [0x40] + Self.head(ofBytes: payload.count) + payload
  }

  /// The head of a byte string of at most 65535 bytes, in its shortest form.
  private static func head(ofBytes count: Int) -> [UInt8] {
    switch count {
    case ..<24: [0x40 | UInt8(count)]
    case ..<256: [0x58, UInt8(count)]
    default: [0x59, UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
    }
  }

  public func isSigned(by key: P384.PublicKey) -> Bool { key.isValid(signature, for: signedBytes) }
}
