import Testing

@testable import Acquisition

struct TransferPlanTests {
  private static let bounds = TransferPlan.Bounds(pieceBytes: 100, ranges: 3, attempts: 2)

  private func fetched(_ plan: inout TransferPlan) -> TransferPlan.Piece? {
    if case .fetch(let piece) = plan.next() { piece } else { nil }
  }

  @Test func smallFilesAreAskedForWhole() throws {
    var plan = TransferPlan(size: 100, sources: 1, bounds: Self.bounds)
    let piece = try #require(fetched(&plan))
    #expect(!piece.isRanged && piece.range == 0..<100)
    #expect(plan.next() == .wait)
    plan.ended(piece)
    #expect(plan.next() == .verify)
  }

  @Test func emptyFilesNeedNoSource() {
    var plan = TransferPlan(size: 0, sources: 0, bounds: Self.bounds)
    #expect(plan.next() == .verify)
  }

  @Test func oneRequestFindsOutAboutRangesAndThenSeveralGo() throws {
    var plan = TransferPlan(size: 450, sources: 1, bounds: Self.bounds)
    let first = try #require(fetched(&plan))
    #expect(first.isRanged && first.range == 0..<100)
    #expect(plan.next() == .wait)
    plan.opened(first, asWhole: false)
    let second = try #require(fetched(&plan))
    let third = try #require(fetched(&plan))
    #expect([second.range, third.range] == [100..<200, 200..<300])
    // Three at once and no more: that bounds how far bytes get ahead of the hash.
    #expect(plan.next() == .wait)
    plan.ended(third)
    #expect(fetched(&plan)?.range == 300..<400)
    plan.ended(first)
    #expect(fetched(&plan)?.range == 400..<450)
  }

  @Test func anAnswerWithTheWholeFileIsTakenFromByteZero() throws {
    var plan = TransferPlan(size: 300, sources: 1, bounds: Self.bounds)
    let first = try #require(fetched(&plan))
    plan.opened(first, asWhole: true)
    #expect(plan.next() == .wait)
    plan.broke(first, after: 250, .passing)
    // The source cannot go on from there: everything again, whole.
    #expect(plan.next() == .startOver)
    let again = try #require(fetched(&plan))
    #expect(!again.isRanged && again.range == 0..<300 && again.failures == 1)
    plan.ended(again)
    #expect(plan.next() == .verify)
  }

  @Test func aSourceThatIgnoresRangesIsAskedForTheWhole() throws {
    var plan = TransferPlan(size: 300, sources: 1, held: ByteRanges([0..<120]), bounds: Self.bounds)
    let piece = try #require(fetched(&plan))
    #expect(piece.range == 120..<220)
    plan.broke(piece, after: 0, .noRanges)
    #expect(plan.next() == .startOver)
    #expect(fetched(&plan)?.isRanged == false)
  }

  @Test func whatIsHeldIsNotAskedForAgain() throws {
    var plan = TransferPlan(size: 300, sources: 1, held: ByteRanges([0..<50, 150..<300]), bounds: Self.bounds)
    let piece = try #require(fetched(&plan))
    #expect(piece.isRanged && piece.range == 50..<150)
    plan.ended(piece)
    #expect(plan.next() == .verify)
  }

  @Test func theNextSourceGoesOnWhereTheFirstBroke() throws {
    var plan = TransferPlan(size: 90, sources: 2, bounds: Self.bounds)
    for failures in 0..<2 {
      let piece = try #require(fetched(&plan))
      #expect(piece.source == 0 && piece.failures == failures)
      #expect(piece.range.lowerBound == failures * 20)
      plan.broke(piece, after: 20, .passing)
    }
    let rest = try #require(fetched(&plan))
    #expect(rest.source == 1 && rest.range == 40..<90 && rest.isRanged && rest.failures == 0)
    plan.broke(rest, after: 0, .final)
    #expect(plan.next() == .exhausted)
  }

  @Test func aFinishedPieceForgivesFailures() throws {
    var plan = TransferPlan(size: 300, sources: 1, bounds: Self.bounds)
    for _ in 0..<3 {
      let piece = try #require(fetched(&plan))
      plan.broke(piece, after: 10, .passing)
      let next = try #require(fetched(&plan))
      plan.opened(next, asWhole: false)
      plan.ended(next)
    }
    #expect(plan.next() != .exhausted)
  }

