import CanonicalJSON
import Cryptography

/// What `SMTP.send` is asked for, and what `smtp.send` carries out.
struct MailDraft {
  var to: [MailAddress]
  var cc: [MailAddress]
  var bcc: [MailAddress]
  var from: MailAddress?
  var subject: String
  var body: String
  var html: String?
  var attachments: [MIMEMessage.Attachment]

  /// To, cc and bcc together. The addresses stand in the log, whose entries are small.
  static let maxRecipients = 50
  static let maxAddressBytes = 6144
  static let maxSubjectBytes = 512
  static let maxBodyBytes = 512 << 10
  static let maxAttachments = 16
  static let maxFileNameBytes = 128
  /// All attachments, decoded.
  static let maxAttachmentBytes = 8 << 20

  static let privateMembers: Set<String> = ["body", "html", "attachments"]

  init(_ reader: inout ObjectReader, _ view: ParamsView) throws(FieldError) {
    to = try Self.addresses("to", &reader)
    cc = try Self.addresses("cc", &reader)
    bcc = try Self.addresses("bcc", &reader)
    let everybody = to + cc + bcc
    guard !to.isEmpty else {
      throw FieldError(field: reader.pathOf("to"), expected: "an address or an array of them", actual: "nothing")
    }
    guard everybody.count <= Self.maxRecipients,
      everybody.reduce(0, { $0 + $1.text.utf8.count }) <= Self.maxAddressBytes
    else {
      throw FieldError(
        field: reader.pathOf("to"),
        expected: "at most \(Self.maxRecipients) recipients with \(Self.maxAddressBytes) bytes in to, cc and bcc",
        actual: "\(everybody.count)")
    }
    guard Set(everybody).count == everybody.count else {
      throw FieldError(
        field: reader.pathOf("to"), expected: "each recipient once in to, cc and bcc", actual: "one twice")
    }
    if let text = try reader.optionalString("from", maxBytes: MailAddress.maxBytes) {
      from = try MailAddress(text, path: reader.pathOf("from"))
    }
    guard let subject = try reader.optionalLine("subject", maxBytes: Self.maxSubjectBytes) else {
      throw FieldError(field: reader.pathOf("subject"), expected: "a line", actual: "nothing")
    }
    self.subject = subject
    body = try reader.requiredPrivateText("body", maxBytes: Self.maxBodyBytes, view)
    html = try reader.optionalPrivateText("html", maxBytes: Self.maxBodyBytes, view)
    attachments = try Self.attachments(&reader, view)
  }

  var recipients: [MailAddress] { to + cc + bcc }

  /// As params of the action; `from` is the sender that the route gives.
  func params(community: String, from: MailAddress) -> JSONObject {
    func list(_ addresses: [MailAddress]) -> JSON? {
      addresses.isEmpty ? nil : .array(addresses.map { .string($0.text) })
    }
    var params: JSONObject = [
      "community": .string(community), "from": .string(from.text), "subject": .string(subject), "body": .string(body),
    ]
    params["to"] = list(to)
    params["cc"] = list(cc)
    params["bcc"] = list(bcc)
    params["html"] = html.map { .string($0) }
    if !attachments.isEmpty {
      params["attachments"] = .array(
        attachments.map { attachment in
          [
            "name": .string(attachment.name), "type": .string(attachment.type),
            "base64": .string(Base64.encode(attachment.bytes)),
          ]
        })
    }
    return params
  }

  private static func addresses(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> [MailAddress] {
    guard let value = reader.optionalJSON(name) else { return [] }
    let path = reader.pathOf(name)
    if let text = value.string { return [try MailAddress(text, path: path)] }
    guard let elements = value.array, elements.count <= maxRecipients else {
      throw FieldError(
        field: path, expected: "an address or an array of at most \(maxRecipients)", actual: value.summary)
    }
    var addresses: [MailAddress] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else {
        throw FieldError(field: "\(path)[\(index)]", expected: "an address", actual: element.summary)
      }
      addresses.append(try MailAddress(text, path: "\(path)[\(index)]"))
    }
    return addresses
  }

  private static func attachments(
    _ reader: inout ObjectReader, _ view: ParamsView
  ) throws(FieldError) -> [MIMEMessage.Attachment] {
    guard let value = reader.optionalPrivate("attachments", view) else { return [] }
    let path = reader.pathOf("attachments")
    guard let elements = value.array, elements.count <= maxAttachments else {
      throw FieldError(field: path, expected: "an array of at most \(maxAttachments)", actual: value.summary)
    }
    var attachments: [MIMEMessage.Attachment] = []
    var total = 0
    for (index, element) in elements.enumerated() {
      var inner = try ObjectReader(element, path: "\(path)[\(index)]")
      let name = try inner.optionalLine("name", maxBytes: maxFileNameBytes) ?? ""
      guard !name.isEmpty, !name.contains("/"), !name.contains("\\") else {
        throw FieldError(
          field: inner.pathOf("name"), expected: "a file name without slashes", actual: JSON.string(name).summary)
      }
      let type = try inner.optionalString("type", maxBytes: 128) ?? "application/octet-stream"
      guard isMediaType(type) else {
        throw FieldError(
          field: inner.pathOf("type"), expected: "a media type as in text/csv, without parameters",
          actual: JSON.string(type).summary)
      }
      let bytes = try content(&inner)
      try inner.finish()
      total += bytes.count
      guard total <= maxAttachmentBytes else {
        throw FieldError(
          field: path, expected: "attachments of at most \(maxAttachmentBytes) bytes in all", actual: "\(total) bytes")
      }
      attachments.append(MIMEMessage.Attachment(name: name, type: type, bytes: bytes))
    }
    return attachments
  }

  // The two forms in which `Files.read` gives an item.
  private static func content(_ reader: inout ObjectReader) throws(FieldError) -> [UInt8] {
    let text = try reader.optionalString("text", maxBytes: maxAttachmentBytes)
    let base64 = try reader.optionalString("base64", maxBytes: maxAttachmentBytes / 3 * 4 + 4)
    guard (text == nil) != (base64 == nil) else {
      throw FieldError(
        field: reader.pathOf("base64"), expected: "either base64 or text", actual: text == nil ? "neither" : "both")
    }
    if let text { return Array(text.utf8) }
    guard let bytes = base64.flatMap({ Base64.decode($0) }) else {
      throw FieldError(field: reader.pathOf("base64"), expected: "base64 with padding", actual: "another text")
    }
    return bytes
  }

  // Composite types have rules of their own, which base64 breaks (RFC 2045 section 6.4).
  private static func isMediaType(_ text: String) -> Bool {
    let words = text.lowercased().split(separator: "/", omittingEmptySubsequences: false)
    return words.count == 2 && !["multipart", "message"].contains(words[0])
      && words.allSatisfy { word in
        (1...63).contains(word.utf8.count)
          && word.utf8.allSatisfy {
            (48...57).contains($0) || (97...122).contains($0) || "!#$&-^_.+".utf8.contains($0)
          }
      }
  }
}
