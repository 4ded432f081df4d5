import Testing

@testable import BoxService

/// How many refusals a broker records, by a clock of the test.
@Suite struct RefusalPaceTests {
  private typealias Limits = RefusalPace.Limits
  private static let start: Int64 = 1_900_000_000_000

  @Test func oneBoxLeavesRoomForOthers() {
    let pace = RefusalPace()
    let granted = (0..<1000).count { _ in pace.admits("a.example", at: Self.start) }
    #expect(granted == Limits.perBox)
    #expect(pace.admits("b.example", at: Self.start))
  }

  @Test func allTogetherHaveALimitUntilTheMinuteIsOver() {
    let pace = RefusalPace()
    let granted = (0..<1000).count { pace.admits("box-\($0).example", at: Self.start) }
    #expect(granted == Limits.perMinute)
    #expect(!pace.admits("late.example", at: Self.start + 59_999))
    #expect(pace.admits("late.example", at: Self.start + 60_000))
  }

  /// A clock that was set back would else record nothing until it has come so far again.
  @Test func aClockThatIsSetBackBeginsAnew() {
    let pace = RefusalPace()
    for _ in 0..<Limits.perBox { _ = pace.admits("a.example", at: Self.start) }
    #expect(!pace.admits("a.example", at: Self.start))
    #expect(pace.admits("a.example", at: Self.start - 3_600_000))
  }
}
