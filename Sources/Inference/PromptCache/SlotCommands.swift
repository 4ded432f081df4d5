import CanonicalJSON

/// What llama.cpp lets one do with a slot (`POST /slots/{id}?action=...`).
struct SlotCommands: Sendable {
  let connection: RunnerConnection
  let deadline: Duration

  /// What a save came to.
  struct Saved: Sendable {
    var tokens: Int64
    var bytes: Int64
  }

  /// Writes a slot's state into a file of the runner's cache directory.
  func save(_ slot: Int, of endpoint: RunnerEndpoint, as file: String) async throws(InferenceFault) -> Saved {
    let json = try await perform("save", slot, endpoint, ["filename": .string(file)])
    guard let tokens = json["n_saved"]?.integer, let bytes = json["n_written"]?.integer, tokens >= 0, bytes >= 0 else {
      throw .runnerFailed("it did not say what it saved")
    }
    return Saved(tokens: tokens, bytes: bytes)
  }

  /// Reads a slot's state back; the number of tokens that the runner says it restored.
  func restore(_ slot: Int, of endpoint: RunnerEndpoint, from file: String) async throws(InferenceFault) -> Int64 {
    let json = try await perform("restore", slot, endpoint, ["filename": .string(file)])
    guard let tokens = json["n_restored"]?.integer else { throw .runnerFailed("it did not say what it restored") }
    return tokens
  }

  /// Forgets a slot's state.
  func erase(_ slot: Int, of endpoint: RunnerEndpoint) async throws(InferenceFault) {
    _ = try await perform("erase", slot, endpoint, [:])
  }

  private func perform(
    _ action: String, _ slot: Int, _ endpoint: RunnerEndpoint, _ body: JSON
  ) async throws(InferenceFault) -> JSON {
    try await connection.json(
      endpoint, "/slots/\(slot)?action=\(action)", body: body, id: "slot", deadline: deadline)
  }
}
