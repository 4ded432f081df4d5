import Synchronization

/// What each client has in flight: requests, and tokens set aside from its budget, so that requests sent together cannot
/// spend the same tokens twice.
final class ClientLedger: Sendable {
  /// What one request holds.
  struct Reservation: Sendable {
    let client: String
    let tokens: Int64
    /// The most tokens that the answer may have; nil where the client has no budget and named no number.
    let outputLimit: Int64?
  }

  private struct Account {
    var requests = 0
    var tokens: Int64 = 0
  }

  private let accounts = Mutex<[String: Account]>([:])

  /// Sets aside what a request may use.
  ///
  /// - Parameters:
  ///   - prompt: an estimate of the prompt's tokens.
  ///   - output: what the client asked for, if it did; for requests without an answer in tokens 0.
  ///   - standard: what a client with a budget gets otherwise.
  func reserve(
    _ client: InferenceClient, prompt: Int64, output: Int64?, standard: Int64
  ) throws(InferenceFault) -> Reservation {
    try accounts.withLock { accounts throws(InferenceFault) in
      var account = accounts[client.name] ?? Account()
      guard account.requests < client.maxConcurrent else { throw .tooManyRequests(limit: client.maxConcurrent) }
      var reservation = Reservation(client: client.name, tokens: 0, outputLimit: output)
      if case .tokens(let left) = client.budget {
        let free = left - account.tokens - prompt
        guard free > 0 else { throw .budgetExhausted }
        let limit = min(output ?? standard, free)
        reservation = Reservation(client: client.name, tokens: prompt + limit, outputLimit: limit)
      }
      account.requests += 1
      account.tokens += reservation.tokens
      accounts[client.name] = account
      return reservation
    }
  }

  /// Gives back what a request held. Once per reservation.
  func release(_ reservation: Reservation) {
    accounts.withLock { accounts in
      guard var account = accounts[reservation.client] else { return }
      account.requests -= 1
      account.tokens -= reservation.tokens
      accounts[reservation.client] = account.requests == 0 ? nil : account
    }
  }
}
