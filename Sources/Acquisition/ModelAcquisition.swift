import Glibc
public import HTTPClient
public import Models
import Synchronization

/// Brings models here: fetches every file of a manifest from its sources, verifies it, and hands the whole to the store.
///
/// Nothing is installed unless every byte hashes to what the manifest says. Several acquisitions of one model at once, in one
/// process or in several, take turns: the first does the work, the others find it done.
public struct ModelAcquisition: Sendable {
  private let place: AcquisitionPlace
  private let client: HTTPClient
  private let configuration: AcquisitionConfiguration
  private let clock: AcquisitionClock
  /// Called at each step, for tests that kill the process there.
  package var reached: @Sendable (AcquisitionStep) -> Void = { _ in }

  /// - Parameters:
  ///   - store: where models are installed. Its root must be writable.
  ///   - client: its connections, certificates and resolver are used; limits on speed and time are the configuration's.
  ///   - clock: tests pass their own.
  public init(
    store: ModelStore, client: HTTPClient, configuration: AcquisitionConfiguration, clock: AcquisitionClock = .system
  ) {
    place = AcquisitionPlace(store)
    self.client = client
    self.configuration = configuration
    self.clock = clock
  }

  /// Installs a model, going on from what an earlier attempt left.
  ///
  /// - Parameters:
  ///   - manifest: approved by whoever decides; nothing here asks again.
  ///   - progress: called from time to time, on any thread.
  ///   - alert: called at once for what the owners should hear of, whatever comes of the acquisition.
  /// - Throws: ``AcquisitionFault``; then the model is not installed. Cancelling the task keeps what has arrived.
  public func acquire(
    _ manifest: ModelManifest, progress: @escaping @Sendable (AcquisitionProgress) -> Void = { _ in },
    alert: @escaping @Sendable (AcquisitionAlert) -> Void = { _ in }
  ) async throws(AcquisitionFault) -> AcquisitionReport {
    let begun = clock.now()
    let digest = manifest.digest
    let none = AcquisitionReport(manifest: digest, wasInstalled: true, files: [], alerts: [], duration: .zero)
    if try await blocking({ () throws(ModelFault) in try place.isInstalled(digest) && !place.hasLeftovers(digest) }) {
      return none
    }
    // Also makes the directory in which the lock lies.
    _ = try await blocking { () throws(ModelFault) in try place.partial(digest) }
    let lock = try await takeLock(place.lockPath(digest), manifest, progress)
    defer { withExtendedLifetime(lock) {} }
    reached(.locked)
    // Whoever had the lock before has installed it, or failed and left it to this one.
    if try await blocking({ () throws(ModelFault) in try place.isInstalled(digest) }) {
      try await blocking { () throws(ModelFault) in try place.discard(digest) }
      lock.remove()
      return none
    }
    let alerts = AlertList(alert)
    let files = try await carryOut(manifest, progress, alerts)
    lock.remove()
    return AcquisitionReport(
      manifest: digest, wasInstalled: false, files: files, alerts: alerts.all, duration: clock.now() - begun)
  }

  private func carryOut(
    _ manifest: ModelManifest, _ progress: @escaping @Sendable (AcquisitionProgress) -> Void, _ alerts: AlertList
  ) async throws(AcquisitionFault) -> [AcquisitionReport.File] {
    let digest = manifest.digest
    do throws(AcquisitionFault) {
      // Again: whoever had the lock before may have removed it.
      let directory = try await blocking { () throws(ModelFault) in try place.partial(digest) }
      let run = AcquisitionRun(
        manifest: digest, wanted: manifest.files.enumerated().map { wanted($0.element, index: $0.offset) },
        directoryPath: directory, journalPath: place.journalPath(digest),
        fetch: PieceFetch(client: client, configuration: configuration, clock: clock, reached: reached),
        progress: progress, alert: { alerts.add($0) }, reached: reached)
      let fetched = try await run.run()
      try await blocking { () throws(ModelFault) in try place.commitPatiently(manifest, fetched.hashed) }
      reached(.committed)
      return fetched.reports
    } catch {
      // What is kept is for the next attempt; anything else must not lie about half-done.
      if !error.keepsPartial { try? await blocking { () throws(ModelFault) in try place.discard(digest) } }
      throw error
    }
  }

  private func takeLock(
    _ path: String, _ manifest: ModelManifest, _ progress: @escaping @Sendable (AcquisitionProgress) -> Void
  ) async throws(AcquisitionFault) -> AcquisitionLock {
    let waiting = AcquisitionProgress(
      file: "", bytesDone: 0, bytesTotal: Int(manifest.totalSizeBytes), bytesPerSecond: 0, secondsLeft: nil)
    do throws(SystemCallFault) {
      guard let lock = try await AcquisitionLock.take(path, isWaiting: { progress(waiting) }) else { throw cancelled }
      return lock
    } catch {
      throw error == cancelled ? .cancelled : .storage(file: path, error)
    }
  }

  private var cancelled: SystemCallFault { SystemCallFault(call: "flock", path: "", errno: ECANCELED) }

  private func wanted(_ file: ModelFile, index: Int) -> WantedFile {
    WantedFile(
      index: index, path: file.path, size: Int(file.sizeBytes), sha256: file.sha256,
      sources: file.sources.map { WantedFile.Source(text: $0.text, target: configuration.target(for: $0)) })
  }

  private func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ModelFault) -> Value
  ) async throws(AcquisitionFault) -> Value {
    do throws(ModelFault) {
      return try await BlockingWork.run(work)
    } catch {
      throw .from(error)
    }
  }
}

/// What was noticed so far, passed on at once.
private final class AlertList: Sendable {
  private let alerts = Mutex<[AcquisitionAlert]>([])
  private let tell: @Sendable (AcquisitionAlert) -> Void

  init(_ tell: @escaping @Sendable (AcquisitionAlert) -> Void) { self.tell = tell }

  var all: [AcquisitionAlert] { alerts.withLock { $0 } }

  func add(_ alert: AcquisitionAlert) {
    alerts.withLock { $0.append(alert) }
    tell(alert)
  }
}
