extension HTTPClient {
  /// Hands a message to a submission server. All or nothing: where the server refuses one recipient, it gets no message.
  ///
  /// The policy decides as for HTTP: the name is looked up once, every address is checked, and the connection is bound
  /// to those addresses. Each submission has a connection of its own.
  ///
  /// - Returns: the server's answer to the message.
  public func submit(_ mail: MailSubmission, policy: EgressPolicy) async throws(MailError) -> MailReply {
    let deadline = ContinuousClock.now.advanced(by: mail.deadline)
    do {
      try mail.check()
    } catch {
      throw MailError(.submission(error))
    }
    let server = mail.server
    let addresses: [IPAddress]
    do throws(HTTPClientErrorKind) {
      guard server.security != .none || policy.permitsPlainHTTP else {
        throw HTTPClientErrorKind(.plainHTTPRefused(server.authority))
      }
      addresses = try await EgressGuard.addresses(
        of: server.host, literal: server.literal, port: server.port, policy: policy, resolver: configuration.resolver,
        deadline: deadline)
    } catch {
      throw MailError(.transport(error.kind))
    }
    let job = MailJob(
      mail: mail, addresses: addresses, policy: policy, configuration: configuration, deadline: deadline)
    // Closing a connection says QUIT and waits for the answer: on a thread of its own it holds nobody up.
    guard !isStopped, let engine = TransferEngine(configuration: configuration) else {
      throw MailError(.transport(.clientStopped))
    }
    let ticket = TransferEngine.Ticket()
    let result: Result<MailReply, MailError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isTaken = engine.start(TransferOrder(job) { continuation.resume(returning: $0) }, ticket: ticket)
        if !isTaken { continuation.resume(returning: .failure(MailError(.transport(.clientStopped)))) }
        engine.retire()
      }
    } onCancel: {
      engine.cancel(ticket)
    }
    return try result.get()
  }
}
