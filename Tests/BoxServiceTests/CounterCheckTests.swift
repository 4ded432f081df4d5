import Testing

@testable import BoxService

/// The machine's counter against the log's: which differences a crash explains, and which only an older copy or another
/// machine does.
@Suite struct CounterCheckTests {
  @Test func everyDifferenceHasOneMeaning() throws {
    #expect(try CounterCheck.step(counter: 7, log: nil) == .claim(8))
    #expect(try CounterCheck.step(counter: 7, log: 7) == .claim(8))
    // Recorded and not counted: the crash between the two.
    #expect(try CounterCheck.step(counter: 7, log: 8) == .makeGood(thenClaim: 9))
    for counter: Int64 in [8, 9, 1000] {
      #expect(throws: MachineFault.rolledBack(counter: counter, log: 7)) {
        try CounterCheck.step(counter: counter, log: 7)
      }
    }
    for counter: Int64 in [0, 1, 5] {
      #expect(throws: MachineFault.otherMachine(counter: counter, log: 7)) {
        try CounterCheck.step(counter: counter, log: 7)
      }
    }
  }
}
