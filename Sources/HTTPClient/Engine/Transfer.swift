import CCurl
import Glibc

/// One exchange with one peer: checked, resolved, without redirects.
struct TransferJob: Sendable {
  var url: HTTPURL
  var request: HTTPClientRequest
  /// Checked against the policy; empty for address literals and Unix sockets.
  var addresses: [IPAddress]
  var policy: EgressPolicy
  var configuration: HTTPClient.Configuration
  var deadline: ContinuousClock.Instant
  /// False on the way through redirects: then a redirect's body is dropped.
  var isRedirectFinal: Bool
  var sink: HTTPClientSink?
}

/// The running exchange. Used on the engine's thread only; libcurl's callbacks find it through their context pointer.
final class Transfer: RunningTransfer {
  typealias Completion = @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void

  let easy: UnsafeMutableRawPointer
  private let job: TransferJob
  private let complete: Completion
  private var head: ResponseHead
  private var body: [UInt8] = []
  private var received = 0
  private var isBodyDropped = false
  // What one of our callbacks objected to; libcurl only knows that a callback failed.
  private var objection: HTTPClientError.Kind?
  private let errorText = TransferErrorText()
  private let lists = OptionLists()

  init(easy: UnsafeMutableRawPointer, job: TransferJob, complete: @escaping Completion) {
    self.easy = easy
    self.job = job
    self.complete = complete
    head = ResponseHead(limit: job.configuration.maxResponseHeaderBytes)
  }

