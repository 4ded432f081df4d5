import CanonicalJSON

/// Waits for what becomes of a run.
struct RunWatch: Sendable {
  let box: BoxClient
  let run: String

  func view(waiting seconds: Int64 = 0) async throws(BoxFailure) -> RunView {
    let query = seconds > 0 ? "?wait=\(seconds)" : ""
    return try RunView(try await box.get("/v1/runs/\(run)\(query)", deadline: .seconds(seconds + 30)))
  }

  /// Returns when the run is over, when it waits for a decision that is not in `known`, at the deadline, or when the task
  /// is cancelled, with the state last seen.
  func settle(_ first: RunView, known: Set<String>, until deadline: ContinuousClock.Instant) async throws(BoxFailure)
    -> RunView
  {
    var view = first
    var pause = Duration.milliseconds(10)
    while !view.isOver, !Task.isCancelled {
      if try await waitsForPeople(view, beyond: known) { return view }
      let left = deadline - .now
      guard left > .zero else { return view }
      // The box holds an answer back for a run's end only. Short tools are asked after in quick succession; later a
      // decision that comes up in the meantime is noticed within a second.
      if pause < .milliseconds(400) {
        try? await Task.sleep(for: min(pause, left))
        pause *= 2
        view = try await self.view()
      } else {
        let asked = ContinuousClock.now
        view = try await self.view(waiting: 1)
        // A box that answers at once all the same is not asked without pause.
        if !view.isOver, .now - asked < .milliseconds(200) { try? await Task.sleep(for: .milliseconds(200)) }
      }
    }
    return view
  }

  /// Whether there is a decision to be taken that nobody has been told of. A change that its policy approves at once is
  /// seen as waiting for as long as it takes to carry it out, and is none.
  private func waitsForPeople(_ view: RunView, beyond known: Set<String>) async throws(BoxFailure) -> Bool {
    for gate in view.gates where !known.contains(gate.proposal) {
      let proposal: JSON
      do throws(BoxFailure) {
        proposal = try await box.get("/v1/proposals/\(gate.proposal)")
      } catch {
        // A token that may not read proposals: what the run's state says has to do.
        guard case .refused = error else { throw error }
        return true
      }
      switch proposal["status"]?["name"]?.string {
      case "open", "locked", "unknown": return true
      default: continue
      }
    }
    return false
  }
}
