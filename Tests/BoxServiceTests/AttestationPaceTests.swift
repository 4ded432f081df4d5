import HTTPServer
import Testing

@testable import BoxService

/// How often a machine is asked for quotes, by a clock of the test.
@Suite struct AttestationPaceTests {
  private typealias Limits = AttestationPace.Limits
  private let start: Int64 = 1_900_000_000_000

  private func caller(_ number: Int) -> AttestationPace.Caller { .client("client-\(number)") }

  @Test func aCallerHasABurstAndThenOneAtATime() {
    let pace = AttestationPace()
    for _ in 0..<Limits.caller.burst { #expect(pace.wait(for: caller(1), at: start) == nil) }
    #expect(pace.wait(for: caller(1), at: start) == 2)
    // Another is not made to wait for it.
    #expect(pace.wait(for: caller(2), at: start) == nil)
    // A refusal costs nothing: what was said holds.
    #expect(pace.wait(for: caller(1), at: start + Limits.caller.interval - 1) == 1)
    #expect(pace.wait(for: caller(1), at: start + Limits.caller.interval) == nil)
    #expect(pace.wait(for: caller(1), at: start + Limits.caller.interval) == 2)
    // After a rest it is as one who never asked.
    let later = start + (Limits.caller.burst + 1) * Limits.caller.interval
    for _ in 0..<Limits.caller.burst { #expect(pace.wait(for: caller(1), at: later) == nil) }
    #expect(pace.wait(for: caller(1), at: later) != nil)
  }

  @Test func manyCallersTogetherHaveOneToo() {
    let pace = AttestationPace()
    var granted: Int64 = 0
    for number in 0..<1000 where pace.wait(for: caller(number), at: start) == nil { granted += 1 }
    #expect(granted == Limits.all.burst)
    #expect(pace.wait(for: caller(2000), at: start) == 1)
    // A caller that was refused because of others has lost nothing of its own.
    let later = start + Limits.all.burst * Limits.all.interval
    for _ in 0..<Limits.caller.burst { #expect(pace.wait(for: caller(999), at: later) == nil) }
  }

  @Test func aClockThatIsSetBackLocksNobodyOut() {
    let pace = AttestationPace()
    for _ in 0..<Limits.caller.burst { _ = pace.wait(for: caller(1), at: start) }
    #expect(pace.wait(for: caller(1), at: start - 3_600_000) == nil)
  }

  @Test func aCallerIsAClientAUserOrANetwork() {
    typealias Caller = AttestationPace.Caller
    func tcp(_ address: String, _ port: UInt16 = 1) -> Caller {
      Caller(client: nil, peer: .tcp(address: address, port: port))
    }
    #expect(tcp("192.0.2.1") == tcp("192.0.2.1", 2))
    #expect(tcp("192.0.2.1") != tcp("192.0.2.2"))
    #expect(tcp("2001:db8::1") == tcp("2001:db8:0:0:5:6:7:8"))
    #expect(tcp("1:0:0:2:3:4:5:6") == tcp("1::2:9:9:9:9"))
    #expect(tcp("2001:db8:0:1::1") != tcp("2001:db8:0:2::1"))
    #expect(tcp("::1") != tcp("2001:db8::1"))
    #expect(
      Caller(client: nil, peer: .unix(uid: 7, gid: 1, pid: 1))
        == Caller(client: nil, peer: .unix(uid: 7, gid: 2, pid: 2)))
    #expect(Caller(client: "app", peer: .tcp(address: "192.0.2.1", port: 1)) == .client("app"))
  }
}
