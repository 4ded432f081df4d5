import CCurl

/// One message on its way: checked, resolved.
struct MailJob: Sendable {
  var mail: MailSubmission
  /// Checked against the policy; empty for an address literal.
  var addresses: [IPAddress]
  var policy: EgressPolicy
  var configuration: HTTPClient.Configuration
  var deadline: ContinuousClock.Instant
}

/// The running submission. Used on the engine's thread only.
final class MailTransfer: RunningTransfer {
  typealias Completion = @Sendable (Result<MailReply, MailError>) -> Void

  let easy: UnsafeMutableRawPointer
  private let job: MailJob
  private let complete: Completion
  private var conversation: MailConversation
  private var handedOver = 0
  private var objection: MailError.Kind?
  private let errorText: TransferErrorText
  private let lists = OptionLists()

  init(easy: UnsafeMutableRawPointer, job: MailJob, complete: @escaping Completion) {
    self.easy = easy
    self.job = job
    self.complete = complete
    conversation = MailConversation(
      security: job.mail.server.security, needsLogin: job.mail.login != nil, recipients: job.mail.recipients.count)
    errorText = TransferErrorText()
  }

  func configure() throws(HTTPClientErrorKind) {
    let left = ContinuousClock.now.duration(to: job.deadline).wholeMilliseconds
    guard left > 0 else { throw HTTPClientErrorKind(.deadlineExceeded(.connecting)) }
    let (mail, server, configuration) = (job.mail, job.mail.server, job.configuration)
    let context = Unmanaged.passUnretained(self).toOpaque()
    var options = OptionWriter(easy)
    options.set(safebox_curl_set_error_buffer(easy, errorText.buffer))
    options.long(CURLOPT_NOSIGNAL, 1)
    // The path is the name for EHLO; without one libcurl would tell this machine's own.
    options.string(CURLOPT_URL, "\(server.scheme)://\(server.bracketedHost):\(server.port)/\(mail.clientName)")
    options.string(CURLOPT_PROTOCOLS_STR, server.scheme)
    options.long(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    options.string(CURLOPT_PROXY, "")
    options.long(CURLOPT_NETRC, 0)

    options.long(CURLOPT_USE_SSL, Int(server.security == .none ? CURLUSESSL_NONE.rawValue : CURLUSESSL_ALL.rawValue))
    options.long(CURLOPT_SSL_VERIFYPEER, 1)
    options.long(CURLOPT_SSL_VERIFYHOST, 2)
    options.long(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let file = configuration.trustedCertificates { options.string(CURLOPT_CAINFO, file) }
    if let login = mail.login {
      options.string(CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN")
      options.string(CURLOPT_USERNAME, login.user)
      options.string(CURLOPT_PASSWORD, login.password)
    }

    options.long(CURLOPT_TIMEOUT_MS, left)
    options.long(CURLOPT_CONNECTTIMEOUT_MS, min(left, max(1, configuration.connectDeadline.wholeMilliseconds)))
    // Saying QUIT after a refusal has this time of its own, two minutes if nothing is said.
    options.long(CURLOPT_SERVER_RESPONSE_TIMEOUT, min(120, max(1, left / 1000)))
    // Never on a connection that was open before: when such a one breaks, libcurl would send a second time.
    options.long(CURLOPT_FRESH_CONNECT, 1)

    options.string(CURLOPT_MAIL_FROM, "<\(mail.sender)>")
    options.list(CURLOPT_MAIL_RCPT, lists.keep(mail.recipients.map { "<\($0)>" }))
    // The size is not announced: libcurl counts doubled dots too and would take an early end for the whole.
    options.long(CURLOPT_UPLOAD, 1)
    options.set(safebox_curl_set_read_callback(easy, Self.readCallback, context))
    options.set(safebox_curl_set_header_callback(easy, Self.headerCallback, context))
    options.set(safebox_curl_set_write_callback(easy, Self.writeCallback, context))
    options.set(safebox_curl_set_socket_callback(easy, Self.socketCallback, context))
    if !job.addresses.isEmpty {
      let pin = Transfer.pin(host: server.host, port: server.port, addresses: job.addresses)
      options.list(CURLOPT_RESOLVE, lists.keep([pin]))
    }
    guard options.result == CURLE_OK else {
      throw HTTPClientErrorKind(.library(String(cString: curl_easy_strerror(options.result))))
    }
  }

  // MARK: Callbacks

  private static func transfer(_ context: UnsafeMutableRawPointer?) -> MailTransfer? {
    context.map { Unmanaged<MailTransfer>.fromOpaque($0).takeUnretainedValue() }
  }

  private static let readCallback: safebox_curl_bytes_callback = { bytes, size, count, context in
    guard let transfer = MailTransfer.transfer(context), let bytes else { return 0 }
    return transfer.fill(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
  }

  private static let headerCallback: safebox_curl_bytes_callback = { bytes, size, count, context in
    guard let transfer = MailTransfer.transfer(context) else { return 0 }
    return transfer.accept(line: UnsafeRawBufferPointer(start: bytes, count: size * count))
  }

  // A submission has no body to receive; without a callback libcurl would print it.
  private static let writeCallback: safebox_curl_bytes_callback = { _, size, count, _ in size * count }

  private static let socketCallback: safebox_curl_socket_callback = { context, _, address in
    guard let transfer = MailTransfer.transfer(context), let address else { return safebox_curl_socket_refused() }
    let server = transfer.job.mail.server
    switch SocketGate.open(address, host: server.host, port: server.port, policy: transfer.job.policy) {
    case .success(let socket): return socket
    case .failure(let refusal):
      transfer.objection = refusal.kind.map { .transport($0) }
      return safebox_curl_socket_refused()
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, job.mail.message.count - handedOver)
    job.mail.message.withUnsafeBytes { message in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: message[handedOver..<(handedOver + count)]))
    }
    handedOver += count
    return count
  }

  private func accept(line: UnsafeRawBufferPointer) -> Int {
    guard conversation.add(line: line) else {
      objection = .loginNotOffered
      return 0
    }
    return line.count
  }

  // MARK: The end

  func finish(_ code: CURLcode) {
    if objection == nil, conversation.stage == .accepted, let reply = conversation.last {
      // Whatever went wrong after the server took the message changes nothing.
      return complete(.success(reply))
    }
    fail(objection ?? kind(of: code))
  }

  func fail(_ kind: HTTPClientError.Kind) { fail(MailError.Kind.transport(kind)) }

  private func fail(_ kind: MailError.Kind) {
    var mayHaveBeenSent = handedOver == job.mail.message.count
    // 4yz and 5yz say that the server has not taken it (RFC 5321 section 4.2.1).
    if case .refused(_, let reply) = kind, (400..<600).contains(reply.code) { mayHaveBeenSent = false }
    complete(.failure(MailError(kind, mayHaveBeenSent: mayHaveBeenSent)))
  }

  private func kind(of code: CURLcode) -> MailError.Kind {
    if let reply = conversation.refusal, let stage = refusedStage { return .refused(stage, reply) }
    let server = job.mail.server
    if code == CURLE_USE_SSL_FAILED {
      return .transport(.tls(host: server.host, reason: "the server does not offer STARTTLS"))
    }
    return .transport(
      TransferFailure.kind(
        of: code, text: errorText.text, place: server.authority, host: server.host, wasSent: handedOver > 0))
  }

  private var refusedStage: MailError.Stage? {
    switch conversation.stage {
    case .greeting: .greeting
    case .hello: .hello
    case .startTLS: .startTLS
    case .login: .login
    case .sender: .sender
    case .recipient(let index): .recipient(index)
    case .data: .data
    case .message: .message
    case .accepted: nil
    }
  }
}
