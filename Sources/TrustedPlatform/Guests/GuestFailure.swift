public import CanonicalJSON

/// Why a platform gave no evidence.
public enum GuestFailure: Error, Sendable, Hashable {
  /// The machine has no such device, and what was looked for.
  case absent(String)
  /// The kernel refused.
  case system(call: String, path: String, errno: Int32)
  /// The processor's firmware or the host refused: the number that it gave.
  case firmware(device: String, code: UInt64)
  /// The Nitro Security Module's own word, for example `InvalidArgument`.
  case nitro(String)
  /// Another platform's provider answers there.
  case provider(expected: String, actual: String)
  /// Somebody else wrote the same request in between, each time.
  case raced(String)
  /// An argument is outside its limits, or what the device gave cannot be read; names the field.
  case field(FieldError)
  case tpm(TPMFailure)
}

extension GuestFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .absent(let path): "this machine has no \(path)"
    case .system(let call, let path, let errno): "\(call) of \(path) failed: \(SystemFiles.text(errno))"
    case .firmware(let device, let code): "\(device) refused with 0x\(String(code, radix: 16))"
    case .nitro(let word): "the Nitro Security Module refused: \(word)"
    case .provider(let expected, let actual): "expected a report of \(expected), found \(actual)"
    case .raced(let path): "\(path) was written by somebody else each time"
    case .field(let error): "\(error)"
    case .tpm(let failure): "\(failure)"
    }
  }
}
