import SystemOperations
import Testing

@Suite struct ChurnGuardTests {
  private let patience = ChurnGuard.Patience(free: 2, first: 100, longest: 1000, memory: 10_000)

  @Test func eachStrainBeyondTheFreeOnesDoublesTheWait() {
    var churn = ChurnGuard(patience: patience)
    var waits: [Int64?] = []
    for _ in 0..<8 {
      churn.strain("a", at: 5)
      waits.append(churn.wait(for: "a", at: 5))
    }
    #expect(waits == [nil, nil, 100, 200, 400, 800, 1000, 1000])
    #expect(churn.wait(for: "b", at: 5) == nil)
    #expect(churn.wait(for: "a", at: 1004) == 1)
    #expect(churn.wait(for: "a", at: 1005) == nil)
  }

  @Test func peaceForgets() {
    var churn = ChurnGuard(patience: patience)
    for _ in 0..<5 { churn.strain("a", at: 0) }
    churn.strain("a", at: 10_000)
    #expect(churn.wait(for: "a", at: 10_000) == 800)
    churn.strain("a", at: 20_001)
    #expect(churn.wait(for: "a", at: 20_001) == nil)
  }

  @Test func itsMemoryIsBoundedAndItsArithmeticDoesNotOverflow() {
    var churn = ChurnGuard(patience: patience)
    for number in 0..<(ChurnGuard.maxObjects + 10) { churn.strain("object \(number)", at: Int64(number)) }
    #expect(churn.count == ChurnGuard.maxObjects)
    var patient = ChurnGuard(patience: .init(free: 0, first: 1 << 40, longest: 1 << 50, memory: 1))
    for _ in 0..<100 { patient.strain("a", at: 0) }
    #expect(patient.wait(for: "a", at: 0) == 1 << 50)
  }
}
