import Storage

/// One export: reads, delivers, remembers, at its own pace. Lanes share nothing but the log, so that one whose receiver
/// hangs holds up no other.
actor ExportLane {
  nonisolated let export: ExportPump.Export
  private let box: String
  private let source: any EntrySource
  private let cursorPath: String
  private let pace: ExportPace
  // Reading the log and writing the cursor; the sink has its own.
  private let disk: SerialWork

  private var cursor: ExportCursor?
  private var phase = ExportStatus.Phase.idle
  private var fault: ExportFault?
  private var faults = 0
  private var isAlarmed = false
  private var size: UInt64 = 0
  // When the entries that wait for a full batch were first seen.
  private var waitingSince: ContinuousClock.Instant?
  // When the oldest entry not acknowledged was recorded.
  private var oldest: (index: UInt64, at: Int64)?

  /// Read at a time, so that a batch of large entries is not read whole to be cut afterwards.
  private static let pageEntries: UInt64 = 64

  init(_ export: ExportPump.Export, box: String, source: any EntrySource, directory: String, pace: ExportPace) {
    self.export = export
    self.box = box
    self.source = source
    self.pace = pace
    cursorPath = "\(directory)/\(export.name).cursor"
    disk = SerialWork("lane")
  }

  /// Works until the task is cancelled; what was acknowledged until then is remembered.
  func run() async {
    while !Task.isCancelled {
      do throws(ExportFault) {
        if try await step() {
          (faults, fault) = (0, nil)
          continue
        }
        phase = .idle
        try? await Task.sleep(for: pace.interval)
      } catch {
        // Cancelled while it was delivering: not the receiver's fault.
        if Task.isCancelled { break }
        fault = error
        faults += 1
        phase = .waiting
        try? await Task.sleep(for: pace.pause(after: faults))
      }
    }
    await export.sink.close()
    phase = .stopped
  }

  /// Delivers the next batch; false when there is none yet.
  private func step() async throws(ExportFault) -> Bool {
    let cursor = try await place()
    let size = try await blocking { try $0.size() }
    self.size = size
    guard cursor.next < size else {
      waitingSince = nil
      return false
    }
    let since = waitingSince ?? ContinuousClock.now
    waitingSince = since
    let isFull = size - cursor.next >= UInt64(export.batch.entries)
    guard isFull || since.duration(to: .now) >= export.batch.linger else { return false }
    let batch = try await read(from: cursor.next, size: size)
    phase = .delivering
    // A crash from here on sends the batch again; nothing was written down yet.
    try await export.sink.deliver(batch)
    let next = ExportCursor(next: batch.last + 1, leaf: batch.events.last?.leafHash)
    waitingSince = nil
    // In memory first: if the disk fails now, the batch is not sent again before the place could be written.
    self.cursor = next
    unsaved = true
    try await save()
    return true
  }

  private var unsaved = false

  private func save() async throws(ExportFault) {
    guard unsaved, let cursor else { return }
    let (path, box) = (cursorPath, box)
    try await disk.run { Result { () throws(ExportFault) in try cursor.save(path, box: box) } }
    unsaved = false
  }

  // The place reached, held against the log once.
  private func place() async throws(ExportFault) -> ExportCursor {
    if let cursor {
      try await save()
      return cursor
    }
    let (path, box, source) = (cursorPath, box, source)
    let loaded = try await disk.run {
      Result { () throws(ExportFault) in
        guard let cursor = try ExportCursor.load(path, box: box) else { return ExportCursor.start }
        try cursor.check(against: source)
        return cursor
      }
    }
    cursor = loaded
    return loaded
  }

  private func read(from first: UInt64, size: UInt64) async throws(ExportFault) -> ExportBatch {
    let limits = export.batch
    let box = box
    return try await blocking { source in
      var events: [AuditEvent] = []
      var bytes = 0
      let end = min(size, first + UInt64(limits.entries))
      var next = first
      reading: while next < end {
        let page = try source.entries(in: next..<min(end, next + Self.pageEntries))
        guard !page.isEmpty else { throw ExportFault.source("entry \(next) is missing") }
        for stored in page {
          guard stored.index == next else { throw ExportFault.source("entry \(next) is missing") }
          if !events.isEmpty, bytes + stored.bytes.count > limits.bytes { break reading }
          bytes += stored.bytes.count
          events.append(try AuditEvent(stored, box: box))
          next += 1
        }
      }
      guard let checkpoint = try source.checkpoint(covering: next - 1),
        let batch = ExportBatch(events: events, checkpoint: checkpoint)
      else { throw ExportFault.source("no checkpoint covers entry \(next - 1)") }
      return batch
    }
  }

  /// Looks at the lag and says what has changed.
  func review(now: Int64) async -> ExportAlarm? {
    let next = cursor?.next ?? 0
    // A source that cannot be read leaves the last known numbers; the lane itself reports the fault.
    if let size = try? await blocking({ try $0.size() }) { self.size = size }
    if next >= size {
      oldest = nil
    } else if oldest?.index != next {
      let at = try? await blocking { source in
        try source.entries(in: next..<next + 1).first.map { try AuditEvent($0, box: "").at }
      }
      oldest = (at ?? nil).map { (next, $0) }
    }
    let status = status(now: now)
    let limits = export.alarm
    let isBehind = status.entriesBehind > limits.entries || status.millisecondsBehind > limits.milliseconds
    guard isBehind != isAlarmed else { return nil }
    isAlarmed = isBehind
    var changed = status
    changed.isAlarmed = isBehind
    return ExportAlarm(isRaised: isBehind, status: changed)
  }

  func status(now: Int64) -> ExportStatus {
    let next = cursor?.next ?? 0
    let behind = size > next ? size - next : 0
    let age = behind > 0 ? oldest.map { $0.index == next ? max(0, now - $0.at) : 0 } ?? 0 : 0
    return ExportStatus(
      name: export.name, destination: export.sink.destination, phase: phase, acknowledged: next, entriesBehind: behind,
      millisecondsBehind: age, isAlarmed: isAlarmed, faults: faults, fault: fault)
  }

  private func blocking<Value: Sendable>(
    _ read: @escaping @Sendable (any EntrySource) throws -> Value
  ) async throws(ExportFault) -> Value {
    let source = source
    return try await disk.run {
      Result { try read(source) }.mapError { $0 as? ExportFault ?? .source("\($0)") }
    }
  }
}
