import Glibc
import Synchronization

/// Finds the addresses of a host name. Every address returned is checked against the policy, and the connection is bound
/// to those addresses: a second lookup with another answer (DNS rebinding) cannot happen.
public protocol NameResolver: Sendable {
  /// All addresses, at least one. Must return promptly when the task is cancelled.
  func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress]
}

/// A name without a usable answer.
public struct NameResolutionFailure: Error, Sendable, Hashable {
  public let reason: String
  public init(reason: String) { self.reason = reason }
}

/// The machine's own resolver (`getaddrinfo`, so /etc/hosts and nsswitch apply). It blocks, so lookups run on threads
/// that exist only while there is work.
public final class SystemResolver: NameResolver {
  private struct State {
    var queue: [Lookup] = []
    var threads = 0
  }

  private static let maxThreads = 16
  private static let maxQueued = 4096
  private let state = Mutex(State())

  public init() {}

  public func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress] {
    let lookup = Lookup(host: host)
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if lookup.begin(continuation) { submit(lookup) }
      }
    } onCancel: {
      lookup.finish(.failure(NameResolutionFailure(reason: "the lookup was cancelled")))
    }
    return try result.get()
  }

  private func submit(_ lookup: Lookup) {
    enum Next { case refuse, startThread, wait }
    let next = state.withLock { state -> Next in
      guard state.queue.count < Self.maxQueued else { return .refuse }
      state.queue.append(lookup)
      guard state.threads < Self.maxThreads else { return .wait }
      state.threads += 1
      return .startThread
    }
    switch next {
    case .refuse: lookup.finish(.failure(NameResolutionFailure(reason: "too many lookups are waiting")))
    case .wait: break
    case .startThread:
      if !DetachedThread.start({ self.work() }) {
        let abandoned = state.withLock { state in
          state.threads -= 1
          defer { if state.threads == 0 { state.queue = [] } }
          return state.threads == 0 ? state.queue : []
        }
        for lookup in abandoned { lookup.finish(.failure(NameResolutionFailure(reason: "no thread for the lookup"))) }
      }
    }
  }

  private func work() {
    while true {
      let next = state.withLock { state -> Lookup? in
        if state.queue.isEmpty {
          state.threads -= 1
          return nil
        }
        return state.queue.removeFirst()
      }
      guard let next else { return }
      if !next.isFinished { next.finish(Self.lookUp(next.host)) }
    }
  }

  private static func lookUp(_ host: String) -> Result<[IPAddress], NameResolutionFailure> {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else {
      return .failure(NameResolutionFailure(reason: String(cString: gai_strerror(code))))
    }
    defer { freeaddrinfo(list) }
    var addresses: [IPAddress] = []
    var entry = list
    while let current = entry?.pointee {
      if let address = current.ai_addr.flatMap({
        IPAddress(socketAddress: UnsafeRawBufferPointer(start: $0, count: Int(current.ai_addrlen)))
      }), !addresses.contains(address) {
        addresses.append(address)
      }
      entry = current.ai_next
    }
    return addresses.isEmpty ? .failure(NameResolutionFailure(reason: "no address")) : .success(addresses)
  }
}

/// One lookup: finished exactly once, by its thread or by cancellation, whichever is first.
private final class Lookup: Sendable {
  typealias Answer = Result<[IPAddress], NameResolutionFailure>
  private enum State {
    case new
    case waiting(CheckedContinuation<Answer, Never>)
    case finished(Answer)
  }

  let host: String
  private let state = Mutex(State.new)

  init(host: String) { self.host = host }

  var isFinished: Bool {
    state.withLock { if case .finished = $0 { true } else { false } }
  }

  /// False if it was cancelled before it began.
  func begin(_ continuation: CheckedContinuation<Answer, Never>) -> Bool {
    let early = state.withLock { state -> Answer? in
      if case .finished(let answer) = state { return answer }
      state = .waiting(continuation)
      return nil
    }
    guard let early else { return true }
    continuation.resume(returning: early)
    return false
  }

  func finish(_ answer: Answer) {
    let continuation = state.withLock { state -> CheckedContinuation<Answer, Never>? in
      switch state {
      case .new:
        state = .finished(answer)
        return nil
      case .waiting(let continuation):
        state = .finished(answer)
        return continuation
      case .finished: return nil
      }
    }
    continuation?.resume(returning: answer)
  }
}
