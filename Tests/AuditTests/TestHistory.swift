import CanonicalJSON
import Cryptography
import Governance

/// A generator that gives the same numbers each time.
struct Numbers: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// The history of a box over some days: payments, mail, notes, time-locks, a break-glass stop, a change of policy and one
/// of committees.
extension TestBox {
  static func history(rounds: Int, seed: UInt64 = 1) throws -> TestBox {
    var box = try TestBox()
    var numbers = Numbers(seed)
    for round in 0..<rounds {
      box.pass(seconds: Int64.random(in: 1...600, using: &numbers))
      switch round % 10 {
      case 0, 5: try box.payment(&numbers)
      case 1: try box.execute(box.open("note.write", ["n": .integer(Int64(round))]), .failed)
      case 2:
        let id = try box.open("mail.send", by: .signer("ana"))
        try box.approve(id, by: "ben", "carl")
        if Bool.random(using: &numbers) { try box.execute(id) }
      case 3:
        let id = try box.open("mirror.install", ["model": "m\(round)"])
        try box.approve(id, by: "ana", "carl")
        if Bool.random(using: &numbers) {
          box.pass(seconds: 3600)
          try box.execute(id)
        } else {
          try box.object(id, by: "dora")
        }
      case 4: try box.open("unheard.of", ["round": .integer(Int64(round))], expires: box.now + 1000)
      case 6: try box.open("http.request", ["method": "GET"], expires: box.now + 60_000)
      case 7:
        let id = try box.open("meter.spend", ["amount": .integer(Int64.random(in: 10...60, using: &numbers))])
        if case .approved? = box.state.status(of: id, at: box.now) { try box.execute(id) }
      case 8: try box.breakGlass(round)
      default:
        if round == 19 { try box.changeCommittees() } else if round % 40 == 9 { try box.changePolicy(round) }
      }
    }
    return box
  }

  private mutating func payment(_ numbers: inout Numbers) throws {
    let id = try open("http.request", ["method": "POST", "url": "https://bank.example/pay"])
    try approve(id, by: Bool.random(using: &numbers) ? "ana" : "ben")
    pass(seconds: 30)
    try approve(id, by: "emil")
    let outcomes: [Outcome] = [.executed, .executed, .failed, .unknown]
    try execute(id, outcomes.randomElement(using: &numbers) ?? .executed)
  }

  private mutating func breakGlass(_ round: Int) throws {
    let id = try open("box.stop", ["reason": "drill \(round)"])
    try approve(id, by: "dora")
    try execute(id)
    pass(seconds: 600)
  }

  private mutating func changePolicy(_ round: Int) throws {
    let new = try Self.policy("mail.*", rule: .quorum(Quorum(1 + (round + 31) / 40 % 2, of: "everybody")))
    let id = try open("governance.policy.set", ["name": "mail", "policy": new.json])
    try approve(id, by: "ana", "ben", "carl")
    try execute(id)
  }

  private mutating func changeCommittees() throws {
    guard let constitution = state.constitution else { return }
    var committees = constitution.committees
    committees["officers"] = ["carl", "ana"]
    let id = try open(
      "governance.committee.set",
      [
        "signers": constitution.json["signers"] ?? .null,
        "committees": .object(JSONObject(committees.map { ($0.key, .array($0.value.map(JSON.string))) })),
      ])
    try approve(id, by: "ana", "ben", "dora")
    try execute(id)
  }
}
