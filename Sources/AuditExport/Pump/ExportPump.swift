public import Storage

/// Carries the log to its exports, behind the box and never in its way.
///
/// Guarantees: every entry reaches every sink at least once and in order; the place reached is on disk after each
/// acknowledgement; after a crash at most the last batch comes twice, told by its indexes. At most one batch an export is
/// held in memory. An export that cannot go on waits, longer each time up to a limit, and for ever: nothing is dropped.
public actor ExportPump {
  /// A sink and how it is fed.
  public struct Export: Sendable {
    /// 1 to 64 of `a-z0-9-`, unique: it names the cursor's file.
    public var name: String
    public var sink: any ExportSink
    public var batch: BatchLimits
    public var alarm: LagLimits

    public init(name: String, sink: any ExportSink, batch: BatchLimits = BatchLimits(), alarm: LagLimits = LagLimits())
    {
      self.name = name
      self.sink = sink
      self.batch = batch
      self.alarm = alarm
    }
  }

  /// Most exports of a box.
  public static let maxExports = 16

  private let lanes: [ExportLane]
  private let directory: String
  private let pace: ExportPace
  private let clock: @Sendable () -> Int64
  private let alarm: @Sendable (ExportAlarm) -> Void
  private var tasks: [Task<Void, Never>] = []
  private var watch: Task<Void, Never>?

  /// - Parameters:
  ///   - box: the log's origin.
  ///   - directory: of the cursors; made when it is absent.
  ///   - clock: Unix milliseconds, for the age of what waits.
  ///   - alarm: called once when an export falls behind and once when it has caught up; must not block.
  public init(
    box: String, source: any EntrySource, exports: [Export], directory: String, pace: ExportPace = ExportPace(),
    clock: @escaping @Sendable () -> Int64, alarm: @escaping @Sendable (ExportAlarm) -> Void
  ) {
    lanes = exports.map { ExportLane($0, box: box, source: source, directory: directory, pace: pace) }
    self.directory = directory
    self.pace = pace
    self.clock = clock
    self.alarm = alarm
  }

  /// Begins. Throws when the directory cannot be made; sinks that fail are retried, not reported here.
  public func start() throws(SystemCallError) {
    guard tasks.isEmpty else { return }
    _ = try Directory.make(directory)
    tasks = lanes.map { lane in Task { await lane.run() } }
    watch = Task { [lanes, pace, clock, alarm] in
      while !Task.isCancelled {
        for lane in lanes {
          if let change = await lane.review(now: clock()) { alarm(change) }
        }
        try? await Task.sleep(for: pace.interval)
      }
    }
  }

  /// Ends: batches on their way are finished or cut off, and what was acknowledged is remembered. Returns after `grace` at
  /// the latest; a sink that still hangs then is left to its own deadline.
  public func stop(grace: Duration = .seconds(5)) async {
    watch?.cancel()
    for task in tasks { task.cancel() }
    let end = ContinuousClock.now.advanced(by: grace)
    for lane in lanes {
      while await lane.status(now: 0).phase != .stopped, ContinuousClock.now < end, !tasks.isEmpty {
        try? await Task.sleep(for: .milliseconds(10))
      }
    }
    tasks = []
    watch = nil
  }

  /// How each export stands, in the order of the configuration.
  public func status() async -> [ExportStatus] {
    let now = clock()
    var all: [ExportStatus] = []
    for lane in lanes { all.append(await lane.status(now: now)) }
    return all
  }
}
