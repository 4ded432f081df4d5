import Synchronization

@testable import Acquisition

/// A clock that stands still until it is told. Pauses before another attempt pass at once; whoever else sleeps wakes when the
/// time has been moved that far.
final class ManualClock: Sendable {
  private struct Sleeper {
    var until: Duration
    var length: Duration
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now = Duration.seconds(1000)
    var nextID = 0
    var sleepers: [Int: Sleeper] = [:]
    var cancelled: Set<Int> = []
    var watchers: [(length: Duration, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())
  /// Sleeps of these lengths end at once.
  private let instant: Set<Duration>

  init(instant: Set<Duration> = []) { self.instant = instant }

  var clock: AcquisitionClock {
    AcquisitionClock(
      now: { self.state.withLock { $0.now } }, sleep: { try await self.sleep($0) }, unixMilliseconds: { 0 })
  }

  /// Moves the time and wakes who is due.
  func advance(by duration: Duration) {
    let due = state.withLock { state in
      state.now += duration
      let ids = state.sleepers.filter { $0.value.until <= state.now }.keys
      return ids.compactMap { state.sleepers.removeValue(forKey: $0) }
    }
    for sleeper in due { sleeper.continuation.resume() }
  }

  /// Returns when somebody sleeps for that long.
  func sleeper(for length: Duration) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.sleepers.values.contains(where: { $0.length == length }) { return true }
        state.watchers.append((length, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  private func sleep(_ length: Duration) async throws {
    guard !instant.contains(length) else { return try Task.checkCancellation() }
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let (isCancelled, watchers) = state.withLock { state in
          guard state.cancelled.remove(id) == nil else { return (true, state.watchers.prefix(0).map(\.continuation)) }
          state.sleepers[id] = Sleeper(until: state.now + length, length: length, continuation: continuation)
          let watchers = state.watchers.filter { $0.length == length }.map(\.continuation)
          state.watchers.removeAll { $0.length == length }
          return (false, watchers)
        }
        for watcher in watchers { watcher.resume() }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
      }
    } onCancel: {
      let sleeper = state.withLock { state in
        guard let sleeper = state.sleepers.removeValue(forKey: id) else {
          state.cancelled.insert(id)
          return Sleeper?.none
        }
        return sleeper
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }
}
