import Synchronization

/// What one request holds while it is answered: its place at the runner, its slot, its share of the client's budget. All of
/// it is given back, and the usage told, exactly once, whether the answer was read to its end or the session forgotten.
final class InferenceSession: Sendable {
  /// The parts of the gateway that are told.
  struct Services: Sendable {
    var ledger: ClientLedger
    var admission: RunnerAdmission
    var cache: PromptCache
    var meter: @Sendable (InferenceUsage) -> Void
  }

  private struct State {
    var isOver = false
    var pieces: Int64 = 0
    var counts: TokenCounts?
  }

  let endpoint: RunnerEndpoint
  let place: RunnerAdmission.Place
  let lease: PromptCache.Lease?
  private let services: Services
  private let reservation: ClientLedger.Reservation
  private let usage: InferenceUsage
  private let estimatedPrompt: Int64
  /// The most tokens that each answer may have; nil where nobody named a number.
  let outputLimit: Int64?
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(
    _ services: Services, endpoint: RunnerEndpoint, reservation: ClientLedger.Reservation,
    place: RunnerAdmission.Place, lease: PromptCache.Lease?, usage: InferenceUsage, estimatedPrompt: Int64,
    choices: Int64
  ) {
    self.services = services
    self.endpoint = endpoint
    self.reservation = reservation
    self.place = place
    self.lease = lease
    self.usage = usage
    self.estimatedPrompt = estimatedPrompt
    outputLimit = reservation.outputLimit.map { max(1, $0 / max(1, choices)) }
  }

  deinit {
    // A response that the server never began to send, because its client was gone.
    guard let end = over() else { return }
    let finished = Self.usage(usage, end, start: start, place: place, estimatedPrompt: estimatedPrompt, status: 499)
    let (services, reservation, place, lease) = (services, reservation, place, lease)
    Task {
      if let lease { await services.cache.abandon(lease) }
      services.admission.leave(place)
      services.ledger.release(reservation)
      services.meter(finished)
    }
  }

  /// Notes a piece of the answer, for the case that the runner does not get to count.
  func note(pieces: Int64 = 1) { state.withLock { $0.pieces += pieces } }

  /// Notes the runner's count.
  func note(_ counts: TokenCounts) { state.withLock { $0.counts = counts } }

  /// Ends it. `counts` settles the prompt cache; without it the lease is only given back.
  @discardableResult
  func finish(status: Int) async -> InferenceUsage? {
    guard let end = over() else { return nil }
    var finished = Self.usage(
      usage, end, start: start, place: place, estimatedPrompt: estimatedPrompt, status: status)
    if let lease {
      if status == 200, let counts = end.counts {
        finished.cache = await services.cache.settle(lease, counts)
      } else {
        await services.cache.abandon(lease)
      }
    }
    services.admission.leave(place)
    services.ledger.release(reservation)
    services.meter(finished)
    return finished
  }

  private func over() -> State? {
    state.withLock { state in
      guard !state.isOver else { return nil }
      state.isOver = true
      return state
    }
  }

  private static func usage(
    _ usage: InferenceUsage, _ end: State, start: ContinuousClock.Instant, place: RunnerAdmission.Place,
    estimatedPrompt: Int64, status: Int
  ) -> InferenceUsage {
    var usage = usage
    usage.status = status
    usage.queueMilliseconds = place.waited.wholeMilliseconds
    usage.milliseconds = start.duration(to: .now).wholeMilliseconds
    if let counts = end.counts {
      usage.promptTokens = counts.prompt
      usage.cachedTokens = counts.cached
      usage.completionTokens = counts.completion
    } else if status == 200 || status == 499 || end.pieces > 0 {
      // Whoever leaves before the count is charged by what was sent: otherwise leaving would be free.
      usage.promptTokens = estimatedPrompt
      usage.completionTokens = end.pieces
      usage.isEstimated = true
    }
    return usage
  }
}

extension Duration {
  /// Milliseconds, rounded up, at most what fits.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let fraction = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? .max : product.addingReportingOverflow(fraction).partialValue
  }
}
