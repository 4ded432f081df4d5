import Cryptography
import HTTPClient
import Models

/// Why a source did not give a file, or a part of it.
public enum SourceFault: Error, Sendable, Hashable {
  /// An HTTP status that is no answer to the request.
  case status(Int)
  /// 416: it has no such range, so its file is not the manifest's.
  case rangeNotSatisfiable(Range<Int>)
  /// It answered a request for a range behind byte 0 with the whole file.
  case rangesIgnored
  /// `Content-Range` names other bytes than those asked for, or is missing.
  case contentRange(expected: String, actual: String)
  /// It announced another length than the manifest's.
  case length(expected: Int, actual: Int)
  /// It went on after the last byte of the file.
  case tooManyBytes(expected: Int)
  /// It ended early.
  case truncated(expected: Int, actual: Int)
  /// Slower than the limit, or silent.
  case tooSlow(leastBytesPerSecond: Int, over: Duration)
  /// The bytes are encoded, although identity was asked for.
  case encoded(String)
  /// The whole has another digest than the manifest's. `isSole` when every byte came from this source in this run.
  case digest(expected: SHA256Digest, actual: SHA256Digest, isSole: Bool)
  /// It leads to an address that neither is public nor allowed by the operator.
  case addressRefused(AddressRefusal)
  case redirectRefused(reason: String)
  case transport(HTTPClientError.Kind)
  /// The operator's configuration does not allow it.
  case notAllowed(String)
  /// A local file that cannot be taken.
  case local(SystemCallFault)
  /// A local path that is not a regular file.
  case notRegular(String)

  /// What it means for the plan.
  var weight: TransferPlan.Weight {
    switch self {
    case .rangesIgnored: .noRanges
    // RFC 9110 section 15.5.9, RFC 6585 section 4, RFC 8470 section 5.2: these say "later".
    case .status(let status): [408, 425, 429].contains(status) || status >= 500 ? .passing : .final
    case .truncated, .tooSlow: .passing
    case .transport(let kind):
      switch kind {
      case .nameNotResolved, .connectFailed, .deadlineExceeded, .tooSlow, .truncated, .connectionLost, .library,
        .cancelled:
        .passing
      default: .final
      }
    case .rangeNotSatisfiable, .contentRange, .length, .tooManyBytes, .encoded, .digest, .addressRefused,
      .redirectRefused, .notAllowed, .local, .notRegular:
      .final
    }
  }

  /// Whether the source offered another file than the manifest's: nothing of it is used.
  public var isMismatch: Bool {
    switch self {
    case .length, .tooManyBytes, .digest: true
    default: false
    }
  }

  /// Whether the owners should hear of it even when another source served: a substitution, or an attempt to reach inside.
  public var isAlert: Bool {
    switch self {
    case .addressRefused, .redirectRefused: true
    default: isMismatch
    }
  }

  /// libcurl's refusal in this room's words. The place that a redirect named is left out, as it may carry a signature.
  init(_ error: HTTPClientError, expected: Int) {
    self =
      switch error.kind {
      case .addressRefused(let refusal): .addressRefused(refusal)
      case .redirectRefused(_, let reason): .redirectRefused(reason: "\(reason)")
      case .responseTooLarge: .tooManyBytes(expected: expected)
      default: .transport(error.kind)
      }
  }
}

extension SourceFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .status(let status): "it answered with status \(status)"
    case .rangeNotSatisfiable(let range): "it has no bytes \(range.lowerBound)-\(range.upperBound - 1)"
    case .rangesIgnored: "it does not serve ranges"
    case .contentRange(let expected, let actual): "it was asked for \(expected) and sent \(actual)"
    case .length(let expected, let actual): "it announced \(actual) bytes where the manifest has \(expected)"
    case .tooManyBytes(let expected): "it sent more than \(expected) bytes"
    case .truncated(let expected, let actual): "it ended after \(actual) of \(expected) bytes"
    case .tooSlow(let rate, let period): "it gave less than \(rate) bytes a second for \(period)"
    case .encoded(let encoding): "its bytes are encoded (\(encoding))"
    case .digest(let expected, let actual, let isSole):
      "its bytes hash to \(actual), the manifest says \(expected)\(isSole ? "" : " (parts came from elsewhere)")"
    case .addressRefused(let refusal): refusal.description
    case .redirectRefused(let reason): "a redirect is not followed: \(reason)"
    case .transport(let kind): "\(kind)"
    case .notAllowed(let reason): reason
    case .local(let fault): fault.description
    case .notRegular(let path): "\(path) is not a regular file"
    }
  }
}
