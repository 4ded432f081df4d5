import Synchronization

/// Sends HTTP requests and mail to where a policy permits. libcurl does the protocol on one thread per policy in use; every
/// decision about where to connect is taken here.
public final class HTTPClient: Sendable {
  public struct Configuration: Sendable {
    public struct LowSpeed: Sendable, Hashable {
      /// Slower than this on average over the period ends the transfer; waiting for the first byte counts.
      public var bytesPerSecond: Int
      public var seconds: Int
      public init(bytesPerSecond: Int, seconds: Int) {
        self.bytesPerSecond = bytesPerSecond
        self.seconds = seconds
      }
    }

    /// Time for TCP and TLS together.
    public var connectDeadline: Duration = .seconds(10)
    public var lowSpeed = LowSpeed(bytesPerSecond: 1, seconds: 60)
    /// All header lines of a response together, in bytes.
    public var maxResponseHeaderBytes = 65_536
    public var maxConnectionsPerHost = 64
    public var maxConnections = 256
    public var userAgent = "safebox"
    /// PEM file of the only certificate authorities to trust; `nil` for the system's.
    public var trustedCertificates: String?
    /// `sha256//` and base64 of the SHA-256 of the peer's public key (several with `;`), checked beside the certificate.
    public var pinnedPublicKey: String?
    /// Whether that key alone says who the peer is: its certificate's issuer, name and dates are not looked at. For peers
    /// that certify themselves; refused without ``pinnedPublicKey``.
    public var trustsPinnedKeyAlone = false
    /// What the client shows to servers that ask (mutual TLS).
    public var identity: Identity?
    public var resolver: any NameResolver = SystemResolver()

    public init() {}
  }

  /// A certificate and its key.
  public struct Identity: Sendable {
    /// The client's certificate, then its issuers.
    public var certificateChainPEM: String
    /// The unencrypted key of the first certificate.
    public var privateKeyPEM: String

    public init(certificateChainPEM: String, privateKeyPEM: String) {
      self.certificateChainPEM = certificateChainPEM
      self.privateKeyPEM = privateKeyPEM
    }
  }

  private struct Pool {
    var engine: TransferEngine
    var lastUse: UInt64
  }

  private struct State {
    var pools: [EgressPolicy: Pool] = [:]
    var uses: UInt64 = 0
    var isStopped = false
  }

  /// Policies with open connections; beyond this the one idle longest loses its.
  static let maxPools = 32

  let configuration: Configuration
  private let state = Mutex(State())

  public init(_ configuration: Configuration = Configuration()) {
    self.configuration = configuration
  }

  deinit { shutDown() }

  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Takes no more requests and closes idle connections; running requests finish.
  public func shutDown() {
    let pools = state.withLock { state in
      state.isStopped = true
      defer { state.pools = [:] }
      return state.pools
    }
    for pool in pools.values { pool.engine.retire() }
  }

  /// Sends a request and waits for the whole response.
  public func send(
    _ request: HTTPClientRequest, policy: EgressPolicy
  ) async throws(HTTPClientError) -> HTTPClientResponse {
    try await exchange(request, policy: policy, sink: nil)
  }

  /// Sends a request and hands the body to `sink` while it arrives; the response returned has no body. Redirects on the
  /// way do not reach the sink.
  public func stream(
    _ request: HTTPClientRequest, policy: EgressPolicy, into sink: HTTPClientSink
  ) async throws(HTTPClientError) -> HTTPClientResponse {
    try await exchange(request, policy: policy, sink: sink)
  }

  private func exchange(
    _ request: HTTPClientRequest, policy: EgressPolicy, sink: HTTPClientSink?
  ) async throws(HTTPClientError) -> HTTPClientResponse {
    let deadline = ContinuousClock.now.advanced(by: request.deadline)
    do {
      try request.check()
    } catch {
      throw HTTPClientError(.request(error), mayHaveBeenSent: false)
    }
    var request = request
    var url = try parse(request.url)
    var followed = 0
    while true {
      let addresses: [IPAddress]
      do {
        addresses = try await EgressGuard.addresses(
          for: url, request: request, policy: policy, resolver: configuration.resolver, deadline: deadline)
      } catch {
        throw HTTPClientError(error.kind, mayHaveBeenSent: followed > 0)
      }
      let job = TransferJob(
        url: url, request: request, addresses: addresses, policy: policy, configuration: configuration,
        deadline: deadline, isRedirectFinal: request.followRedirects == 0, sink: sink)
      let response: HTTPClientResponse
      do {
        response = try await run(job)
      } catch {
        throw HTTPClientError(error.kind, mayHaveBeenSent: error.mayHaveBeenSent || followed > 0)
      }
      guard request.followRedirects > 0, RedirectRules.isRedirect(response.status) else { return response }
      guard followed < request.followRedirects else {
        throw HTTPClientError(.tooManyRedirects(limit: request.followRedirects), mayHaveBeenSent: true)
      }
      do {
        (url, request) = try RedirectRules.next(after: response, from: url, request)
      } catch {
        throw HTTPClientError(error.kind, mayHaveBeenSent: true)
      }
      followed += 1
    }
  }

  private func parse(_ text: String) throws(HTTPClientError) -> HTTPURL {
    do {
      return try HTTPURL(text)
    } catch {
      throw HTTPClientError(.url(text, error), mayHaveBeenSent: false)
    }
  }

  private func run(_ job: TransferJob) async throws(HTTPClientError) -> HTTPClientResponse {
    // An engine can retire between being chosen and being used; the next choice is then a new one.
    for _ in 0..<8 {
      let engine = try engine(for: job.policy)
      let ticket = TransferEngine.Ticket()
      let result: Result<HTTPClientResponse, HTTPClientError>? = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isTaken = engine.start(TransferOrder(job) { continuation.resume(returning: $0) }, ticket: ticket)
          if !isTaken { continuation.resume(returning: nil) }
        }
      } onCancel: {
        engine.cancel(ticket)
      }
      if let result { return try result.get() }
    }
    throw HTTPClientError(.clientStopped, mayHaveBeenSent: false)
  }

  private func engine(for policy: EgressPolicy) throws(HTTPClientError) -> TransferEngine {
    let (engine, evicted) = state.withLock { state -> (TransferEngine?, TransferEngine?) in
      guard !state.isStopped else { return (nil, nil) }
      state.uses += 1
      if let pool = state.pools[policy] {
        state.pools[policy]?.lastUse = state.uses
        return (pool.engine, nil)
      }
      guard let engine = TransferEngine(configuration: configuration) else { return (nil, nil) }
      var evicted: TransferEngine?
      if state.pools.count >= Self.maxPools,
        let victim = Self.leastMissed(of: state.pools)
      {
        evicted = state.pools.removeValue(forKey: victim)?.engine
      }
      state.pools[policy] = Pool(engine: engine, lastUse: state.uses)
      return (engine, evicted)
    }
    evicted?.retire()
    guard let engine else { throw HTTPClientError(.clientStopped, mayHaveBeenSent: false) }
    return engine
  }

  // Idle pools before busy ones, then the one used longest ago.
  private static func leastMissed(of pools: [EgressPolicy: Pool]) -> EgressPolicy? {
    func rank(_ pool: Pool) -> (Int, UInt64) { (pool.engine.isBusy ? 1 : 0, pool.lastUse) }
    return pools.min { rank($0.value) < rank($1.value) }?.key
  }
}
