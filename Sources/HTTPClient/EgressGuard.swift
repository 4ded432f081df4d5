/// Decides before a connection is made whether a URL may be asked, and for which addresses.
enum EgressGuard {
  /// The checked addresses to which the connection is bound; empty for literals and Unix sockets, which need no name
  /// lookup. If one answer of several is refused, the request is: a public and a private answer together are how DNS
  /// rebinding looks.
  static func addresses(
    for url: HTTPURL, request: HTTPClientRequest, policy: EgressPolicy, resolver: any NameResolver,
    deadline: ContinuousClock.Instant
  ) async throws(HTTPClientErrorKind) -> [IPAddress] {
    if let path = request.unixSocketPath {
      guard policy.unixSockets.contains(path) else { throw HTTPClientErrorKind(.unixSocketRefused(path)) }
      return []
    }
    guard url.scheme == .https || policy.permitsPlainHTTP else {
      throw HTTPClientErrorKind(.plainHTTPRefused(url.authority))
    }
    return try await addresses(
      of: url.host, literal: url.literal, port: url.port, policy: policy, resolver: resolver, deadline: deadline)
  }

  /// The same for any host and port.
  static func addresses(
    of host: String, literal: IPAddress?, port: UInt16, policy: EgressPolicy, resolver: any NameResolver,
    deadline: ContinuousClock.Instant
  ) async throws(HTTPClientErrorKind) -> [IPAddress] {
    if let literal {
      try check([literal], host, port, policy)
      return []
    }
    let answers = try await lookUp(host, resolver, deadline)
    try check(answers, host, port, policy)
    return Array(answers.prefix(maxAddresses))
  }

  private static let maxAddresses = 16

  private static func check(
    _ addresses: [IPAddress], _ host: String, _ port: UInt16, _ policy: EgressPolicy
  ) throws(HTTPClientErrorKind) {
    for address in addresses {
      if let refusal = policy.refusal(of: address, host: host, port: port) {
        throw HTTPClientErrorKind(.addressRefused(refusal))
      }
    }
  }

  private static func lookUp(
    _ host: String, _ resolver: any NameResolver, _ deadline: ContinuousClock.Instant
  ) async throws(HTTPClientErrorKind) -> [IPAddress] {
    typealias Answer = Result<[IPAddress], NameResolutionFailure>
    let first = await withTaskGroup(of: Answer?.self) { group in
      group.addTask {
        do throws(NameResolutionFailure) {
          return .success(try await resolver.addresses(of: host))
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        try? await Task.sleep(until: deadline, clock: .continuous)
        return nil
      }
      let first = await group.next()
      group.cancelAll()
      return first.flatMap { $0 }
    }
    // Cancellation wakes both; it is neither a failed lookup nor a missed deadline.
    guard !Task.isCancelled else { throw HTTPClientErrorKind(.cancelled) }
    switch first {
    case .success(let addresses):
      guard !addresses.isEmpty else {
        throw HTTPClientErrorKind(.nameNotResolved(host: host, reason: "no address"))
      }
      return addresses
    case .failure(let failure):
      throw HTTPClientErrorKind(.nameNotResolved(host: host, reason: failure.reason))
    case nil: throw HTTPClientErrorKind(.deadlineExceeded(.nameLookup))
    }
  }
}
