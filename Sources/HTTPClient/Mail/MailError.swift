/// Why a message was not accepted, or why nobody knows.
public struct MailError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Stage: Sendable, Hashable, CustomStringConvertible {
    case greeting, hello, startTLS, login, sender
    /// The place in ``MailSubmission/recipients``.
    case recipient(Int)
    case data, message

    public var description: String {
      switch self {
      case .greeting: "the connection"
      case .hello: "the greeting"
      case .startTLS: "STARTTLS"
      case .login: "the login"
      case .sender: "the sender"
      case .recipient(let index): "recipient \(index + 1)"
      case .data: "to take the message"
      case .message: "the message"
      }
    }
  }

  public enum Kind: Sendable, Hashable {
    case submission(MailFault)
    /// The server said no.
    case refused(Stage, MailReply)
    /// The server offers neither AUTH PLAIN nor AUTH LOGIN.
    case loginNotOffered
    case transport(HTTPClientError.Kind)
  }

  public var kind: Kind
  /// False only if it is certain that the server did not accept the message: the whole message had not left this
  /// machine, or the server refused it. A server that has not seen the end of the message must not deliver it
  /// (RFC 5321 section 4.1.1.4).
  public var mayHaveBeenSent: Bool

  init(_ kind: Kind, mayHaveBeenSent: Bool = false) {
    self.kind = kind
    self.mayHaveBeenSent = mayHaveBeenSent
  }

  /// Never holds the server's own words.
  public var description: String {
    switch kind {
    case .submission(let fault): fault.description
    case .refused(let stage, let reply):
      "the mail server refused \(stage): \(reply.code)\(reply.enhancedCode.map { " " + $0 } ?? "")"
    case .loginNotOffered: "the mail server offers neither AUTH PLAIN nor AUTH LOGIN"
    case .transport(.plainHTTPRefused(let host)): "the egress policy does not permit mail without TLS (to \(host))"
    case .transport(.malformedResponse(let reason)): "the mail server did not speak SMTP: \(reason)"
    case .transport(let kind): HTTPClientError(kind, mayHaveBeenSent: mayHaveBeenSent).description
    }
  }
}
