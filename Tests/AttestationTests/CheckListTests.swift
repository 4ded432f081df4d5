import Attestation
import Testing

@Suite struct CheckListTests {
  static let first = CheckID("test.first", "The first holds")
  static let second = CheckID("test.second", "The second holds")

  @Test func nothingIsNotSuccess() {
    #expect(!CheckList().succeeds)
    var made = CheckList()
    made.pass(Self.first, "yes")
    #expect(!made.succeeds, "nobody demanded anything")
  }

  @Test func demandedChecksMustBeMadeAndPass() {
    var checks = CheckList()
    checks.demand([Self.first, Self.second])
    checks.pass(Self.first, "yes")
    #expect(checks.missing == [Self.second])
    #expect(!checks.succeeds)
    checks.notApplicable(Self.second, "there is none")
    #expect(!checks.succeeds, "a demanded check that did not apply is no success")
    checks.pass(Self.second, "yes")
    #expect(checks.succeeds)
    checks.fail(Self.first, expected: "a", actual: "b")
    #expect(!checks.succeeds, "a failure stays, also of a check that passed before")
  }

  @Test func waivedChecksAreShownAndDoNotCount() {
    var checks = CheckList()
    checks.demand([Self.first, Self.second])
    checks.pass(Self.first, "yes")
    checks.waive(Self.second, because: "any was written out")
    #expect(checks.succeeds)
    #expect(checks.checks.last?.outcome == .notPerformed("any was written out"))
  }

  @Test func theEarliestEndCounts() {
    var checks = CheckList()
    checks.limit(until: 20)
    checks.limit(until: 10)
    checks.limit(until: 30)
    #expect(checks.deadline == 10)
  }

  @Test func aBindingIsExactOrPaddedWithZeros() {
    let nonce = Binding.bytes([1, 2])
    #expect(nonce.matches([1, 2], fixedWidth: false))
    #expect(!nonce.matches([1, 2, 0], fixedWidth: false))
    #expect(nonce.matches([1, 2, 0], fixedWidth: true))
    #expect(!nonce.matches([1, 2, 3], fixedWidth: true))
    #expect(!nonce.matches([], fixedWidth: true))
    #expect(!Binding.bytes([]).matches([], fixedWidth: false), "nothing binds nothing")
    #expect(!Binding.bytes([]).matches([0, 0], fixedWidth: true))
    #expect(!Binding.any.matches([1], fixedWidth: false))
  }
}
