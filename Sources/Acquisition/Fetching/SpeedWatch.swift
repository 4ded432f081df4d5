import HTTPClient

/// Runs a transfer and gives it up when it is too slow over a whole period; waiting for the first byte counts.
struct SpeedWatch: Sendable {
  enum Outcome: Sendable {
    case done
    case tooSlow(SourceFault)
    case failed(HTTPClientError)
  }

  let limits: AcquisitionLimits
  let clock: AcquisitionClock

  /// Returns when the transfer has ended, whatever ended it.
  ///
  /// - Parameter received: bytes so far.
  func run(
    received: @escaping @Sendable () -> Int, transfer: @escaping @Sendable () async throws(HTTPClientError) -> Void
  ) async -> Outcome {
    await withTaskGroup(of: Outcome?.self) { group in
      group.addTask {
        do throws(HTTPClientError) {
          try await transfer()
          return .done
        } catch {
          return .failed(error)
        }
      }
      group.addTask {
        var (time, bytes) = (clock.now(), 0)
        while (try? await clock.sleep(limits.slowPeriod)) != nil {
          let (now, count) = (clock.now(), received())
          if limits.isTooSlow(bytes: count - bytes, over: now - time) {
            return .tooSlow(.tooSlow(leastBytesPerSecond: limits.leastBytesPerSecond, over: limits.slowPeriod))
          }
          (time, bytes) = (now, count)
        }
        return nil
      }
      // The watch alone ends with nothing, when it is cancelled; the transfer says so itself then.
      while let outcome = await group.next() {
        guard let outcome else { continue }
        group.cancelAll()
        await group.waitForAll()
        return outcome
      }
      return .done
    }
  }
}
