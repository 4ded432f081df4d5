/// Receiving: heads, bodies, the end of the stream.
extension Connection {
  /// Whether reading may go on. Bounds what is held for a client that sends faster than it is served.
  var wantsBytes: Bool {
    switch phase {
    case .head: !isCongested && !closesAfterFlush
    case .handling:
      switch incoming {
      // Read on beyond the request, within bounds, to notice a client that goes away.
      case .complete: !closesAfterFlush && input.count - inputStart < Self.pipelineBuffer
      case .length, .chunked: body.map { $0.buffered < limits.buffer } ?? true
      }
    case .lingering: true
    case .closed: false
    }
  }

  private static let pipelineBuffer = 64 << 10
  /// The most of an unwanted body that is received to keep a connection.
  private static let discardLimit = 64 << 10
  /// The most that is received from a client that does not stop after its last answer.
  private static let lingerLimit = 1 << 20

  func receive() {
    if case .handshake = transport { guard shakeHands() else { return settle() } }
    while isReadable, wantsBytes {
      let scratch = reactor.scratch
      switch transport.receive(descriptor, into: scratch) {
      case .bytes(let count, let isDrained):
        // A short read has emptied the socket, unless the end of the stream is behind it (epoll(7)).
        if isDrained, !hungUp { isReadable = false }
        take(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
      case .blocked: isReadable = false
      case .end:
        isReadable = false
        end()
      case .failed: return close()
      }
    }
    settle()
  }

  /// Returns whether the handshake is complete.
  private func shakeHands() -> Bool {
    guard let isDone = transport.handshake() else {
      context.counters.malformed.add(1, ordering: .relaxed)
      close()
      return false
    }
    guard isDone, case .tls(let session) = transport else { return false }
    channel = SecureChannel(
      version: session.version, clientCertificateDER: session.peerCertificateDER,
      binding: session.exportedKeyingMaterial(label: "EXPORTER-Channel-Binding", context: [], count: 32) ?? [])
    return true
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    guard phase != .lingering else {
      discarded += bytes.count
      if discarded > Self.lingerLimit { close() }
      return
    }
    input.append(contentsOf: bytes)
    reading.extend(
      reactor.now, bytes: incoming == .complete ? 0 : bytes.count, rate: deadlines.minimumRate, deadlines.body)
    process()
  }

  /// The client will send no more. It may still read: what was asked is answered, but its task is cancelled, since most
  /// clients that end are gone.
  private func end() {
    sawEnd = true
    switch phase {
    case .head: output.count == 0 ? close() : closeAfterFlush()
    case .handling:
      failBody(.disconnected)
      task?.cancel()
    case .lingering: close()
    case .closed: break
    }
  }

  /// Goes as far as the received bytes allow.
  func process() {
    if phase == .head { readHead() }
    if phase == .handling, incoming != .complete { readBody() }
  }

  private func readHead() {
    guard inputStart < input.count, !isCongested, !closesAfterFlush else { return }
    if isIdle {
      isIdle = false
      reading.start(reactor.now, deadlines.header)
    }
    do {
      guard let (head, length) = try parseHead() else { return compactInput() }
      consume(length)
      scanner.reset()
      try begin(head)
    } catch {
      refuse(error)
    }
  }

  private func parseHead() throws(RequestRefusal) -> (RequestHead, Int)? {
    let bytes = input
    let available = bytes.span.extracting(inputStart..<bytes.count)
    guard let length = try scanner.scan(available) else { return nil }
    try scanner.check(length: length)
    return (try RequestHeadParser.parse(available.extracting(0..<length)), length)
  }

  private func begin(_ head: RequestHead) throws(RequestRefusal) {
    reading.stop()
    if case .only(let hosts) = context.configuration.hosts, case .tcp = peer, !hosts.contains(head.host) {
      throw RequestRefusal(421, "misdirected", "This server does not answer for the host \(head.host).")
    }
    requests += 1
    keepsAlive = head.keepsAlive && requests < limits.requestsPerConnection
    isCurrentVersion = head.isCurrentVersion
    isHeadRequest = head.method == "HEAD"
    isAnswered = false
    phase = .handling
    let body = beginBody(head)
    let request = HTTPRequest(head: head, body: body, peer: peer, channel: channel)
    context.counters.requests.add(1, ordering: .relaxed)
    answer(request)
  }

  private func beginBody(_ head: RequestHead) -> HTTPBody {
    switch head.framing {
    case .none:
      incoming = .complete
      return .empty
    case .length(let length) where length <= input.count - inputStart:
      incoming = .complete
      let bytes = Array(input[inputStart..<(inputStart + length)])
      consume(length)
      return HTTPBody(bytes: bytes, limit: limits.body)
    case .length(let length): incoming = .length(length)
    case .chunked:
      incoming = .chunked
      decoder = ChunkedDecoder()
    }
    let stream = RequestBodyStream(reactor: reactor, connection: self)
    body = stream
    owesContinue = head.expectsContinue
    var declared: Int?
    if case .length(let length) = head.framing { declared = length }
    return HTTPBody(source: stream, declaredLength: declared, limit: limits.body)
  }

  private func readBody() {
    guard inputStart < input.count else { return }
    owesContinue = false
    switch incoming {
    case .complete: return
    case .length(let remaining):
      let count = min(remaining, input.count - inputStart)
      let piece = Array(input[inputStart..<(inputStart + count)])
      consume(count)
      if count == remaining { incoming = .complete } else { incoming = .length(remaining - count) }
      deliver(piece)
    case .chunked:
      do { try readChunks() } catch { failBody(error) }
    }
    if incoming == .complete, bodyFailure == nil { finishBody() }
  }

  private func readChunks() throws(HTTPBodyError) {
    var piece: [UInt8] = []
    let used = try decodeChunks(into: &piece)
    consume(used)
    deliver(piece)
  }

  /// Returns how many bytes were used.
  private func decodeChunks(into piece: inout [UInt8]) throws(HTTPBodyError) -> Int {
    let bytes = input
    let available = bytes.span.extracting(inputStart..<bytes.count)
    var index = 0
    while true {
      switch try decoder.next(available, &index) {
      case .data(let range):
        available.extracting(range).withUnsafeBufferPointer { piece.append(contentsOf: $0) }
      case .needsMore: return index
      case .end:
        incoming = .complete
        return index
      }
    }
  }

  private func deliver(_ piece: [UInt8]) {
    if let body { return body.append(piece) }
    discarded += piece.count
    // Keep reading for the sake of the connection only so far.
    if discarded > Self.discardLimit, isAnswered, task == nil { abandonBody() }
  }

  private func finishBody() {
    reading.stop()
    body?.end()
    body = nil
    if isAnswered, task == nil { next() }
  }

  /// The body cannot be received to its end. The handler learns it when it reads on; the client gets the reason instead
  /// of the handler's answer, if that has not begun.
  func failBody(_ error: HTTPBodyError) {
    guard incoming != .complete else { return }
    incoming = .complete
    keepsAlive = false
    bodyFailure = error
    reading.stop()
    input = []
    inputStart = 0
    body?.fail(error)
    body = nil
    if isAnswered, task == nil { closeAfterFlush() }
  }

  /// The answer is complete and the client still sends.
  func abandonBody() {
    incoming = .complete
    keepsAlive = false
    closeAfterFlush()
  }

  /// The handler takes from its body.
  func bodyWanted() {
    if owesContinue, body?.isAwaited == true, !isAnswered {
      owesContinue = false
      output.append("HTTP/1.1 100 Continue\r\n\r\n")
      flushLater()
    }
    receive()
  }

  private func consume(_ count: Int) {
    inputStart += count
    guard inputStart == input.count else { return }
    inputStart = 0
    // An idle connection keeps little memory, a busy one its buffer.
    if input.capacity > 4 << 10 { input = [] } else { input.removeAll(keepingCapacity: true) }
  }

  /// Moves a head that is not complete to the front of the buffer.
  private func compactInput() {
    guard inputStart > 0 else { return }
    input.removeSubrange(..<inputStart)
    inputStart = 0
  }
}

extension HTTPRequest {
  init(head: RequestHead, body: HTTPBody, peer: Peer, channel: SecureChannel?) {
    self.channel = channel
    method = head.method
    target = head.target
    path = head.path
    rawQuery = head.query
    headers = head.headers
    self.body = body
    self.peer = peer
    parameters = PathParameters()
  }
}
