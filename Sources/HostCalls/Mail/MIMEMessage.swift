import Cryptography

/// A mail message as bytes (RFC 5322, RFC 2045-2049): ASCII throughout, lines within 78 bytes wherever the standards want
/// it. The same parts give the same bytes.
struct MIMEMessage {
  struct Attachment: Hashable {
    var name: String
    /// `type/subtype`.
    var type: String
    var bytes: [UInt8]
  }

  var from: String
  var fromName: String?
  var to: [String]
  var cc: [String]
  var subject: String
  /// Unix milliseconds.
  var date: Int64
  /// Without angle brackets.
  var id: String
  var text: String
  var html: String?
  var attachments: [Attachment]

  var bytes: [UInt8] {
    var header: [String] = ["From: " + (fromName.map { "\(HeaderText.phrase($0))\r\n <\(from)>" } ?? from)]
    if !to.isEmpty { header.append("To: " + to.joined(separator: ",\r\n ")) }
    if !cc.isEmpty { header.append("Cc: " + cc.joined(separator: ",\r\n ")) }
    header.append("Subject: " + HeaderText.unstructured(subject))
    header.append("Date: " + MailDate.text(date))
    header.append("Message-ID: <\(id)>")
    header.append("MIME-Version: 1.0")
    let content = attachments.isEmpty ? body : multipart("mixed", [body] + attachments.map(Self.part))
    return Array((header.joined(separator: "\r\n") + "\r\n").utf8) + content
  }

  /// Header fields, a blank line and content.
  private var body: [UInt8] {
    let plain = Self.textPart("plain", text)
    guard let html else { return plain }
    return multipart("alternative", [plain, Self.textPart("html", html)])
  }

  private func multipart(_ kind: String, _ parts: [[UInt8]]) -> [UInt8] {
    // "=_" stands in no line of quoted-printable or base64, so no content can end its own part.
    let boundary = "=_\(kind)_\(id.prefix(32))"
    var output = Array("Content-Type: multipart/\(kind);\r\n boundary=\"\(boundary)\"\r\n\r\n".utf8)
    for part in parts { output += Array("--\(boundary)\r\n".utf8) + part }
    return output + Array("--\(boundary)--\r\n".utf8)
  }

  private static func textPart(_ kind: String, _ text: String) -> [UInt8] {
    Array("Content-Type: text/\(kind); charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".utf8)
      + QuotedPrintable.encode(text)
  }

  private static func part(_ attachment: Attachment) -> [UInt8] {
    let header =
      "Content-Type: \(attachment.type)\r\nContent-Transfer-Encoding: base64\r\n"
      + "Content-Disposition: attachment\(HeaderText.fileName(attachment.name))\r\n\r\n"
    let text = Array(Base64.encode(attachment.bytes).utf8)
    var output = Array(header.utf8)
    for start in stride(from: 0, to: text.count, by: 76) {
      output += text[start..<min(start + 76, text.count)] + [0x0D, 0x0A]
    }
    return output
  }
}

/// Times as mail writes them (RFC 5322 section 3.3), in UTC.
enum MailDate {
  /// From Unix milliseconds.
  static func text(_ milliseconds: Int64) -> String {
    let seconds = milliseconds >= 0 ? milliseconds / 1000 : 0
    let days = seconds / 86_400
    let (year, month, day) = civil(days)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let time = [seconds % 86_400 / 3600, seconds % 3600 / 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
    return "\(weekdays[Int(days % 7)]), \(day) \(months[Int(month) - 1]) \(year) \(time.joined(separator: ":")) +0000"
  }

  // Days of the Gregorian calendar, counted from 1 March so that the leap day is a year's last.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let part = (5 * dayOfYear + 2) / 153
    let month = part < 10 ? part + 3 : part - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
  }
}
