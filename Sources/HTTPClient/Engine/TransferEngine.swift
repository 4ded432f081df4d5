import CCurl
import Synchronization

/// A libcurl multi handle and the thread that drives it: the connections of one policy.
final class TransferEngine: Sendable {
  /// The caller's hold on a submitted job.
  final class Ticket: Sendable {
    fileprivate let isCancelled = Atomic(false)
  }

  private enum Command: Sendable {
    case start(TransferOrder, Ticket)
    case cancel(Ticket)
  }

  private struct State {
    var commands: [Command] = []
    /// No new jobs; the thread ends after the last one.
    var isRetired = false
    var isEnded = false
    var isBusy = false
  }

  private static let isLibraryReady = safebox_curl_start() == CURLE_OK

  // Only `curl_multi_wakeup` is called from other threads, under the lock and never after `isEnded`.
  private nonisolated(unsafe) let multi: UnsafeMutableRawPointer
  private let state = Mutex(State())

  /// `nil` if libcurl or the system refuses.
  init?(configuration: HTTPClient.Configuration) {
    guard Self.isLibraryReady, let multi = curl_multi_init() else { return nil }
    self.multi = multi
    _ = safebox_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maxConnectionsPerHost)
    _ = safebox_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, configuration.maxConnections)
    _ = safebox_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maxConnections)
    _ = safebox_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    guard DetachedThread.start({ self.run() }) else {
      curl_multi_cleanup(multi)
      return nil
    }
  }

  /// False if the engine takes no more jobs; then nothing happens. Otherwise the transfer that it
  /// begins, or its `refuse`, reports exactly once, on the engine's thread.
  func start(_ order: TransferOrder, ticket: Ticket) -> Bool {
    state.withLock { state in
      guard !state.isRetired else { return false }
      state.commands.append(.start(order, ticket))
      state.isBusy = true
      curl_multi_wakeup(multi)
      return true
    }
  }

  func cancel(_ ticket: Ticket) {
    // The flag first: cancellation may come before the job that it cancels.
    ticket.isCancelled.store(true, ordering: .sequentiallyConsistent)
    state.withLock { state in
      guard !state.isEnded else { return }
      state.commands.append(.cancel(ticket))
      curl_multi_wakeup(multi)
    }
  }

  /// Takes no more jobs, finishes those it has, closes its connections and ends its thread.
  func retire() {
    state.withLock { state in
      guard !state.isEnded else { return }
      state.isRetired = true
      curl_multi_wakeup(multi)
    }
  }

  /// Whether a job is running or waiting.
  var isBusy: Bool { state.withLock { $0.isBusy } }

  // MARK: The thread

  private struct Running {
    var transfers: [UnsafeMutableRawPointer: any RunningTransfer] = [:]
    var handles: [ObjectIdentifier: (ticket: Ticket, easy: UnsafeMutableRawPointer)] = [:]
    var tickets: [UnsafeMutableRawPointer: ObjectIdentifier] = [:]
    /// Handles to use again: making one costs more than a small request.
    var spare: [UnsafeMutableRawPointer] = []
  }

  private func run() {
    var running = Running()
    while true {
      for command in takeCommands() { perform(command, &running) }
      var active: Int32 = 0
      let code = curl_multi_perform(multi, &active)
      collectFinished(&running)
      if code != CURLM_OK { failAll(&running, .library(String(cString: curl_multi_strerror(code)))) }
      if shouldEnd(isIdle: running.transfers.isEmpty) { break }
      // A wake-up that came since the last poll is kept and makes this one return at once.
      curl_multi_poll(multi, nil, 0, 60_000, nil)
    }
    for easy in running.spare { curl_easy_cleanup(easy) }
    curl_multi_cleanup(multi)
  }

  private func takeCommands() -> [Command] {
    state.withLock { state in
      defer { state.commands = [] }
      return state.commands
    }
  }

  private func shouldEnd(isIdle: Bool) -> Bool {
    state.withLock { state in
      state.isBusy = !isIdle || !state.commands.isEmpty
      state.isEnded = state.isRetired && !state.isBusy
      return state.isEnded
    }
  }

  private func perform(_ command: Command, _ running: inout Running) {
    switch command {
    case .start(let order, let ticket): begin(order, ticket, &running)
    case .cancel(let ticket):
      guard let easy = running.handles[ObjectIdentifier(ticket)]?.easy, let transfer = running.transfers[easy] else {
        return
      }
      transfer.fail(.cancelled)
      remove(easy, &running)
    }
  }

  private func begin(_ order: TransferOrder, _ ticket: Ticket, _ running: inout Running) {
    guard !ticket.isCancelled.load(ordering: .sequentiallyConsistent) else { return order.refuse(.cancelled) }
    guard let easy = running.spare.popLast() ?? curl_easy_init() else { return order.refuse(.library("out of memory")) }
    let transfer = order.begin(easy)
    do {
      try transfer.configure()
    } catch {
      transfer.fail(error.kind)
      return recycle(easy, &running)
    }
    running.transfers[easy] = transfer
    running.handles[ObjectIdentifier(ticket)] = (ticket, easy)
    running.tickets[easy] = ObjectIdentifier(ticket)
    let code = curl_multi_add_handle(multi, easy)
    if code != CURLM_OK {
      transfer.fail(.library(String(cString: curl_multi_strerror(code))))
      remove(easy, &running)
    }
  }

  private func collectFinished(_ running: inout Running) {
    var code = CURLE_OK
    while let easy = safebox_curl_next_finished(multi, &code) {
      running.transfers[easy]?.finish(code)
      remove(easy, &running)
    }
  }

  private func failAll(_ running: inout Running, _ kind: HTTPClientError.Kind) {
    for (easy, transfer) in running.transfers {
      transfer.fail(kind)
      remove(easy, &running)
    }
  }

  private func remove(_ easy: UnsafeMutableRawPointer, _ running: inout Running) {
    curl_multi_remove_handle(multi, easy)
    if let ticket = running.tickets.removeValue(forKey: easy) { running.handles[ticket] = nil }
    recycle(easy, &running)
    // Last, as the handle's options point into it.
    running.transfers[easy] = nil
  }

  private func recycle(_ easy: UnsafeMutableRawPointer, _ running: inout Running) {
    guard running.spare.count < 64 else { return curl_easy_cleanup(easy) }
    curl_easy_reset(easy)
    running.spare.append(easy)
  }
}
