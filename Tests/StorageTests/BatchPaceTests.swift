import Testing

@testable import Storage

/// Waiting for the callers of the last batch: it must end, and whoever is alone must not pay for it.
@Suite(.timeLimit(.minutes(5))) struct BatchPaceTests {
  /// Longer than the time limit: a wait for this ends only by what the test does.
  private static let forever: Duration = .seconds(3600)

  @Test func aloneWaitsForNobody() {
    var pace = BatchPace()
    #expect(pace.callers == 1)
    pace.note(callers: 64, took: .microseconds(300))
    #expect(pace.callers == 64)
    #expect(pace.patience == .microseconds(150))
    pace.note(callers: 1, took: .microseconds(300))
    #expect(pace.callers == 1)
  }

  @Test func patienceHasAnEnd() {
    var pace = BatchPace()
    pace.note(callers: 64, took: .seconds(60))
    #expect(pace.patience == BatchPace.longest)
  }

  @Test func oneItemIsTakenAtOnceByWhoeverHopesForOne() {
    let queue = SubmissionQueue<Int>(limit: 10)
    #expect(queue.push(1) == .accepted)
    #expect(queue.take(upTo: 10, hopingFor: 1, patience: Self.forever) == [1])
  }

  @Test func hopeIsNeverForMoreThanMayBeTakenOrMayWait() {
    let queue = SubmissionQueue<Int>(limit: 3)
    for number in 1...3 { #expect(queue.push(number) == .accepted) }
    #expect(queue.take(upTo: 2, hopingFor: 100, patience: Self.forever) == [1, 2])
    for number in 4...5 { #expect(queue.push(number) == .accepted) }
    #expect(queue.take(upTo: 100, hopingFor: 100, patience: Self.forever) == [3, 4, 5])
  }

  @Test func whatIsThereIsTakenWhenPatienceEnds() {
    let queue = SubmissionQueue<Int>(limit: 10)
    #expect(queue.push(1) == .accepted)
    #expect(queue.take(upTo: 10, hopingFor: 2, patience: .milliseconds(1)) == [1])
  }

  @Test func theLastOfThoseHopedForEndsTheWait() async throws {
    let queue = SubmissionQueue<Int>(limit: 10)
    let taken = AsyncStream<[Int]>.makeStream()
    try WriterThread.start(name: "taker") {
      taken.continuation.yield(queue.take(upTo: 10, hopingFor: 3, patience: Self.forever))
      taken.continuation.finish()
    }
    for number in 1...3 { #expect(queue.push(number) == .accepted) }
    var batches: [[Int]] = []
    for await batch in taken.stream { batches.append(batch) }
    #expect(batches == [[1, 2, 3]])
  }

  @Test func closingEndsTheWait() async throws {
    let queue = SubmissionQueue<Int>(limit: 10)
    let taken = AsyncStream<[Int]>.makeStream()
    #expect(queue.push(1) == .accepted)
    try WriterThread.start(name: "taker") {
      taken.continuation.yield(queue.take(upTo: 10, hopingFor: 2, patience: Self.forever))
      taken.continuation.finish()
    }
    queue.close()
    var batches: [[Int]] = []
    for await batch in taken.stream { batches.append(batch) }
    #expect(batches == [[1]])
  }
}
