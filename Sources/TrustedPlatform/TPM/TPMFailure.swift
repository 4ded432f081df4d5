public import Attestation
public import CanonicalJSON

/// Why a TPM did not do what was asked.
public enum TPMFailure: Error, Sendable, Hashable {
  /// Not `device:/dev/tpm...`, `swtpm:path=/...` or `swtpm:host=127.0.0.1,port=...`.
  case unknownAddress(String)
  /// No TPM answers at that address.
  case unreachable(address: String, TPMResponseCode)
  /// The TPM, or the software stack, refused the operation.
  case refused(operation: String, TPMResponseCode)
  /// The way to the TPM broke in the middle. Whether the operation took place is not known.
  case lost(operation: String, TPMResponseCode)
  /// No answer within the limit. An operation that had begun may still take place.
  case timedOut(operation: String, limit: Duration)
  /// So many operations wait already.
  case busy(waiting: Int)
  /// Nothing lies at the persistent handle or NV index.
  case absent(operation: String)
  /// Another object than ours lies where ours would be.
  case foreign(operation: String)
  /// The TPM keeps no registers with that hash.
  case noBank(BankAlgorithm)
  /// The registers changed while they were read and quoted, each time.
  case unsteadyRegisters
  /// An argument is outside its limits, or the TPM's answer cannot be read; names the field.
  case field(operation: String, FieldError)
}

extension TPMFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownAddress(let text):
      "the TPM's address must be device:/dev/tpmrm0, swtpm:path=/socket or swtpm:host=127.0.0.1,port=N, not "
        + JSON.string(text).summary
    case .unreachable(let address, let code): "no TPM answers at \(address): \(code)"
    case .refused(let operation, let code): "the TPM refused to \(operation): \(code)"
    case .lost(let operation, let code): "the TPM was lost while it was to \(operation): \(code)"
    case .timedOut(let operation, let limit): "the TPM did not \(operation) within \(limit)"
    case .busy(let waiting): "\(waiting) operations wait for the TPM already"
    case .absent(let operation): "the TPM has nothing there to \(operation)"
    case .foreign(let operation): "what the TPM has there is not ours to \(operation)"
    case .noBank(let bank): "the TPM keeps no \(bank.rawValue) registers"
    case .unsteadyRegisters: "the TPM's registers changed each time they were read"
    case .field(let operation, let error): "cannot \(operation): \(error)"
    }
  }
}

extension TPMFailure {
  /// The TPM's own response code without the number of what it is about; nil where the TPM said nothing.
  public var responseCode: TPMResponseCode? {
    if case .refused(_, let code) = self, code.layer == .tpm { code.plain } else { nil }
  }
}
