/// One message for one submission server.
public struct MailSubmission: Sendable {
  /// Largest message, in bytes.
  public static let maxMessageBytes = 32 << 20
  public static let maxRecipients = 1000
  /// RFC 5322 section 2.1.1, without the line end.
  public static let maxLineBytes = 998

  /// Who logs in, by AUTH PLAIN or AUTH LOGIN (RFC 4954), only under TLS.
  public struct Login: Sendable {
    public var user: String
    public var password: String
    public init(user: String, password: String) {
      self.user = user
      self.password = password
    }
  }

  public var server: MailServer
  public var login: Login?
  /// What this side calls itself in EHLO: a host name.
  public var clientName: String
  /// `local@domain` each, printable ASCII.
  public var sender: String
  public var recipients: [String]
  /// Header and body with CR LF line ends. Dots at line starts are doubled on the way (RFC 5321 section 4.5.2).
  public var message: [UInt8]
  /// Total time from the call to the server's answer to the message, name lookup included.
  public var deadline: Duration

  public init(
    server: MailServer, login: Login? = nil, clientName: String, sender: String, recipients: [String], message: [UInt8],
    deadline: Duration = .seconds(60)
  ) {
    self.server = server
    self.login = login
    self.clientName = clientName
    self.sender = sender
    self.recipients = recipients
    self.message = message
    self.deadline = deadline
  }

  /// A CR or LF in an address or a name would begin an SMTP command of its author's choice, and a lone one in the
  /// message a second message (SMTP smuggling).
  func check() throws(MailFault) {
    guard Self.isAddress(sender) else { throw .sender }
    guard (1...Self.maxRecipients).contains(recipients.count) else { throw .recipientCount(recipients.count) }
    for (index, recipient) in recipients.enumerated() where !Self.isAddress(recipient) { throw .recipient(index) }
    guard let (_, literal) = try? HostText.parse(clientName), literal == nil else { throw .clientName }
    if let login {
      guard server.security != .none else { throw .loginWithoutTLS }
      guard !login.user.isEmpty, !(login.user + login.password).utf8.contains(0) else { throw .login }
    }
    guard message.count <= Self.maxMessageBytes else { throw .messageTooLarge(bytes: message.count) }
    try Self.checkLines(message)
  }

  private static func isAddress(_ text: String) -> Bool {
    (3...320).contains(text.utf8.count) && text.utf8.count { $0 == UInt8(ascii: "@") } == 1
      && text.utf8.first != UInt8(ascii: "@") && text.utf8.last != UInt8(ascii: "@")
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
  }

  private static func checkLines(_ message: [UInt8]) throws(MailFault) {
    guard message.suffix(2) == [0x0D, 0x0A] else { throw .lineEnd }
    var length = 0
    var previous: UInt8 = 0
    for byte in message {
      switch byte {
      case 0: throw .lineEnd
      case 0x0A:
        guard previous == 0x0D else { throw .lineEnd }
        length = 0
      default:
        guard previous != 0x0D else { throw .lineEnd }
        if byte != 0x0D { length += 1 }
        guard length <= maxLineBytes else { throw .lineTooLong }
      }
      previous = byte
    }
  }
}

/// What is wrong with a submission before anything is sent.
public enum MailFault: Error, Sendable, Hashable, CustomStringConvertible {
  case sender
  case recipient(Int)
  case recipientCount(Int)
  case clientName
  case login
  case loginWithoutTLS
  case messageTooLarge(bytes: Int)
  case lineEnd
  case lineTooLong

  public var description: String {
    switch self {
    case .sender: "the sender is not an address"
    case .recipient(let index): "recipient \(index + 1) is not an address"
    case .recipientCount(let count): "\(count) recipients, 1 to \(MailSubmission.maxRecipients) are accepted"
    case .clientName: "the client's name is not a host name"
    case .login: "the user name is empty, or the login holds a zero byte"
    case .loginWithoutTLS: "a login without TLS is not accepted"
    case .messageTooLarge(let bytes):
      "the message has \(bytes) bytes, at most \(MailSubmission.maxMessageBytes) are accepted"
    case .lineEnd: "the message has a zero byte or a line that does not end in CR LF"
    case .lineTooLong: "a line of the message is longer than \(MailSubmission.maxLineBytes) bytes"
    }
  }
}
