/// How much the fold follows at one time. Clients cannot fill all of it: whatever they pile up, every signer can still
/// propose to stop the box, to change its rules or to recover it. And what they pile up stays small enough that the fold
/// can hold it: a box that outgrew its memory could not even be started again.
struct LiveRoom: Sendable {
  /// What a number of proposals takes.
  struct Amount: Sendable, Hashable {
    var proposals = 0
    /// The sum of their weights.
    var bytes = 0
  }

  /// Beyond this only signers open proposals.
  var open = Amount(proposals: BoxState.maxLive * 9 / 10, bytes: 64 << 20)
  /// How much each signer may have there.
  var perSigner = Amount(
    proposals: BoxState.maxLive / 10 / Constitution.Limits.signers, bytes: 1 << 20)

  /// Refuses another proposal where there is no room; `own` says what the proposer has already.
  func check(_ proposer: Proposer, live: Amount, own: () -> Amount) throws(StatementFault) {
    guard live.proposals >= open.proposals || live.bytes >= open.bytes else { return }
    guard proposer.signer != nil else { throw .tooManyOpen(limit: live.proposals) }
    let own = own()
    guard own.proposals < perSigner.proposals, own.bytes < perSigner.bytes else {
      throw .tooManyOpen(limit: own.proposals)
    }
  }
}

extension LiveRoom.Amount {
  mutating func add(_ proposal: Proposal) {
    proposals += 1
    bytes += proposal.weight
  }

  mutating func remove(_ proposal: Proposal) {
    proposals -= 1
    bytes -= proposal.weight
  }
}
