/// Answering and sending.
extension Connection {
  /// Whether so much waits to be sent that nothing should be added.
  var isCongested: Bool { output.count >= limits.buffer }

  /// Has the handler answer on this reactor.
  func answer(_ request: HTTPRequest) {
    reactor.tasks += 1
    task = Task(executorPreference: reactor) { [self] in
      let response = await context.handler.respond(to: request)
      if let (stream, write) = begin(response) {
        do {
          try await write(HTTPBodyWriter(sink: stream))
          end(stream, cut: false)
        } catch {
          // A stream that the shutdown cancelled has done its work; any other error cuts it, visibly.
          end(stream, cut: !(streamEndsOnShutdown && context.isDraining))
        }
      }
      reactor.tasks -= 1
    }
  }

  /// Refuses what was received; the connection ends with the answer.
  func refuse(_ refusal: RequestRefusal) {
    context.counters.malformed.add(1, ordering: .relaxed)
    phase = .handling
    incoming = .complete
    keepsAlive = false
    isHeadRequest = false
    input = []
    inputStart = 0
    reading.stop()
    append(refusal.problem.response)
    isAnswered = true
    closeAfterFlush()
  }

  /// Queues the answer. Returns the stream to be written, if it is one.
  private func begin(
    _ response: HTTPResponse
  ) -> (ResponseStream, @Sendable (HTTPBodyWriter) async throws -> Void)? {
    guard phase == .handling else { return nil }
    var response = response
    if let bodyFailure { response = bodyFailure.problem.response }
    if incoming != .complete, !canDiscardRest(response) { keepsAlive = false }
    owesContinue = false
    if context.isDraining { keepsAlive = false }
    let write = append(response)
    isAnswered = true
    guard let write, let stream else {
      complete()
      return nil
    }
    streamEndsOnShutdown = response.endsOnShutdown
    if streamEndsOnShutdown, context.isDraining { task?.cancel() }
    flushLater()
    return (stream, write)
  }

  /// A little rest of a body is received and dropped; for more than that, or for an unknown amount, it is cheaper to end
  /// the connection. A client that waits for 100 Continue might send the body or not: nobody could tell what comes next.
  private func canDiscardRest(_ response: HTTPResponse) -> Bool {
    guard case .length(let remaining) = incoming, !owesContinue, remaining <= 64 << 10 else { return false }
    if case .stream = response.body { return false }
    return true
  }

  /// Encodes the head and a body of known length. For a stream that is to be sent, makes it and returns its writer.
  @discardableResult private func append(
    _ response: HTTPResponse
  ) -> (@Sendable (HTTPBodyWriter) async throws -> Void)? {
    var response = response
    if !ResponseHead.isValid(response) {
      response = Problem(status: 500, code: "internal", detail: "The answer could not be encoded.").response
    }
    var head = ResponseHead(status: response.status, headers: response.headers)
    let hasContent = response.status != 204 && response.status != 304
    var result: (@Sendable (HTTPBodyWriter) async throws -> Void)?
    var content: [UInt8] = []
    switch response.body {
    case .none: head.framing = hasContent ? .length(0) : .none
    case .bytes(let bytes):
      head.framing = hasContent ? .length(bytes.count) : .none
      content = bytes
    case .stream(let write):
      let declared = response.headers["Content-Length"].flatMap { Int($0) }
      if let declared { head.framing = .length(declared) } else { head.framing = isCurrentVersion ? .chunked : .close }
      if !hasContent { head.framing = .none }
      if hasContent, !isHeadRequest {
        if head.framing == .close { keepsAlive = false }
        stream = ResponseStream(
          reactor: reactor, connection: self, declared: declared, isChunked: head.framing == .chunked)
        result = write
      }
    }
    head.connection = keepsAlive ? (isCurrentVersion ? .implied : .keepAlive) : .close
    output.join { head.encode(into: &$0, date: reactor.date.line) }
    if hasContent, !isHeadRequest { output.append(content) }
    return result
  }

  /// Queues a piece of a stream. Returns whether the writer should wait.
  func send(_ bytes: [UInt8], chunked: Bool) -> Bool {
    if chunked { output.join { $0.appendHexadecimal(bytes.count) } }
    output.append(bytes)
    if chunked { output.append("\r\n") }
    flushLater()
    return isCongested
  }

  private func end(_ stream: ResponseStream, cut: Bool) {
    guard phase == .handling, self.stream === stream else { return }
    // A body shorter than announced can only be told from a whole one by the connection breaking.
    guard !cut, (stream.remaining ?? 0) == 0 else {
      flush()
      return close()
    }
    stream.fail(.closed)
    self.stream = nil
    if stream.isChunked { output.append("0\r\n\r\n") }
    complete()
  }

  /// The answer is queued to its end.
  private func complete() {
    task = nil
    streamEndsOnShutdown = false
    body?.fail(.cancelled)
    body = nil
    discarded = 0
    flushLater()
    guard incoming == .complete else {
      if !keepsAlive { abandonBody() }
      return
    }
    next()
  }

  /// Goes on to the next request, or ends.
  func next() {
    bodyFailure = nil
    guard keepsAlive, !context.isDraining else { return closeAfterFlush() }
    phase = .head
    isIdle = true
    reading.start(reactor.now, deadlines.idle)
    process()
    if phase == .head, sawEnd { closeAfterFlush() }
    settle()
  }

  func flushLater() {
    guard !isFlushScheduled, phase != .closed else { return }
    isFlushScheduled = true
    reactor.flushLater(self)
  }

  /// Sends what the socket takes.
  func flush() {
    isFlushScheduled = false
    guard phase != .closed else { return }
    let before = output.count
    let result = output.flush { [transport, descriptor] in transport.send(descriptor, $0, more: $1) }
    switch result {
    case .failed: return close()
    case .empty:
      writing.stop()
      if closesAfterFlush { return linger() }
    case .blocked:
      if writing.until == .never {
        writing.start(reactor.now, deadlines.write)
      } else {
        writing.extend(
          reactor.now, bytes: before - output.count, rate: deadlines.minimumRate, deadlines.write)
      }
    }
    guard output.count < limits.buffer / 2 else { return settle() }
    stream?.resume()
    if phase == .head, inputStart < input.count { process() }
    receive()
  }
}
