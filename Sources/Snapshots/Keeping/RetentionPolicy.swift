/// Which snapshots are kept. Pure: the same records give the same answer.
///
/// Kept are the pinned ones, the latest `last`, and the latest of each of the latest `daily` days and `weekly` weeks in which
/// there is one. Days are UTC; weeks begin on Monday.
public struct RetentionPolicy: Sendable, Hashable {
  /// At least 1: what was taken last is never removed by a policy.
  public let last: Int
  public let daily: Int
  public let weekly: Int

  /// Counts below what is possible are raised to it: `last` to 1, the others to 0.
  public init(last: Int, daily: Int = 0, weekly: Int = 0) {
    self.last = max(1, last)
    self.daily = max(0, daily)
    self.weekly = max(0, weekly)
  }

  /// The labels that the policy lets go, the oldest first.
  public func removable(_ records: [SnapshotRecord]) -> [SnapshotLabel] {
    let newestFirst = records.sorted { ($0.takenAt, $0.label) > ($1.takenAt, $1.label) }
    var kept = Set(newestFirst.prefix(last).map(\.label))
    kept.formUnion(newestFirst.filter(\.isPinned).map(\.label))
    kept.formUnion(Self.latest(daily, of: newestFirst) { Self.day($0) })
    kept.formUnion(Self.latest(weekly, of: newestFirst) { Self.week($0) })
    return newestFirst.reversed().map(\.label).filter { !kept.contains($0) }
  }

  private static func latest(
    _ count: Int, of newestFirst: [SnapshotRecord], by period: (SnapshotRecord) -> Int64
  ) -> [SnapshotLabel] {
    var seen: Set<Int64> = []
    return newestFirst.filter { seen.count < count && seen.insert(period($0)).inserted }.map(\.label)
  }

  private static func day(_ record: SnapshotRecord) -> Int64 {
    // Rounded down also before 1970.
    record.takenAt >= 0 ? record.takenAt / 86_400_000 : (record.takenAt - 86_399_999) / 86_400_000
  }

  private static func week(_ record: SnapshotRecord) -> Int64 {
    // Day 0, 1 January 1970, was a Thursday.
    let shifted = day(record) + 3
    return shifted >= 0 ? shifted / 7 : (shifted - 6) / 7
  }
}
