import Cryptography
import KeyRelease
import Synchronization

extension Box {
  /// Comes to the key of the data before anything else is begun.
  ///
  /// Where a broker has it: what is in force is measured first, so that the evidence shows it; then the broker is asked; then the
  /// data is opened. Where the broker refuses, is not there or waits for people, the box shows its log and goes on asking. A
  /// crash anywhere in between leaves measured code, which the next start finds again, and perhaps a release that nobody opened.
  ///
  /// - Returns: where the key came from; nil where the data is not open.
  func unlock() async throws -> DataKey? {
    guard let asker else { return opened.withLock { $0 == nil ? nil : .file } }
    do {
      try await asker.measurer.start()
    } catch let fault as MachineFault {
      // Evidence of a machine that contradicts the log is not shown to anybody.
      raiseAlarm("\(fault)")
      return nil
    }
    do {
      return try admit(try await asker.ask())
    } catch let failure as KeyReleaseFailure {
      say("\(failure)")
      let task = Task { await goOnAsking(asker, after: failure) }
      asking.withLock { $0 = task }
      return nil
    }
  }

  /// Asks again until the key is here, and then begins what waits for it.
  private func goOnAsking(_ asker: KeyAsker, after first: KeyReleaseFailure) async {
    var (pace, failure) = (environment.pace, first)
    while !isAlarmed {
      do {
        try await Task.sleep(for: pace.delay(after: failure))
        let released = try await asker.ask()
        // A box that is stopping, or whose log was contradicted meanwhile, opens nothing.
        guard !Task.isCancelled, !isAlarmed, let key = try admit(released) else { return }
        if let brokerServer = try await takeUp(key) { try listen(brokerServer) }
        report("\(asker.configuration.broker.url) released the key of the data; the box is \(mode)")
        return
      } catch let again as KeyReleaseFailure {
        failure = again
        if !Task.isCancelled { say("\(again)") }
      } catch is CancellationError {
        return
      } catch {
        // The data is damaged, or the machine failed: what was begun is not gone on with.
        say("\(error); start the box again")
        await sequencer?.close()
        return
      }
    }
  }

  /// Opens the data, if the key is the one with which it was sealed. Nil, with the reason said, if it is not.
  private func admit(_ released: ReleasedKey) throws -> DataKey? {
    do {
      try directory.admit(released.key)
    } catch let failure as DataDirectory.Failure {
      // Nothing was opened, and asking again would bring the same key.
      say("\(failure); correct box.json or restore keys/, and start the box again")
      return nil
    }
    try open(below: released.key)
    return .released(
      .init(
        release: released.release, accepted: released.record.release,
        isHardware: released.record.assurance == .hardware))
  }

  /// Says once why the key is not here.
  private func say(_ why: String) {
    let isNew = dataKey.withLock { key in
      if key == .awaited(why: why) { return false }
      key = .awaited(why: why)
      return true
    }
    if isNew { report("the key of the data is not here, and the box only shows its log: \(why)") }
  }

  /// Ends the asking, and waits until nothing of it is under way.
  func stopAsking() async {
    let task = asking.withLock { $0 }
    task?.cancel()
    await task?.value
    asker?.shutDown()
  }
}
