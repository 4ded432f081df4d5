import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// What the fold keeps of a broker's keys, and which releases it refuses.
@Suite struct KeyTests {
  private static let appraisal = SHA256.hash(utf8: "appraisal")

  private static func box() throws -> TestBox {
    try TestBox(TestBox.constitution(with: ["keys": try Policy("key.*", rule: .automatic([]))]))
  }

  @discardableResult
  private static func carryOut(_ box: inout TestBox, _ order: KeyOrder) throws -> SHA256Digest {
    let id = try box.open(order.action.type, order.action.params)
    try box.execute(id)
    return id
  }

  private static func release(
    _ key: String = "disk", _ box: String = "box.example/a", appraisal: SHA256Digest = appraisal
  ) -> KeyReleaseRecord {
    KeyReleaseRecord(
      key: key, box: box, wrapping: [UInt8](repeating: 1, count: 32), tls: SHA256.hash(utf8: "tls"),
      nonce: [UInt8](repeating: 2, count: 32), evidence: SHA256.hash(utf8: "evidence"), appraisal: appraisal,
      kind: "tpm", assurance: .software, release: "image 1", appraised: 1)
  }

  private static func enrolment(_ box: String, ak: UInt8 = 1) -> KeyEnrolment {
    KeyEnrolment(
      box: box, ak: [UInt8](repeating: ak, count: 34), ek: SHA256.hash(utf8: "ek"), assurance: .software,
      proof: .activation)
  }

  private static func refusal(_ box: inout TestBox, _ order: KeyOrder) -> String? {
    var copy = box
    return code { try copy.open(order.action.type, order.action.params) }
  }

