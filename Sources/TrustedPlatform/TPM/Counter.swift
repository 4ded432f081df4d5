import CTPM

/// A number in the TPM that can only rise, against data directories that were put back to an older state.
///
/// Whoever has the owner's authorisation can delete the counter. A counter made in its place begins above the highest that
/// any counter of the TPM ever had (TPM 2.0 part 3, section 31.3.1), so the number still never goes back; only clearing the
/// TPM forgets it. An index of another type in the counter's place is refused.
public struct TPMCounter: Sendable, Hashable {
  /// An NV index of the owner's range.
  public let index: UInt32

  /// Where the box's own counter is.
  public static let box = TPMCounter(index: 0x0180_5AFE)

  public init(index: UInt32) { self.index = index }
}

extension TPMDevice {
  /// Makes the counter unless it is there, and raises a new one once, before which it has no value.
  ///
  /// - Returns: its value.
  public func define(_ counter: TPMCounter = .box) async throws(TPMFailure) -> UInt64 {
    try await perform("define a counter") { (connection) throws(TPMFailure) in
      try connection.check(ctpm_define_counter(connection.tpm, counter.index))
      if let value = try connection.value(of: counter) { return value }
      return try connection.raise(counter)
    }
  }

  /// Raises the counter by one.
  ///
  /// - Returns: its value then; more than one above what it was where others raise it too.
  public func increment(_ counter: TPMCounter = .box) async throws(TPMFailure) -> UInt64 {
    try await perform("raise a counter") { (connection) throws(TPMFailure) in try connection.raise(counter) }
  }

  /// Its value; nil when there is none yet.
  ///
  /// - Throws: `foreign` when something else lies at the index.
  public func value(of counter: TPMCounter = .box) async throws(TPMFailure) -> UInt64? {
    try await perform("read a counter") { (connection) throws(TPMFailure) in try connection.value(of: counter) }
  }
}

extension TPMConnection {
  func value(of counter: TPMCounter) throws(TPMFailure) -> UInt64? {
    var value: UInt64 = 0
    let code = ctpm_read_counter(tpm, counter.index, &value)
    if code == UInt32(CTPM_ABSENT) || TPMResponseCode(rawValue: code) == .nvUninitialised { return nil }
    try check(code)
    return value
  }

  func raise(_ counter: TPMCounter) throws(TPMFailure) -> UInt64 {
    try check(ctpm_increment_counter(tpm, counter.index))
    var value: UInt64 = 0
    try check(ctpm_read_counter(tpm, counter.index, &value))
    return value
  }
}
