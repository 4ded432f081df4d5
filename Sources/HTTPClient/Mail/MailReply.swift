/// The last line of a server's answer (RFC 5321 section 4.2).
public struct MailReply: Sendable, Hashable {
  public var code: Int
  /// As in `5.1.1` (RFC 3463), where the server gives one.
  public var enhancedCode: String?
  /// What follows, at most 256 bytes, with everything but printable ASCII replaced. The server's own words.
  public var text: String
}

/// Follows the conversation by the server's answers: which command was the last one answered.
struct MailConversation {
  enum Stage: Hashable {
    case greeting, hello, startTLS, login, sender
    case recipient(Int)
    case data, message, accepted
  }

  private(set) var stage = Stage.greeting
  /// The answer to the last command before the end.
  private(set) var last: MailReply?
  /// The answer that refused what `stage` asked for. What comes after it, such as the answer to QUIT, says nothing.
  private(set) var refusal: MailReply?
  /// True once the server answered a login's offer with what this side can do.
  private(set) var offersLogin = false
  private let security: MailServer.Security
  private let needsLogin: Bool
  private let recipients: Int
  private var isSecured: Bool

  init(security: MailServer.Security, needsLogin: Bool, recipients: Int) {
    self.security = security
    self.needsLogin = needsLogin
    self.recipients = recipients
    isSecured = security != .startTLS
  }

  /// Takes one line. False when the server cannot do what is demanded: then the conversation must end.
  mutating func add(line: UnsafeRawBufferPointer) -> Bool {
    var bytes = line[...]
    while let byte = bytes.last, byte == 0x0D || byte == 0x0A { bytes = bytes.dropLast() }
    guard bytes.count >= 3, let code = Int(String(decoding: bytes.prefix(3), as: UTF8.self)) else { return true }
    let text = bytes.dropFirst(4)
    if stage == .hello, isSecured { noteLogin(text) }
    // A hyphen after the code: more lines follow.
    guard bytes.count == 3 || bytes[bytes.startIndex + 3] != UInt8(ascii: "-") else { return true }
    // A server that does not know EHLO is greeted again with HELO.
    guard refusal == nil || stage == .hello && code == 250 else { return true }
    last = Self.reply(code, text)
    refusal = code >= 400 ? last : nil
    return advance(code)
  }

  private mutating func advance(_ code: Int) -> Bool {
    switch (stage, code) {
    case (.greeting, 200..<300): stage = .hello
    case (.hello, 250):
      if !isSecured {
        stage = .startTLS
      } else if needsLogin {
        stage = .login
        return offersLogin
      } else {
        stage = .sender
      }
    case (.startTLS, 200..<300):
      isSecured = true
      stage = .hello
    case (.login, 200..<300): stage = .sender
    case (.sender, 200..<300): stage = .recipient(0)
    case (.recipient(let index), 200..<300): stage = index + 1 < recipients ? .recipient(index + 1) : .data
    case (.data, 354): stage = .message
    case (.message, 250): stage = .accepted
    default: break
    }
    return true
  }

  private mutating func noteLogin(_ text: Slice<UnsafeRawBufferPointer>) {
    let words = String(decoding: text, as: UTF8.self).uppercased().split(separator: " ")
    if words.first == "AUTH", words.dropFirst().contains(where: { $0 == "PLAIN" || $0 == "LOGIN" }) {
      offersLogin = true
    }
  }

  private static func reply(_ code: Int, _ text: Slice<UnsafeRawBufferPointer>) -> MailReply {
    let shown = String(
      decoding: text.prefix(256).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    let word = shown.prefix { $0 != " " }
    let parts = word.split(separator: ".", omittingEmptySubsequences: false)
    let isEnhanced =
      parts.count == 3 && ["2", "4", "5"].contains(parts[0])
      && parts.allSatisfy { (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy { (48...57).contains($0) } }
    return MailReply(code: code, enhancedCode: isEnhanced ? String(word) : nil, text: shown)
  }
}
