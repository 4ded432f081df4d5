import Attestation
import CTPM
import CanonicalJSON

/// A connection to a TPM, for one operation, on one thread.
///
/// One for each operation: a TPM that died and came back is found again, several programs take turns at a software TPM,
/// which serves one connection at a time, and the kernel's resource manager drops whatever this connection had loaded.
struct TPMConnection: ~Copyable {
  let tpm: OpaquePointer
  /// What the operation is called in failures.
  let operation: String

  init(_ address: TPMAddress, operation: String) throws(TPMFailure) {
    var opened: OpaquePointer?
    let code = TPMResponseCode(rawValue: ctpm_open(address.text, &opened))
    guard let opened else { throw .unreachable(address: address.text, code) }
    tpm = opened
    self.operation = operation
  }

  deinit { ctpm_close(tpm) }

  /// Turns what a function of CTPM returned into a failure.
  func check(_ result: UInt32, bank: BankAlgorithm = .sha256) throws(TPMFailure) {
    switch Int(result) {
    case 0: return
    case CTPM_ABSENT: throw .absent(operation: operation)
    case CTPM_FOREIGN: throw .foreign(operation: operation)
    case CTPM_BANK: throw .noBank(bank)
    case CTPM_UNSTEADY: throw .unsteadyRegisters
    case CTPM_SPACE: throw unreadable(expected: "an answer within its limits", actual: "more")
    case CTPM_INPUT: throw unreadable(expected: "what fits into the TPM's fields", actual: "more")
    case CTPM_ANSWER: throw unreadable(expected: "an answer to what was asked", actual: "another")
    default:
      let code = TPMResponseCode(rawValue: result)
      throw code.layer == .transport ? .lost(operation: operation, code) : .refused(operation: operation, code)
    }
  }

  private func unreadable(expected: String, actual: String) -> TPMFailure {
    .field(operation: operation, FieldError(field: "", expected: expected, actual: actual))
  }

  /// Runs a function that fills a buffer.
  static func filling(
    _ capacity: Int, _ call: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>) -> UInt32
  ) -> (code: UInt32, bytes: [UInt8]) {
    var code: UInt32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      count = buffer.count
      code = call(buffer.baseAddress, &count)
      // A function that fails may leave its capacity behind; none of that was written.
      if code != 0 { count = 0 }
    }
    return (code, bytes)
  }

  /// Runs a function that fills two buffers.
  static func filling(
    _ capacity: Int, _ second: Int,
    _ call: (
      UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>
    ) -> UInt32
  ) -> (code: UInt32, first: [UInt8], second: [UInt8]) {
    var other: [UInt8] = []
    let (code, bytes) = filling(capacity) { first, firstCount in
      let (code, bytes) = filling(second) { call(first, firstCount, $0, $1) }
      other = bytes
      return code
    }
    return (code, bytes, other)
  }
}