  /// Puts every option on the handle. What is not set here stays at libcurl's default, so the dangerous defaults are
  /// named one by one.
  func configure() throws(HTTPClientErrorKind) {
    let left = ContinuousClock.now.duration(to: job.deadline).wholeMilliseconds
    guard left > 0 else { throw HTTPClientErrorKind(.deadlineExceeded(.connecting)) }
    let configuration = job.configuration
    let context = Unmanaged.passUnretained(self).toOpaque()
    var options = OptionWriter(easy)
    options.set(safebox_curl_set_error_buffer(easy, errorText.buffer))
    options.long(CURLOPT_NOSIGNAL, 1)

    options.string(CURLOPT_URL, job.url.description)
    options.long(CURLOPT_PATH_AS_IS, 1)
    options.string(CURLOPT_PROTOCOLS_STR, job.url.scheme.rawValue)
    options.string(CURLOPT_REDIR_PROTOCOLS_STR, "https")
    options.long(CURLOPT_FOLLOWLOCATION, 0)
    options.long(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    // An empty string is "no proxy"; without it http_proxy in the environment would decide where requests go.
    options.string(CURLOPT_PROXY, "")
    options.long(CURLOPT_NETRC, 0)
    options.long(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    options.long(CURLOPT_HTTP09_ALLOWED, 0)

    guard !configuration.trustsPinnedKeyAlone || configuration.pinnedPublicKey != nil else {
      throw HTTPClientErrorKind(.library("no key is pinned, and nothing else would say who the peer is"))
    }
    options.long(CURLOPT_SSL_VERIFYPEER, configuration.trustsPinnedKeyAlone ? 0 : 1)
    options.long(CURLOPT_SSL_VERIFYHOST, configuration.trustsPinnedKeyAlone ? 0 : 2)
    if let identity = configuration.identity {
      options.blob(CURLOPT_SSLCERT_BLOB, identity.certificateChainPEM)
      options.blob(CURLOPT_SSLKEY_BLOB, identity.privateKeyPEM)
    }
    options.long(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let file = configuration.trustedCertificates { options.string(CURLOPT_CAINFO, file) }
    if let pin = configuration.pinnedPublicKey { options.string(CURLOPT_PINNEDPUBLICKEY, pin) }

    options.long(CURLOPT_TIMEOUT_MS, left)
    options.long(CURLOPT_CONNECTTIMEOUT_MS, min(left, max(1, configuration.connectDeadline.wholeMilliseconds)))
    options.long(CURLOPT_LOW_SPEED_LIMIT, configuration.lowSpeed.bytesPerSecond)
    options.long(CURLOPT_LOW_SPEED_TIME, configuration.lowSpeed.seconds)
    options.long(CURLOPT_BUFFERSIZE, job.sink == nil ? 64 << 10 : 512 << 10)
    options.long(CURLOPT_TCP_KEEPALIVE, 1)
    if !job.request.mayRepeat { options.long(CURLOPT_FRESH_CONNECT, 1) }

    options.set(safebox_curl_set_header_callback(easy, Self.headerCallback, context))
    options.set(safebox_curl_set_write_callback(easy, Self.writeCallback, context))
    options.set(safebox_curl_set_socket_callback(easy, Self.socketCallback, context))
    if let path = job.request.unixSocketPath {
      options.string(CURLOPT_UNIX_SOCKET_PATH, path)
    } else if !job.addresses.isEmpty {
      let pin = Self.pin(host: job.url.host, port: job.url.port, addresses: job.addresses)
      options.list(CURLOPT_RESOLVE, lists.keep([pin]))
    }
    configureMessage(&options)
    guard options.result == CURLE_OK else {
      throw HTTPClientErrorKind(.library(String(cString: curl_easy_strerror(options.result))))
    }
  }

  private func configureMessage(_ options: inout OptionWriter) {
    let request = job.request
    switch request.method {
    case "HEAD": options.long(CURLOPT_NOBODY, 1)
    case "GET" where request.body.isEmpty: options.long(CURLOPT_HTTPGET, 1)
    case "POST", "PUT", "PATCH",
      _ where !request.body.isEmpty:
      options.long(CURLOPT_POST, 1)
      options.set(request.body.withUnsafeBytes { safebox_curl_set_body(easy, $0.baseAddress, $0.count) })
      options.string(CURLOPT_CUSTOMREQUEST, request.method)
    default:
      options.long(CURLOPT_HTTPGET, 1)
      options.string(CURLOPT_CUSTOMREQUEST, request.method)
    }
    // "Name:" keeps libcurl from adding its own field, "Name;" sends one with an empty value.
    var lines = request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
    for name in ["Accept", "Content-Type", "Expect"] where !request.headers.contains(where: { $0.isNamed(name) }) {
      lines.append("\(name):")
    }
    options.list(CURLOPT_HTTPHEADER, lists.keep(lines))
    if !request.headers.contains(where: { $0.isNamed("User-Agent") }) {
      options.string(CURLOPT_USERAGENT, job.configuration.userAgent)
    }
  }

  // "+" gives the entry the ordinary life time in libcurl's cache instead of an endless one.
  static func pin(host: String, port: UInt16, addresses: [IPAddress]) -> String {
    let addresses = addresses.map { $0.isIPv4 ? $0.description : "[\($0)]" }.joined(separator: ",")
    return "+\(host):\(port):\(addresses)"
  }

  // MARK: Callbacks

  private static func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  private static let headerCallback: safebox_curl_bytes_callback = { bytes, size, count, context in
    Transfer.transfer(context)?.accept(header: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
  }

  private static let writeCallback: safebox_curl_bytes_callback = { bytes, size, count, context in
    Transfer.transfer(context)?.accept(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
  }

  private static let socketCallback: safebox_curl_socket_callback = { context, _, address in
    guard let transfer = Transfer.transfer(context), let address else { return safebox_curl_socket_refused() }
    return transfer.openSocket(address)
  }

  private func openSocket(_ place: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    if place.pointee.family == AF_UNIX {
      guard let path = job.request.unixSocketPath, job.policy.unixSockets.contains(path) else {
        objection = .unixSocketRefused(job.request.unixSocketPath ?? "")
        return safebox_curl_socket_refused()
      }
      return SocketGate.socket(of: place)
    }
    guard job.request.unixSocketPath == nil else { return safebox_curl_socket_refused() }
    switch SocketGate.open(place, host: job.url.host, port: job.url.port, policy: job.policy) {
    case .success(let socket): return socket
    case .failure(let refusal):
      objection = refusal.kind
      return safebox_curl_socket_refused()
    }
  }

  private func accept(header line: UnsafeRawBufferPointer) -> Int {
    let wasComplete = head.isComplete
    do {
      try head.add(line: line)
    } catch {
      objection = error.kind
      return 0
    }
    if head.isComplete, !wasComplete { return beginBody() ? line.count : 0 }
    return line.count
  }

  private func beginBody() -> Bool {
    isBodyDropped = !job.isRedirectFinal && RedirectRules.isRedirect(head.status)
    if let length = head.contentLength, job.request.method != "HEAD", head.status != 304 {
      guard length <= job.request.maxResponseBytes else {
        objection = .responseTooLarge(limit: job.request.maxResponseBytes)
        return false
      }
      // A lying length costs at most this much memory.
      if job.sink == nil, !isBodyDropped { body.reserveCapacity(min(length, 1 << 20)) }
    }
    guard let sink = job.sink, !isBodyDropped else { return true }
    do {
      try sink.head(head.status, head.headers)
      return true
    } catch {
      objection = .sink("\(error)")
      return false
    }
  }

  private func accept(body bytes: UnsafeRawBufferPointer) -> Int {
    received += bytes.count
    guard received <= job.request.maxResponseBytes else {
      objection = .responseTooLarge(limit: job.request.maxResponseBytes)
      return 0
    }
    if isBodyDropped { return bytes.count }
    guard let sink = job.sink else {
      body.append(contentsOf: bytes)
      return bytes.count
    }
    do {
      try sink.bytes(bytes)
      return bytes.count
    } catch {
      objection = .sink("\(error)")
      return 0
    }
  }

  // MARK: The end

  /// Reports the result. Call before the handle is reset.
  func finish(_ code: CURLcode) {
    if objection == nil, code == CURLE_OK, head.isComplete {
      complete(
        .success(
          HTTPClientResponse(
            status: head.status, headers: head.headers, body: body, finalURL: job.url.description,
            remoteAddress: remoteAddress)))
    } else {
      fail(
        objection
          ?? TransferFailure.kind(
            of: code, text: errorText.text, place: job.request.unixSocketPath ?? job.url.authority, host: job.url.host,
            wasSent: wasSent))
    }
  }

  func fail(_ kind: HTTPClientError.Kind) {
    complete(.failure(HTTPClientError(kind, mayHaveBeenSent: wasSent)))
  }

  private var wasSent: Bool { safebox_curl_get_long(easy, CURLINFO_REQUEST_SIZE) > 0 }

  private var remoteAddress: String {
    if let path = job.request.unixSocketPath { return "unix:\(path)" }
    guard let text = safebox_curl_get_string(easy, CURLINFO_PRIMARY_IP) else { return "" }
    let address = String(cString: text)
    let port = safebox_curl_get_long(easy, CURLINFO_PRIMARY_PORT)
    return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
  }
}
