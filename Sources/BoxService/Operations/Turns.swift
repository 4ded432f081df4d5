import Cryptography

/// Lets one caller at a time through for each key, in the order of arrival. Keys that nobody holds cost nothing.
actor Turns {
  /// Who waits for the present holder; a key is here as long as somebody holds it.
  private var waiting: [SHA256Digest: [CheckedContinuation<Void, Never>]] = [:]

  /// Runs `body` while no other one with the same key runs.
  nonisolated func run<Result: Sendable>(
    _ key: SHA256Digest, _ body: () async throws -> Result
  ) async rethrows -> Result {
    await enter(key)
    do {
      let result = try await body()
      await leave(key)
      return result
    } catch {
      await leave(key)
      throw error
    }
  }

  /// How many keys are held.
  var held: Int { waiting.count }

  private func enter(_ key: SHA256Digest) async {
    guard waiting[key] != nil else {
      waiting[key] = []
      return
    }
    await withCheckedContinuation { waiting[key, default: []].append($0) }
  }

  private func leave(_ key: SHA256Digest) {
    guard var line = waiting[key], !line.isEmpty else {
      waiting[key] = nil
      return
    }
    let next = line.removeFirst()
    waiting[key] = line
    next.resume()
  }
}
