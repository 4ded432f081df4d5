public import CanonicalJSON
import Cryptography

extension ObjectReader {
  /// Bytes as padded base64 (RFC 4648 section 4), at most `maxBytes` of them.
  public mutating func base64(_ name: String, maxBytes: Int) throws(FieldError) -> [UInt8] {
    let text = try string(name, maxBytes: (maxBytes + 2) / 3 * 4)
    guard let bytes = Base64.decode(text), bytes.count <= maxBytes else {
      throw FieldError(
        field: pathOf(name), expected: "at most \(maxBytes) bytes in base64", actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// The same for a member that may be left out. Absent and empty are two things.
  public mutating func optionalBase64(_ name: String, maxBytes: Int) throws(FieldError) -> [UInt8]? {
    guard let text = try optionalString(name, maxBytes: (maxBytes + 2) / 3 * 4) else { return nil }
    guard let bytes = Base64.decode(text), bytes.count <= maxBytes else {
      throw FieldError(
        field: pathOf(name), expected: "at most \(maxBytes) bytes in base64", actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// Bytes in lower-case hexadecimal, this many of them.
  public mutating func hex(_ name: String, count: ClosedRange<Int>) throws(FieldError) -> [UInt8] {
    let text = try string(name, maxBytes: count.upperBound * 2)
    guard let bytes = Hex.decode(text), count.contains(bytes.count) else {
      throw FieldError(
        field: pathOf(name), expected: "\(count.lowerBound) to \(count.upperBound) bytes in hexadecimal",
        actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// Certificates as an array of base64 of DER, leaf first.
  public mutating func certificates(_ name: String, maxCount: Int = 8) throws(FieldError) -> [[UInt8]] {
    let array = try array(name, maxCount: maxCount)
    var certificates: [[UInt8]] = []
    for (index, value) in array.enumerated() {
      guard let text = value.string, let der = Base64.decode(text), der.count <= 8192 else {
        throw FieldError(
          field: "\(pathOf(name))[\(index)]", expected: "at most 8192 bytes of DER in base64", actual: value.summary)
      }
      certificates.append(der)
    }
    return certificates
  }
}
