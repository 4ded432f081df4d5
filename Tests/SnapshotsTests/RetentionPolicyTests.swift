import Cryptography
import Snapshots
import Testing

struct RetentionPolicyTests {
  private static let day: Int64 = 86_400_000
  /// Thursday, 1 January 2026, 00:00 UTC.
  private static let newYear: Int64 = 1_767_225_600_000

  private func records(_ times: [Int64], pinned: Set<Int> = []) throws -> [SnapshotRecord] {
    try times.enumerated().map { number, time in
      SnapshotRecord(
        label: try SnapshotLabel("s\(number)"), digest: SHA256.hash([]), entries: 1, bytes: 0, takenAt: time,
        isPinned: pinned.contains(number))
    }
  }

  private func kept(_ policy: RetentionPolicy, _ records: [SnapshotRecord]) -> [String] {
    let removed = Set(policy.removable(records))
    return records.filter { !removed.contains($0.label) }.map(\.label.text)
  }

  @Test func theLatestStay() throws {
    let records = try records([10, 30, 20, 40])
    #expect(RetentionPolicy(last: 2).removable(records).map(\.text) == ["s0", "s2"])
    #expect(kept(RetentionPolicy(last: 9), records) == ["s0", "s1", "s2", "s3"])
    // The very last stays whatever somebody writes into a policy.
    #expect(kept(RetentionPolicy(last: 0), records) == ["s3"])
    #expect(kept(RetentionPolicy(last: -5, daily: -1, weekly: -1), records) == ["s3"])
    #expect(RetentionPolicy(last: 1).removable([]) == [])
  }

  @Test func pinnedOnesStay() throws {
    #expect(kept(RetentionPolicy(last: 1), try records([1, 2, 3, 4], pinned: [1])) == ["s1", "s3"])
  }

  @Test func oneADay() throws {
    let (start, day) = (Self.newYear, Self.day)
    let records = try records([
      start, start + day - 1,  // both on the first
      start + day,  // the very first moment of the second
      start + 3 * day, start + 3 * day + 5,  // the fourth; nothing on the third
    ])
    #expect(kept(RetentionPolicy(last: 1, daily: 2), records) == ["s2", "s4"])
    #expect(kept(RetentionPolicy(last: 1, daily: 3), records) == ["s1", "s2", "s4"])
    #expect(kept(RetentionPolicy(last: 1, daily: 30), records) == ["s1", "s2", "s4"])
  }

  @Test func oneAWeek() throws {
    let (start, day) = (Self.newYear, Self.day)
    let records = try records([
      start,  // Thursday
      start + 3 * day,  // Sunday of the same week
      start + 4 * day,  // Monday
      start + 10 * day,  // Sunday of that week
      start + 11 * day,  // Monday
    ])
    #expect(kept(RetentionPolicy(last: 1, weekly: 3), records) == ["s1", "s3", "s4"])
    #expect(kept(RetentionPolicy(last: 1, weekly: 2), records) == ["s3", "s4"])
    #expect(kept(RetentionPolicy(last: 1, daily: 2, weekly: 3), records) == ["s1", "s3", "s4"])
  }

  @Test func timesBefore1970AreDaysToo() throws {
    let records = try records([-Self.day - 1, -Self.day, -1, 0])
    #expect(kept(RetentionPolicy(last: 1, daily: 2), records) == ["s2", "s3"])
    #expect(kept(RetentionPolicy(last: 1, daily: 3), records) == ["s0", "s2", "s3"])
  }
}
