import Storage
import TransparencyLog
import Witness

/// Takes the newest checkpoint to the witnesses whenever the log has grown, and keeps the newest one that they cosigned.
actor WitnessKeeper {
  /// At most one round in this time: witnesses are other people's machines.
  static let interval = Duration.seconds(1)
  /// After a round without a quorum the same checkpoint is taken there again: a quiet log must not stay without one.
  static let retryInterval = Duration.seconds(5)

  private let client: WitnessClient
  private let reader: LogReader
  private let events: EventHub
  private let report: @Sendable (String) -> Void
  private let onAlarm: @Sendable (String) -> Void
  private var task: Task<Void, Never>?
  private var sizes: [String: UInt64] = [:]
  private(set) var newest: SignedCheckpoint?
  private(set) var lastFailure: String?

  /// - Parameter onAlarm: told when a witness contradicts the log.
  init(
    client: WitnessClient, reader: LogReader, events: EventHub, report: @escaping @Sendable (String) -> Void,
    onAlarm: @escaping @Sendable (String) -> Void
  ) {
    self.client = client
    self.onAlarm = onAlarm
    self.reader = reader
    self.events = events
    self.report = report
  }

  func start() {
    task = Task { [weak self] in
      var size: UInt64 = 0
      while let keeper = self {
        guard let grown = await keeper.events.growth(beyond: size) else { return }
        let isDone = await keeper.round()
        if isDone { size = grown }
        guard (try? await Task.sleep(for: isDone ? Self.interval : Self.retryInterval)) != nil else { return }
      }
    }
  }

  func stop() { task?.cancel() }

  /// Whether the newest checkpoint got its quorum.
  private func round() async -> Bool {
    do {
      guard let signed = try reader.latestCheckpoint() else { return true }
      let reader = reader
      let result = await client.cosign(
        signed, remembered: sizes, proofs: { from, to in try reader.consistencyProof(from: from, to: to) })
      for (name, outcome) in result.outcomes {
        if case .cosigned = outcome { sizes[name] = signed.checkpoint.size }
      }
      if let (name, outcome) = result.alarms.first {
        // Somebody continues this log elsewhere, or it was rolled back under us. Going on would make a second history.
        onAlarm("witness \(name) \(outcome)")
      }
      switch result.verdict {
      case .success:
        newest = result.checkpoint
        lastFailure = nil
        return true
      case .failure(let rejection):
        note(
          "the checkpoint is not witnessed: \(rejection); "
            + result.outcomes.map { "\($0.witness) \($0.outcome)" }.joined(separator: "; "))
      }
    } catch {
      note("the witnesses could not be asked: \(error)")
    }
    return false
  }

  private func note(_ failure: String) {
    if lastFailure != failure { report(failure) }
    lastFailure = failure
  }
}
