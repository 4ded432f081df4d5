import CTPM
import CanonicalJSON
import Dispatch
import Synchronization

/// A TPM 2.0: `/dev/tpmrm0`, or a software TPM in its place.
///
/// Operations are made one at a time, on a thread of its own, each over a connection of its own. Several devices of one
/// address, in one process or many, are fine: a resource manager, or the TPM itself, lets them take turns. All
/// authorisations are taken to be empty, as a machine has them that nobody took into possession; another is reported as
/// `TPM_RC_BAD_AUTH`.
public final class TPMDevice: Sendable {
  public enum Limits {
    /// Operations that may wait for their turn.
    public static let waiting = 64
    /// How often registers are read and quoted again because they changed in between.
    static let attempts = 16
  }

  public let address: TPMAddress
  private let limit: Duration
  private let queue: DispatchQueue
  private let waiting = Mutex(0)

  /// Nothing is asked of the TPM yet.
  ///
  /// - Parameters:
  ///   - tcti: `device:/dev/tpmrm0`, `swtpm:path=/run/tpm/socket` or `swtpm:host=127.0.0.1,port=2321`.
  ///   - limit: how long one operation may take, its turn included. The slowest, deriving an RSA key, takes some hardware
  ///     half a minute.
  public init(tcti: String, limit: Duration = .seconds(60)) throws(TPMFailure) {
    address = try TPMAddress(tcti)
    self.limit = limit
    queue = DispatchQueue(label: "safebox.tpm")
  }

  /// Operations that wait or run.
  var operationsUnderWay: Int { waiting.withLock { $0 } }

  /// Runs one operation on the thread, and gives up waiting for it after the limit.
  func perform<Value: Sendable>(
    _ operation: String,
    _ body: @escaping @Sendable (borrowing TPMConnection) throws(TPMFailure) -> Value
  ) async throws(TPMFailure) -> Value {
    let isAccepted = waiting.withLock { waiting in
      guard waiting < Limits.waiting else { return false }
      waiting += 1
      return true
    }
    guard isAccepted else { throw .busy(waiting: Limits.waiting) }
    return try await withCheckedContinuation { continuation in
      let pending = PendingOperation<Value>(continuation)
      let watch = Task { [limit] in
        try await Task.sleep(for: limit)
        pending.end(.failure(.timedOut(operation: operation, limit: limit)))
      }
      queue.async { [self] in
        defer {
          watch.cancel()
          waiting.withLock { $0 -= 1 }
        }
        guard pending.isAwaited else { return }
        pending.end(Self.result { () throws(TPMFailure) in try attempt(operation, body) })
      }
    }.get()
  }

  private static func result<Value>(_ body: () throws(TPMFailure) -> Value) -> Result<Value, TPMFailure> {
    do { return .success(try body()) } catch { return .failure(error) }
  }

  /// Connects and runs the operation; once more where there was no room because of what others left in the TPM.
  private func attempt<Value: Sendable>(
    _ operation: String, _ body: (borrowing TPMConnection) throws(TPMFailure) -> Value
  ) throws(TPMFailure) -> Value {
    let connection = try TPMConnection(address, operation: operation)
    do {
      return try body(connection)
    } catch {
      guard case .refused(_, let code) = error, code.isFull, address.isExclusive else { throw error }
      try connection.check(ctpm_flush_remains(connection.tpm))
      return try body(connection)
    }
  }
}

extension TPMDevice {
  /// What the TPM says of itself.
  public func properties() async throws(TPMFailure) -> TPMProperties {
    try await perform("tell its properties") { (connection) throws(TPMFailure) in
      return TPMProperties(
        manufacturer: TPMProperties.text([try connection.property(0x105)]),
        vendor: TPMProperties.text([
          try connection.property(0x106), try connection.property(0x107), try connection.property(0x108),
          try connection.property(0x109),
        ]),
        firmware: UInt64(try connection.property(0x10B)) << 32 | UInt64(try connection.property(0x10C)))
    }
  }

  /// The TPM's clock and its counts of resets and restarts, as they are; quotes by keys of the owner's hierarchy carry them
  /// shifted by a constant (TPM 2.0 part 1, section 36.7).
  public func clock() async throws(TPMFailure) -> TPMClock {
    try await perform("tell its time") { (connection) throws(TPMFailure) in
      var clock = ctpm_clock()
      try connection.check(ctpm_read_clock(connection.tpm, &clock))
      return TPMClock(
        time: clock.time, clock: clock.clock, resetCount: clock.reset_count, restartCount: clock.restart_count,
        isSafe: clock.is_safe != 0)
    }
  }

  /// All bytes of an NV index that the owner or anybody may read; nil when there is no such index.
  ///
  /// - Parameter maxBytes: a longer index is refused.
  public func storedBytes(at index: UInt32, maxBytes: Int = 8192) async throws(TPMFailure) -> [UInt8]? {
    try await perform("read what it stores") { (connection) throws(TPMFailure) in
      try connection.storedBytes(at: index, maxBytes: maxBytes)
    }
  }

  /// Handles of objects and sessions that are loaded in the TPM now, as far as this connection sees them.
  func loadedHandles() async throws(TPMFailure) -> [UInt32] {
    try await perform("list what is loaded") { (connection) throws(TPMFailure) in
      var all: [UInt32] = []
      for first in [UInt32(0x8000_0000), 0x0200_0000, 0x0300_0000] {
        var handles = [UInt32](repeating: 0, count: 64)
        var count = handles.count
        try connection.check(ctpm_handles(connection.tpm, first, &handles, &count))
        all += handles.prefix(count)
      }
      return all
    }
  }
}

extension TPMConnection {
  /// A property of the TPM (TPM_PT); zero where it has none.
  func property(_ number: UInt32) throws(TPMFailure) -> UInt32 {
    var value: UInt32 = 0
    let code = ctpm_property(tpm, number, &value)
    if code == UInt32(CTPM_ABSENT) { return 0 }
    try check(code)
    return value
  }

  func storedBytes(at index: UInt32, maxBytes: Int) throws(TPMFailure) -> [UInt8]? {
    let (code, bytes) = Self.filling(maxBytes) { ctpm_read_index(tpm, index, $0, $1) }
    if code == UInt32(CTPM_ABSENT) { return nil }
    try check(code)
    return bytes
  }
}