  @Test func aReleaseNeedsAKeyAGrantAndTheKeysOwnPolicy() throws {
    var box = try Self.box()
    #expect(Self.refusal(&box, .release(Self.release())) == "effect.no-key")
    let created = try Self.carryOut(&box, .create(key: "disk", appraisal: Self.appraisal))
    #expect(Self.refusal(&box, .release(Self.release())) == "effect.no-grant")
    try Self.carryOut(&box, .grant(key: "disk", box: "box.example/a"))
    #expect(Self.refusal(&box, .release(Self.release("disk", "box.example/b"))) == "effect.no-grant")
    #expect(
      Self.refusal(&box, .release(Self.release(appraisal: SHA256.hash(utf8: "older")))) == "effect.appraisal")
    try Self.carryOut(&box, .release(Self.release()))
    let key = try #require(box.state.brokeredKey(named: "disk"))
    #expect(key.proposal == created && key.boxes == ["box.example/a"] && key.releases == 1)
    #expect(box.state.brokeredKeys == [key])
  }

  @Test func whatWasTakenAwayBetweenApprovalAndStartCounts() throws {
    var box = try Self.box()
    try Self.carryOut(&box, .create(key: "disk", appraisal: Self.appraisal))
    for takeAway in [
      KeyOrder.revoke(key: "disk", box: "box.example/a"),
      .appraise(key: "disk", appraisal: SHA256.hash(utf8: "newer")), .retire(key: "disk"),
    ] {
      var world = box
      try Self.carryOut(&world, .grant(key: "disk", box: "box.example/a"))
      let waiting = try world.open("key.release", Self.release().params)
      try Self.carryOut(&world, takeAway)
      #expect(code { try world.begin(waiting) }?.hasPrefix("effect.") == true, "\(takeAway)")
    }
  }

  @Test func aReleaseOfAnEarlierEpochIsStale() throws {
    var box = try Self.box()
    try Self.carryOut(&box, .create(key: "disk", appraisal: Self.appraisal))
    try Self.carryOut(&box, .grant(key: "disk", box: "box.example/a"))
    let waiting = try box.open("key.release", Self.release().params)
    let policy = try Policy("key.*", rule: .single(committee: "officers"))
    let change = try box.open("governance.policy.set", ["name": "keys", "policy": policy.json])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.execute(change)
    #expect(box.state.epoch == 2)
    #expect(box.status(waiting)?.name == "stale")
    #expect(code { try box.begin(waiting) } == "execution.not-approved")
  }

  @Test func aRetiredKeyIsGoneForEver() throws {
    var box = try Self.box()
    try Self.carryOut(&box, .create(key: "disk", appraisal: Self.appraisal))
    try Self.carryOut(&box, .grant(key: "disk", box: "box.example/a"))
    try Self.carryOut(&box, .retire(key: "disk"))
    #expect(Self.refusal(&box, .create(key: "disk", appraisal: Self.appraisal)) == "effect.key-exists")
    for order in [
      KeyOrder.grant(key: "disk", box: "box.example/a"), .appraise(key: "disk", appraisal: Self.appraisal),
      .release(Self.release()), .retire(key: "disk"),
    ] {
      #expect(Self.refusal(&box, order) == "effect.no-key")
    }
    #expect(Self.refusal(&box, .revoke(key: "disk", box: "box.example/a")) == "effect.no-grant")
  }

  @Test func oneAttestationKeyIsOneBox() throws {
    var box = try Self.box()
    try Self.carryOut(&box, .enrol(Self.enrolment("box.example/a")))
    #expect(Self.refusal(&box, .enrol(Self.enrolment("box.example/b"))) == "effect.attestation-key-taken")
    try Self.carryOut(&box, .enrol(Self.enrolment("box.example/a", ak: 2)))
    // The machine was exchanged: its old key is free.
    try Self.carryOut(&box, .enrol(Self.enrolment("box.example/b")))
    #expect(box.state.enrolledBoxes.map(\.enrolment.box) == ["box.example/a", "box.example/b"])
    #expect(box.state.enrolledBox(named: "box.example/a")?.enrolment.ak.first == 2)
  }

  @Test func refusalsChangeNothingAndAreLimited() throws {
    var box = try Self.box()
    let refusal = KeyRefusalRecord(
      key: "disk", box: "box.example/a", reason: "policy.release",
      checks: [.init(id: "policy.release", expected: "image 1", actual: "another")], registers: ["sha256.pcr4"],
      evidence: nil)
    try Self.carryOut(&box, .refuse(refusal))
    #expect(box.state.brokeredKeys.isEmpty)
    var params = refusal.params
    params["checks"] = []
    #expect(code { try box.open("key.refuse", params) } == "statement.parameters")
    params["checks"] = [["id": "a", "expected": "b", "actual": "\u{1b}[31m"]]
    #expect(code { try box.open("key.refuse", params) } == "statement.parameters")
  }

  @Test func rotationsAndErasuresAreCounted() throws {
    var box = try Self.box()
    try Self.carryOut(&box, .rotate(.community("acme")))
    try Self.carryOut(&box, .erase(.community("acme")))
    try Self.carryOut(&box, .erase(.tenant("acme")))
    #expect(box.state.keyChanges(of: .community("acme")) == 2)
    #expect(box.state.keyChanges(of: .tenant("acme")) == 1)
    #expect(code { try box.open("key.erase", [:]) } == "statement.parameters")
    #expect(code { try box.open("key.erase", ["community": "a", "tenant": "a"]) } == "statement.parameters")
  }

  @Test func everyOrderReadsBackAndRefusesEveryOtherMember() throws {
    let orders: [KeyOrder] = [
      .enrol(Self.enrolment("box.example/a")), .create(key: "disk", appraisal: Self.appraisal),
      .appraise(key: "disk", appraisal: Self.appraisal), .grant(key: "disk", box: "box.example/a"),
      .revoke(key: "disk", box: "box.example/a"), .retire(key: "disk"), .release(Self.release()),
      .refuse(
        KeyRefusalRecord(
          key: "disk", box: "b.example", reason: "r", checks: [.init(id: "a", expected: "b", actual: "c")],
          registers: [], evidence: Self.appraisal)),
      .rotate(.community("acme")), .erase(.tenant("acme")),
    ]
    #expect(Set(orders.map(\.action.type)) == ActionType.keys)
    for order in orders {
      let (type, params) = order.action
      #expect(try KeyOrder.of(try Action(type: type, params: params)) == order)
      var more = params
      more["further"] = 1
      #expect(throws: FieldError.self, "\(type)") { try KeyOrder.of(try Action(type: type, params: more)) }
      for name in params.map(\.key) where !(type == "key.refuse" && name == "evidence") {
        var fewer = params
        fewer[name] = nil
        #expect(throws: FieldError.self, "\(type) without \(name)") {
          try KeyOrder.of(try Action(type: type, params: fewer))
        }
        var hidden = params
        hidden[name] = try Opening(value: params[name] ?? .null, salt: [UInt8](repeating: 7, count: 32)).commitment.json
        let error = #expect(throws: FieldError.self, "\(type) with \(name) hidden") {
          try KeyOrder.of(try Action(type: type, params: hidden))
        }
        #expect(error?.actual == "a commitment")
      }
    }
    var box = try Self.box()
    #expect(code { try box.open("key.steal", [:]) } == "statement.reserved-type")
  }

  @Test func aRecordAloneReadsBackAndHasNoOtherMember() throws {
    let record = Self.release()
    #expect(try KeyReleaseRecord(params: record.params) == record)
    var more = record.params
    more["further"] = 1
    #expect(throws: FieldError.self) { try KeyReleaseRecord(params: more) }
  }

  /// The fold holds so many and no more, and what it holds already can still change.
  @Test func theFoldHasLimits() throws {
    let (id, appraisal) = (SHA256.hash(utf8: "proposal"), Self.appraisal)
    func refusal(_ registry: KeyRegistry, _ order: KeyOrder) -> EffectFault? {
      do {
        try registry.check(order)
        return nil
      } catch { return error }
    }
    func enrolment(_ number: Int) -> KeyOrder {
      .enrol(
        KeyEnrolment(
          box: "box.example/\(number)",
          ak: [UInt8(number >> 8), UInt8(number & 0xFF)] + [UInt8](repeating: 1, count: 32),
          ek: id, assurance: .software, proof: .activation))
    }
    var registry = KeyRegistry()
    let boxes = KeyRegistry.Limits.boxes
    for number in 0..<boxes { registry.record(enrolment(number), by: id) }
    #expect(refusal(registry, enrolment(boxes)) == .boxesFull(limit: boxes))
    #expect(refusal(registry, enrolment(0)) == nil, "the same box with its own key")
    let keys = KeyRegistry.Limits.keys
    for number in 0..<keys { registry.record(.create(key: "key-\(number)", appraisal: appraisal), by: id) }
    #expect(refusal(registry, .create(key: "another", appraisal: appraisal)) == .keysFull(limit: keys))
    let grants = KeyRegistry.Limits.grants
    for number in 0..<grants {
      registry.record(.grant(key: "key-\(number % keys)", box: "box.example/\(number / keys)"), by: id)
    }
    #expect(refusal(registry, .grant(key: "key-0", box: "another.example")) == .grantsFull(limit: grants))
    #expect(refusal(registry, .grant(key: "key-0", box: "box.example/0")) == nil, "granted already")
    registry.record(.revoke(key: "key-1", box: "box.example/0"), by: id)
    #expect(refusal(registry, .grant(key: "key-0", box: "another.example")) == nil)
    let holders = KeyRegistry.Limits.holders
    for number in 0..<holders { registry.record(.rotate(.tenant("\(number)")), by: id) }
    #expect(refusal(registry, .erase(.tenant("another"))) == .holdersFull(limit: holders))
    #expect(refusal(registry, .erase(.tenant("0"))) == nil)
  }
}
