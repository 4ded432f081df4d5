import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

/// What a client without bounds can pile up, and what it must not keep others from.
@Suite struct FloodTests {
  private func flooded() throws -> TestBox {
    var box = try TestBox()
    box.state.room = LiveRoom(
      open: LiveRoom.Amount(proposals: 8, bytes: .max), perSigner: LiveRoom.Amount(proposals: 2, bytes: .max))
    for _ in 0..<8 { try box.open("mail.send") }
    return box
  }

  @Test func clientsCannotFillTheRoomThatIsKeptForSigners() throws {
    var box = try flooded()
    #expect(code { try box.open("mail.send") } == "statement.too-many-open")
    #expect(code { try box.open("box.stop", ["reason": "flood"]) } == "statement.too-many-open")
    let stop = try box.open("box.stop", ["reason": "flood"], by: .signer("ana"))
    try box.approve(stop, by: "dora")
    try box.execute(stop)
    #expect(!box.state.restraints(.stop, at: box.now).isEmpty)
  }

  @Test func oneSignerCannotFillItEither() throws {
    var box = try flooded()
    try box.open("mail.send", by: .signer("ana"))
    try box.open("mail.send", by: .signer("ana"))
    #expect(code { try box.open("mail.send", by: .signer("ana")) } == "statement.too-many-open")
    try box.open("mail.send", by: .signer("ben"))
  }

  /// Large proposals take the room of many small ones, and a change of the rules that of the rules which it would make.
  @Test func theRoomIsBoundInBytesToo() throws {
    var box = try TestBox()
    box.state.room = LiveRoom(
      open: LiveRoom.Amount(proposals: .max, bytes: 110_000), perSigner: LiveRoom.Amount(proposals: .max, bytes: 10_000)
    )
    let large: JSONObject = ["body": .string(String(repeating: "x", count: 40_000))]
    let first = try box.open("mail.send", large)
    try box.open("mail.send", large)
    try box.open("governance.policy.set", ["name": "notes", "policy": nil])
    #expect(code { try box.open("mail.send") } == "statement.too-many-open")
    try box.open("mail.send", ["body": .string(String(repeating: "x", count: 10_000))], by: .signer("ana"))
    #expect(code { try box.open("mail.send", by: .signer("ana")) } == "statement.too-many-open")
    try box.open("mail.send", by: .signer("ben"))
    // What is over makes room again.
    try box.withdraw(first, client: "app")
    try box.open("mail.send")
    box.pass(seconds: 40 * 86_400)
    try box.open("note.write")
    #expect(box.state.liveAmount.proposals == box.state.proposals.count)
    #expect(box.state.liveAmount.bytes < 1000)
  }

  @Test func everySignerHasRoom() {
    let room = LiveRoom()
    #expect(room.perSigner.proposals > 100)
    #expect(room.perSigner.bytes > 2 * (EntryKind.proposalOpened.maxBytes + Constitution.Limits.bytes))
    #expect(room.open.proposals + room.perSigner.proposals * Constitution.Limits.signers <= BoxState.maxLive)
  }

  /// Ten thousand proposals that wait for one whose outcome is unknown all end with their epoch. Were each to search the
  /// others, that would take a hundred million steps here and a hundred times more in a full box.
  @Test(.timeLimit(.minutes(5))) func manyFollowersOfOneProposalEndTogether() throws {
    let trusting = SignatureCheck { claim, _, _ in .success(claim.keys) }
    let rules = try Policy("governance.*", rule: .quorum(Quorum(3, of: "everybody")))
    var box = try TestBox(TestBox.constitution(with: ["rules": rules]), signatures: trusting)
    let first = try box.open("note.write")
    try box.begin(first)
    try box.finish(first, .unknown)
    let count = 10_000
    let constitution = try #require(box.state.constitution)
    let action = try Action(type: "mail.send", params: [:], follows: [first])
    for index in 0..<count {
      let salt = [UInt8(index & 255), UInt8(index >> 8)] + Array(repeating: 0, count: 14)
      let statement = Statement(
        action: action, box: constitution.box, epoch: 1, expires: box.now + 1000,
        nonce: Statement.nonce(proposer: .client("app"), salt: salt),
        policy: try #require(constitution.policyDigests["mail"]))
      try box.state.apply(
        ProposalOpened(statement: statement, proposer: .client("app"), salt: salt, claim: nil).entry(at: box.now))
    }
    #expect(box.state.followers[first]?.count == count)
    let change = try box.open("governance.policy.set", ["name": "notes", "policy": nil])
    try box.approve(change, by: "ana", "ben", "carl")
    let applied = try box.execute(change)
    #expect(applied.settled.count == count + 1)
    #expect(box.state.followers.isEmpty)
  }
}
