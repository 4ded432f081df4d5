import CanonicalJSON
import Cryptography

/// What the scheduler asks of measuring: nothing executes with code that the machine's register does not show.
struct CodeMeasurement: Sendable {
  let measurer: RuntimeMeasurer
  let keeper: IdentityKeeper
  let sequencer: Sequencer

  /// Measures what the execution of a proposal brings into use.
  func prepare(for id: SHA256Digest) async throws {
    // What is already closed is the fold's to refuse.
    let events = try await sequencer.inspect { state, _ in
      Result { () throws(FieldError) in
        state.measured.isClosed ? [] : try state.codeBroughtIn(by: id).filter { !state.measured.contains($0.digest) }
      }
    }.get()
    guard !events.isEmpty else { return }
    try await measurer.measure(events)
    // A quote that shows it exists before it is used.
    await keeper.claimAgain()
  }

  /// Marks the end of measuring where the owners decided it.
  func closeWhereDue() async throws {
    guard let due = try await sequencer.inspect({ state, _ in state.measured.lockDue }) else { return }
    try await measurer.lock(due)
    await keeper.claimAgain()
  }
}
