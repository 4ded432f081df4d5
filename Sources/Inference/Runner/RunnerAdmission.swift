import Synchronization

/// Places at runners: as many requests at once as a runner has slots, a bounded number that wait in order, and none beyond.
final class RunnerAdmission: Sendable {
  /// How full a runner is.
  enum Capacity: String, Sendable, Hashable {
    case available
    /// 70 % of the places are taken.
    case nearSaturated = "near-saturated"
    /// 90 % of the places are taken.
    case saturated
  }

  /// A place, held until it is given back.
  struct Place: Sendable {
    let runner: String
    let waited: Duration
  }

  private struct Waiter {
    let number: UInt64
    let width: Int
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct Runner {
    var width: Int
    var busy = 0
    var waiting: [Waiter] = []
  }

  private struct State {
    var runners: [String: Runner] = [:]
    var numbers: UInt64 = 0
    /// Those who were sent to the line and are not in it yet. Who leaves before is struck out here.
    var underway: Set<UInt64> = []
    /// Runners that take nobody until they are back.
    var held: Set<String> = []
    /// Who waits for a held runner to be empty.
    var emptied: [String: [CheckedContinuation<Void, Never>]] = [:]
  }

  private let queueLength: Int
  private let queueWait: Duration
  private let state = Mutex(State())

  init(queueLength: Int, queueWait: Duration) {
    self.queueLength = queueLength
    self.queueWait = queueWait
  }

  /// A place at the runner, at once or after those who came before.
  ///
  /// - Throws: `overloaded` when the line is full or the wait too long, `cancelled` when the task is.
  func enter(_ endpoint: RunnerEndpoint) async throws(InferenceFault) -> Place {
    let start = ContinuousClock.now
    let key = endpoint.socket
    enum Answer {
      case taken, full
      case wait(UInt64)
    }
    let answer = state.withLock { state -> Answer in
      var runner = state.runners[key] ?? Runner(width: endpoint.width)
      runner.width = endpoint.width
      defer { state.runners[key] = runner }
      if runner.busy < runner.width, runner.waiting.isEmpty, !state.held.contains(key) {
        runner.busy += 1
        return .taken
      }
      guard runner.waiting.count < queueLength else { return .full }
      state.numbers += 1
      state.underway.insert(state.numbers)
      return .wait(state.numbers)
    }
    switch answer {
    case .taken: return Place(runner: key, waited: .zero)
    case .full: throw .overloaded(retryAfter: 1)
    case .wait(let number):
      let timer = Task { [queueWait] in
        try await Task.sleep(for: queueWait)
        self.abandon(number, at: key)
      }
      defer { timer.cancel() }
      let isIn = await withTaskCancellationHandler {
        await withCheckedContinuation {
          line(up: Waiter(number: number, width: endpoint.width, continuation: $0), at: key)
        }
      } onCancel: {
        abandon(number, at: key)
      }
      guard isIn else { throw Task.isCancelled ? .cancelled : .overloaded(retryAfter: 2) }
      return Place(runner: key, waited: start.duration(to: .now))
    }
  }

  /// Gives a place back: the first in line has it. Once per place.
  func leave(_ place: Place) {
    let (next, emptied) = state.withLock { state -> (Waiter?, [CheckedContinuation<Void, Never>]) in
      guard var runner = state.runners[place.runner] else { return (nil, []) }
      defer { state.runners[place.runner] = runner.busy == 0 && runner.waiting.isEmpty ? nil : runner }
      if !runner.waiting.isEmpty, runner.busy <= runner.width, !state.held.contains(place.runner) {
        return (runner.waiting.removeFirst(), [])
      }
      runner.busy -= 1
      return (nil, runner.busy == 0 ? state.emptied.removeValue(forKey: place.runner) ?? [] : [])
    }
    next?.continuation.resume(returning: true)
    for continuation in emptied { continuation.resume() }
  }

  /// Lets nobody in any more and waits until those inside have left; who comes meanwhile waits in line.
  func hold(_ endpoint: RunnerEndpoint) async {
    let key = endpoint.socket
    _ = state.withLock { $0.held.insert(key) }
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if state.runners[key]?.busy ?? 0 == 0 { return true }
        state.emptied[key, default: []].append(continuation)
        return false
      }
      if isEmpty { continuation.resume() }
    }
  }

  /// Lets in again, first those in line.
  func release(_ endpoint: RunnerEndpoint) {
    let key = endpoint.socket
    let next = state.withLock { state -> [Waiter] in
      guard state.held.remove(key) != nil, var runner = state.runners[key] else { return [] }
      defer { state.runners[key] = runner }
      let places = max(0, min(runner.width - runner.busy, runner.waiting.count))
      let next = Array(runner.waiting.prefix(places))
      runner.waiting.removeFirst(places)
      runner.busy += places
      return next
    }
    for waiter in next { waiter.continuation.resume(returning: true) }
  }

  /// How full the runner is now.
  func capacity(_ endpoint: RunnerEndpoint) -> Capacity {
    let busy = state.withLock { state in
      state.runners[endpoint.socket].map { $0.busy + $0.waiting.count } ?? 0
    }
    let share = Double(busy) / Double(endpoint.width)
    return share >= 0.9 ? .saturated : share >= 0.7 ? .nearSaturated : .available
  }

  /// Requests that wait for the runner.
  func waiting(at endpoint: RunnerEndpoint) -> Int {
    state.withLock { $0.runners[endpoint.socket]?.waiting.count ?? 0 }
  }

  private func line(up waiter: Waiter, at key: String) {
    let answer = state.withLock { state -> Bool? in
      guard state.underway.remove(waiter.number) != nil else { return false }
      var runner = state.runners[key] ?? Runner(width: waiter.width)
      defer { state.runners[key] = runner }
      // A place may have come free between asking and lining up.
      if runner.busy < runner.width, runner.waiting.isEmpty, !state.held.contains(key) {
        runner.busy += 1
        return true
      }
      runner.waiting.append(waiter)
      return nil
    }
    if let answer { waiter.continuation.resume(returning: answer) }
  }

  private func abandon(_ number: UInt64, at key: String) {
    let waiter = state.withLock { state -> Waiter? in
      guard state.underway.remove(number) == nil,
        let index = state.runners[key]?.waiting.firstIndex(where: { $0.number == number })
      else { return nil }
      return state.runners[key]?.waiting.remove(at: index)
    }
    waiter?.continuation.resume(returning: false)
  }
}
