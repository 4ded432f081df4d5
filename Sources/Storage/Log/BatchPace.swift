/// For how many callers, and how long, the writer waits before it begins a batch.
///
/// Callers who wait for each answer before they ask again come back one by one after a commit. A writer that takes the
/// first of them at once makes the rest wait for two commits: batches become large, small, large, small, and half of the
/// syncs serve few. So the writer hopes for as many callers as the last batch had, for at most half of the time that the
/// batch took. Whoever is alone waits for nobody, and when callers stay away the hope is gone after one batch.
struct BatchPace: Sendable {
  /// As many as the last batch had.
  private(set) var callers = 1
  /// How long to wait for them once the first is there.
  private(set) var patience: Duration = .zero

  /// No disk is so slow that waiting longer pays.
  static let longest: Duration = .milliseconds(2)

  /// A batch has been answered.
  mutating func note(callers: Int, took: Duration) {
    self.callers = callers
    patience = min(took / 2, Self.longest)
  }
}
