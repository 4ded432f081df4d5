import Synchronization

/// Says how far all files together are.
final class ProgressReporter: Sendable {
  private struct State {
    var meter: ProgressMeter
    var files: [PartialFile]
    var last = ""
    var counts: [Int]
  }

  private let total: Int
  private let clock: AcquisitionClock
  private let report: @Sendable (AcquisitionProgress) -> Void
  private let state: Mutex<State>

  init(
    total: Int, files: [PartialFile], clock: AcquisitionClock, report: @escaping @Sendable (AcquisitionProgress) -> Void
  ) {
    self.total = total
    self.clock = clock
    self.report = report
    let counts = files.map(\.received.count)
    let meter = ProgressMeter(startedAt: clock.now(), bytes: counts.reduce(0, +))
    state = Mutex(State(meter: meter, files: files, counts: counts))
  }

  /// Looks at all files and reports.
  func tell() {
    let progress = state.withLock { state in
      let counts = state.files.map(\.received.count)
      if let index = counts.indices.last(where: { counts[$0] != state.counts[$0] }) {
        state.last = state.files[index].path
      }
      state.counts = counts
      let done = counts.reduce(0, +)
      state.meter.note(bytes: done, at: clock.now())
      return AcquisitionProgress(
        file: state.last, bytesDone: done, bytesTotal: total, bytesPerSecond: state.meter.bytesPerSecond,
        secondsLeft: state.meter.secondsLeft(for: total - done))
    }
    report(progress)
  }

  /// Reports from time to time until the task is cancelled.
  func run(every period: Duration) async {
    while (try? await clock.sleep(period)) != nil { tell() }
  }
}
