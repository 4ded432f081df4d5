/// ArcSight Common Event Format, version 0 (CEF Implementation Standard, revision 26).
///
/// A line is built from values only: whatever stands in a name, it can end neither its field nor the line. Values longer
/// than 255 characters are cut with `...`; the truth is the entry, which the index and leaf hash name.
public enum CEF {
  /// Longest value, in characters, before escaping.
  public static let maxValue = 255

  /// The event as one CEF line, without a line feed.
  public static func text(_ event: AuditEvent) -> String {
    let meaning = event.meaning
    let header = ["Safebox", "Safebox", "1", event.kind.rawValue, meaning.title, String(severity(meaning.severity))]
    var fields: [(String, String)] = [
      ("rt", String(event.at)), ("externalId", String(event.index)), ("deviceExternalId", event.box),
      ("suser", meaning.actor.text), ("outcome", meaning.result.rawValue), ("cs1Label", "leafHash"),
      ("cs1", event.leafHash.hex),
    ]
    func add(_ key: String, _ label: String, _ value: String?) {
      guard let value else { return }
      fields += [("\(key)Label", label), (key, value)]
    }
    if let operation = meaning.operation { fields.append(("act", operation)) }
    add("cs2", "proposal", meaning.proposal)
    add("cs3", "run", meaning.run)
    add("cs4", "community", meaning.community)
    add("cs5", "detail", meaning.detail)
    add("cn1", "epoch", meaning.epoch.map(String.init))
    let text = fields.map { "\($0.0)=\(value($0.1))" }.joined(separator: " ")
    return "CEF:0|\(header.map(headerField).joined(separator: "|"))|\(text)"
  }

  /// A field of the header: backslash and pipe escaped; no line end can be written there, so it becomes a blank.
  static func headerField(_ text: String) -> String {
    escape(text) { scalar in
      switch scalar {
      case "\\": "\\\\"
      case "|": "\\|"
      default: isControl(scalar) ? " " : nil
      }
    }
  }

  /// A value of the extension: backslash, equals sign and line ends escaped; other control characters become blanks.
  static func value(_ text: String) -> String {
    escape(text) { scalar in
      switch scalar {
      case "\\": "\\\\"
      case "=": "\\="
      case "\n": "\\n"
      case "\r": "\\r"
      default: isControl(scalar) ? " " : nil
      }
    }
  }

  private static func escape(_ text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
    var result = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == maxValue { return result + "..." }
      if let other = replacement(scalar) { result += other } else { result.unicodeScalars.append(scalar) }
    }
    return result
  }

  // C0, DEL, C1, and the two of Unicode that some readers take for line ends.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
  }

  private static func severity(_ severity: AuditMeaning.Severity) -> Int {
    switch severity {
    case .informational: 1
    case .low: 3
    case .medium: 5
    case .high: 8
    }
  }
}