  @Test func aSoleAuthorIsBlamedAndLeft() throws {
    var plan = TransferPlan(size: 90, sources: 2, bounds: Self.bounds)
    plan.ended(try #require(fetched(&plan)))
    #expect(plan.next() == .verify)
    #expect(plan.mismatched() == .source(0))
    #expect(plan.next() == .startOver)
    let piece = try #require(fetched(&plan))
    #expect(piece.source == 1 && piece.range == 0..<90)
  }

  @Test func nobodyIsBlamedForWhatSeveralWrote() throws {
    var plan = TransferPlan(size: 90, sources: 3, bounds: Self.bounds)
    for _ in 0..<2 { plan.broke(try #require(fetched(&plan)), after: 20, .passing) }
    plan.ended(try #require(fetched(&plan)))
    #expect(plan.mismatched() == .unclear)
    #expect(plan.next() == .startOver)
    // From here on each source is alone: the second is tried once more, and its bytes are not mixed with the third's.
    let second = try #require(fetched(&plan))
    #expect(second.source == 1 && second.range == 0..<90)
    plan.broke(second, after: 50, .final)
    #expect(plan.next() == .startOver)
    let third = try #require(fetched(&plan))
    #expect(third.source == 2 && third.range == 0..<90)
    plan.ended(third)
    #expect(plan.mismatched() == .source(2))
    #expect(plan.next() == .exhausted)
  }

  @Test func anEarlierRunIsAnAuthorToo() throws {
    var plan = TransferPlan(size: 90, sources: 1, held: ByteRanges([0..<90]), bounds: Self.bounds)
    #expect(plan.next() == .verify)
    #expect(plan.mismatched() == .unclear)
    #expect(plan.next() == .startOver)
    #expect(fetched(&plan)?.source == 0)
  }

  @Test func aLiarTakesItsBytesWithIt() throws {
    var plan = TransferPlan(size: 400, sources: 2, bounds: Self.bounds)
    let first = try #require(fetched(&plan))
    plan.opened(first, asWhole: false)
    let second = try #require(fetched(&plan))
    plan.ended(first)
    plan.broke(second, after: 10, .final)
    plan.lied(0)
    #expect(plan.next() == .startOver)
    #expect(plan.heldBytes == 0)
    #expect(fetched(&plan)?.source == 1)
  }

  @Test func whatRunsForALiarIsGivenUpBeforeAnythingElse() throws {
    var plan = TransferPlan(size: 400, sources: 2, bounds: Self.bounds)
    let first = try #require(fetched(&plan))
    plan.opened(first, asWhole: false)
    let second = try #require(fetched(&plan))
    plan.broke(first, after: 0, .final)
    plan.lied(0)
    #expect(plan.superfluous == [second])
    // Until it has ended it may still be writing.
    #expect(plan.next() == .wait)
    plan.cancelled(second, after: 30)
    #expect(plan.next() == .startOver)
  }

  /// Whatever happens, in whatever order: bytes are asked for once at a time, only where they are missing, and it ends.
  @Test func everyCourseOfEventsEnds() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let size = Int.random(in: 0...700, using: &generator)
      var plan = TransferPlan(size: size, sources: 3, bounds: Self.bounds)
      var running: [TransferPlan.Piece] = []
      var isOver = false
      for _ in 0..<2000 where !isOver {
        switch plan.next() {
        case .fetch(let piece):
          #expect(!running.contains { $0.range.overlaps(piece.range) }, "\(running) and \(piece)")
          running.append(piece)
        case .startOver: #expect(running.isEmpty)
        case .verify:
          #expect(running.isEmpty)
          if Int.random(in: 0..<3, using: &generator) == 0 { isOver = true } else { _ = plan.mismatched() }
        case .exhausted: isOver = true
        case .wait:
          let index = try #require(running.indices.randomElement(using: &generator))
          let piece = running.remove(at: index)
          plan.opened(piece, asWhole: false)
          switch Int.random(in: 0..<8, using: &generator) {
          case 0: plan.broke(piece, after: Int.random(in: 0...piece.range.count, using: &generator), .passing)
          case 1: plan.broke(piece, after: 0, .final)
          case 2:
            plan.broke(piece, after: 0, .final)
            plan.lied(piece.source)
          default: plan.ended(piece)
          }
        }
      }
      #expect(isOver)
    }
  }
}
