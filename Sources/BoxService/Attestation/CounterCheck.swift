/// Holds the machine's counter against the one in the newest identity of the log. Pure: what to do, not the doing.
///
/// At every start the identity with the next count is recorded first, and then the machine counts. A crash between the two
/// leaves the log one ahead, which the next start makes good; an older copy of the log is behind, which nothing explains.
enum CounterCheck {
  enum Step: Equatable {
    /// Claim this count, then count up.
    case claim(Int64)
    /// Count up first, because the last claim was recorded and not counted; then claim this count.
    case makeGood(thenClaim: Int64)
  }

  /// - Parameters:
  ///   - counter: what the machine says.
  ///   - log: what the newest identity of the log says; nil where there is none.
  static func step(counter: Int64, log: Int64?) throws(MachineFault) -> Step {
    guard let log else { return .claim(counter + 1) }
    switch counter - log {
    case 0: return .claim(log + 1)
    case -1: return .makeGood(thenClaim: log + 1)
    case 1...: throw .rolledBack(counter: counter, log: log)
    default: throw .otherMachine(counter: counter, log: log)
    }
  }
}
