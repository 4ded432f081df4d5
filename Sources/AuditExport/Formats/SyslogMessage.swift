/// A message of the syslog protocol (RFC 5424) that carries a CEF line.
public struct SyslogMessage: Sendable, Hashable {
  /// Which part of the system speaks (RFC 5424 section 6.2.1).
  public enum Facility: String, Sendable, Hashable, CaseIterable {
    case user, daemon, auth, authpriv, audit, local0, local1, local2, local3, local4, local5, local6, local7

    var code: Int {
      switch self {
      case .user: 1
      case .daemon: 3
      case .auth: 4
      case .authpriv: 10
      case .audit: 13
      case .local0: 16
      case .local1: 17
      case .local2: 18
      case .local3: 19
      case .local4: 20
      case .local5: 21
      case .local6: 22
      case .local7: 23
      }
    }
  }

  /// The message without framing. It holds no line feed, whatever the entry says.
  public let bytes: [UInt8]

  /// Index and leaf hash stand in structured data too, so that a collector which knows no CEF can tell a second delivery.
  /// 32473 is the enterprise number for documentation (RFC 5612): this project has none of its own.
  public init(_ event: AuditEvent, facility: Facility) {
    let priority = facility.code * 8 + Self.severity(event.meaning.severity)
    let time = EventTime.text(event.at) ?? "-"
    // 1 to 2^31 - 1 and round again (RFC 5424 section 7.3.1).
    let sequence = event.index % 2_147_483_647 + 1
    let data =
      "[meta sequenceId=\"\(sequence)\"]"
      + "[safebox@32473 box=\"\(Self.parameter(event.box))\" index=\"\(event.index)\" leaf=\"\(event.leafHash.hex)\"]"
    let head = "<\(priority)>1 \(time) \(Self.name(event.box, 255)) safebox - \(Self.name(event.kind.rawValue, 32))"
    bytes = Array("\(head) \(data) \(CEF.text(event))".utf8)
  }

  /// Octet counting for streams (RFC 6587 section 3.4.1, RFC 5425 section 4.3): the next message begins where this one
  /// ends, whatever stands in it.
  public var framed: [UInt8] { Array("\(bytes.count) ".utf8) + bytes }

  /// A value of structured data (RFC 5424 section 6.3.3).
  static func parameter(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || scalar.value == 0x7F { continue }
      if "\"\\]".unicodeScalars.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  /// A word of the header: visible ASCII, at least one, no blank (RFC 5424 section 6, PRINTUSASCII).
  static func name(_ text: String, _ limit: Int) -> String {
    let bytes = text.utf8.prefix(limit).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    return bytes.isEmpty ? "-" : String(decoding: bytes, as: UTF8.self)
  }

  private static func severity(_ severity: AuditMeaning.Severity) -> Int {
    switch severity {
    case .informational: 6
    case .low: 5
    case .medium: 4
    case .high: 3
    }
  }
}
