import Testing

@testable import Acquisition

struct ProgressMeterTests {
  @Test func rateIsTheMeanOverTheWindow() {
    var meter = ProgressMeter(startedAt: .seconds(100), bytes: 5000)
    #expect(meter.bytesPerSecond == 0)
    #expect(meter.secondsLeft(for: 10) == nil)
    #expect(meter.secondsLeft(for: 0) == 0)
    meter.note(bytes: 7000, at: .seconds(101))
    // What was there at the start did not come.
    #expect(meter.bytesPerSecond == 2000)
    #expect(meter.secondsLeft(for: 4001) == 3)
    // Nothing more for longer than the window: it stands still.
    for second in 102..<115 { meter.note(bytes: 7000, at: .seconds(second)) }
    #expect(meter.bytesPerSecond == 0)
    #expect(meter.secondsLeft(for: 1) == nil)
  }

  @Test func steadyFlowGivesASteadyRate() {
    var meter = ProgressMeter(startedAt: .zero)
    for tick in 1...1000 {
      meter.note(bytes: tick * 250, at: .milliseconds(tick * 250))
      #expect(meter.bytesPerSecond == 1000)
    }
  }

  @Test func aDroppedFileIsNoNegativeRate() {
    var meter = ProgressMeter(startedAt: .zero)
    meter.note(bytes: 9000, at: .seconds(3))
    meter.note(bytes: 0, at: .seconds(4))
    #expect(meter.bytesPerSecond == 0)
    meter.note(bytes: 500, at: .seconds(5))
    #expect(meter.bytesPerSecond == 500)
  }

  @Test func slownessNeedsAWholePeriod() {
    var limits = AcquisitionLimits()
    limits.leastBytesPerSecond = 1000
    limits.slowPeriod = .seconds(30)
    #expect(!limits.isTooSlow(bytes: 0, over: .seconds(29)))
    #expect(limits.isTooSlow(bytes: 29_999, over: .seconds(30)))
    #expect(!limits.isTooSlow(bytes: 30_000, over: .seconds(30)))
    let pauses = (0...6).map { limits.pause(after: $0) }
    #expect(pauses == [0, 500, 1000, 2000, 4000, 8000, 8000].map { .milliseconds($0) })
    #expect(limits.pause(after: 10_000) == .seconds(8))
  }
}
