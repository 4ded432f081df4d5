import Cryptography

/// application/x-www-form-urlencoded (WHATWG URL section 5.2).
enum FormBody {
  static func encode(_ fields: [(name: String, value: String)]) -> [UInt8] {
    Array(fields.map { encode($0.name) + "=" + encode($0.value) }.joined(separator: "&").utf8)
  }

  private static func encode(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 48...57, 65...90, 97...122: String(UnicodeScalar(byte))
      case _ where "*-._".utf8.contains(byte): String(UnicodeScalar(byte))
      case 32: "+"
      default: "%" + Hex.encode([byte]).uppercased()
      }
    }.joined()
  }
}
