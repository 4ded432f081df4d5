import Ethereum

/// Lets one transaction of an account take its nonce at a time, first come first served.
actor AccountQueue {
  struct Account: Hashable, Sendable {
    var chain: Int64
    var address: EthereumAddress
  }

  /// An account is in here while somebody has it; those who wait are in line.
  private var waiting: [Account: [CheckedContinuation<Void, Never>]] = [:]

  /// Waits until the account is free. ``leave(_:)`` must follow.
  func enter(_ account: Account) async {
    guard waiting[account] != nil else {
      waiting[account] = []
      return
    }
    await withCheckedContinuation { waiting[account]?.append($0) }
  }

  /// Hands the account on.
  func leave(_ account: Account) {
    guard var line = waiting[account], !line.isEmpty else {
      waiting[account] = nil
      return
    }
    let next = line.removeFirst()
    waiting[account] = line
    next.resume()
  }
}
