import CanonicalJSON
import Storage
import Synchronization

/// How many tokens each client used in the last 24 hours, in buckets of an hour. It outlives the process, but for what was
/// booked in its last moment: a crash forgets at most what ``interval`` and one request hold.
final class InferenceLedger: Sendable {
  private static let hour: Int64 = 3_600_000
  /// Buckets that count: this hour and the 23 before it.
  private static let hours: Int64 = 24
  /// Milliseconds between two writes.
  private static let interval: Int64 = 1000
  private static let maxBytes = 4 << 20

  private struct State {
    /// Tokens by client and by hour since 1970.
    var used: [String: [Int64: Int64]] = [:]
    var writtenAt: Int64 = 0
    var isDirty = false
  }

  private let path: String
  private let clock: @Sendable () -> Int64
  private let state: Mutex<State>
  private let report: @Sendable (String) -> Void

  /// Reads what an earlier process left.
  init(
    path: String, clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
  ) throws {
    self.path = path
    self.clock = clock
    self.report = report
    var state = State()
    if let bytes = try WholeFile.read(path, limit: Self.maxBytes) {
      state.used = try Self.read(bytes)
    }
    self.state = Mutex(state)
  }

  /// Tokens that a client used in the last 24 hours.
  func used(by client: String) -> Int64 {
    let now = clock() / Self.hour
    return state.withLock { state in
      (state.used[client] ?? [:]).reduce(0) { $1.key > now - Self.hours ? $0 + $1.value : $0 }
    }
  }

  /// Books what a request used.
  func book(_ tokens: Int64, for client: String) {
    let now = clock()
    let bytes = state.withLock { state -> [UInt8]? in
      let hour = now / Self.hour
      state.used[client, default: [:]][hour, default: 0] += max(0, tokens)
      state.isDirty = true
      guard now - state.writtenAt >= Self.interval else { return nil }
      return Self.snapshot(&state, now)
    }
    write(bytes)
  }

  /// Writes what was booked since the last time.
  func flush() {
    let now = clock()
    write(state.withLock { state in state.isDirty ? Self.snapshot(&state, now) : nil })
  }

  private static func snapshot(_ state: inout State, _ now: Int64) -> [UInt8] {
    let oldest = now / hour - hours
    state.used = state.used.mapValues { $0.filter { $0.key > oldest } }.filter { !$0.value.isEmpty }
    state.writtenAt = now
    state.isDirty = false
    var object: JSONObject = [:]
    for (client, hours) in state.used {
      object[client] = .object(JSONObject(hours.map { (String($0.key), .integer($0.value)) }))
    }
    return JSON.object(["format": "safebox-usage/v1", "clients": .object(object)]).canonicalBytes() + [10]
  }

  private func write(_ bytes: [UInt8]?) {
    guard let bytes else { return }
    do {
      try WholeFile.replace(path, with: bytes, mode: 0o600)
    } catch {
      report("the use of models could not be written down: \(error)")
    }
  }

  private static func read(_ bytes: [UInt8]) throws -> [String: [Int64: Int64]] {
    var reader = try ObjectReader(try JSON(parsing: bytes, limits: .document(maxBytes: maxBytes)))
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-usage/v1" else {
      throw FieldError(field: "format", expected: "safebox-usage/v1", actual: format)
    }
    var used: [String: [Int64: Int64]] = [:]
    for client in try reader.json("clients").object ?? [:] {
      for hour in client.value.object ?? [:] {
        guard let number = Int64(hour.key), let tokens = hour.value.integer, tokens >= 0 else {
          throw FieldError(field: "clients.\(client.key)", expected: "tokens by hour", actual: client.value.summary)
        }
        used[client.key, default: [:]][number] = tokens
      }
    }
    try reader.finish()
    return used
  }
}
