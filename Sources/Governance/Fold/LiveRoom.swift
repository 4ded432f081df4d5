/// How many proposals are followed at one time. Clients cannot fill all of it: whatever they pile up, every signer can still
/// propose to stop the box, to change its rules or to recover it.
struct LiveRoom: Sendable {
  /// Everybody together.
  var all = BoxState.maxLive
  /// Beyond this many, only signers open proposals.
  var open = BoxState.maxLive * 9 / 10
  /// How many each signer may have there. For all signers together it is less than what is kept for them.
  var perSigner = BoxState.maxLive / 10 / Constitution.Limits.signers

  /// Refuses another proposal where there is no room; `count` says how many the proposer has.
  func check(_ proposer: Proposer, live: Int, count: () -> Int) throws(StatementFault) {
    guard live >= open else { return }
    guard proposer.signer != nil else { throw .tooManyOpen(limit: open) }
    guard live < all else { throw .tooManyOpen(limit: all) }
    guard count() < perSigner else { throw .tooManyOpen(limit: perSigner) }
  }
}
