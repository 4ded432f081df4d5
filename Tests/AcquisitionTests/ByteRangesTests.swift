import Testing

@testable import Acquisition

struct ByteRangesTests {
  /// Every subset of a small space, built in a scrambled order, against a plain set of numbers.
  @Test func rangesAreTheSetThatTheyWereMadeOf() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var ranges = ByteRanges()
      var model: Set<Int> = []
      for _ in 0..<Int.random(in: 0...8, using: &generator) {
        let start = Int.random(in: 0..<40, using: &generator)
        let range = start..<start + Int.random(in: 0..<10, using: &generator)
        #expect(ranges.overlaps(range) == !model.isDisjoint(with: range))
        ranges.insert(range)
        model.formUnion(range)
      }
      #expect(ranges.count == model.count)
      #expect(Set(ranges.ranges.flatMap { Array($0) }) == model)
      // Sorted, and neither overlapping nor touching.
      #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
      #expect(Set(ranges.gaps(upTo: 30).flatMap { Array($0) }) == Set(0..<30).subtracting(model))
      #expect(ranges.prefixEnd == (0...50).first { !model.contains($0) })
      #expect(ByteRanges(ranges.ranges.shuffled()) == ranges)
    }
  }
}
