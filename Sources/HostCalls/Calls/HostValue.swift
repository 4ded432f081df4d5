import CanonicalJSON
import Cryptography

/// Values that go to a tool.
public enum HostValue {
  /// Bytes of JSON that one answer may have: the engine's own bound.
  public static let maxBytes = 1 << 20

  /// The value, or `too_large` where the tool could not be given it.
  public static func bounded(_ json: JSON) throws(HostCallError) -> JSON {
    let count = json.canonicalBytes().count
    guard count <= maxBytes else {
      throw HostCallError(
        "too_large", "the answer has \(count) bytes as JSON, and a tool is given at most \(maxBytes)",
        details: ["bytes": .integer(Int64(count)), "limit": .integer(Int64(maxBytes))])
    }
    return json
  }

  /// The bytes as text, where JSON can hold them as text: valid UTF-8 without noncharacters (RFC 7493 section 2.1).
  public static func text(_ bytes: [UInt8]) -> String? {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    let isPlain = text.unicodeScalars.allSatisfy { scalar in
      scalar.value & 0xFFFE != 0xFFFE && !(0xFDD0...0xFDEF).contains(scalar.value)
    }
    return isPlain ? text : nil
  }

  /// `{"text"}` or, where that cannot be, `{"base64"}`.
  public static func content(_ bytes: [UInt8]) -> JSONObject {
    if let text = text(bytes) { return ["text": .string(text)] }
    return ["base64": .string(Base64.encode(bytes))]
  }
}
