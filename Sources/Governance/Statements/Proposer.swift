import CanonicalJSON

/// Who put a proposal: an API client, on the box's word, or a signer, proved by a claim.
public enum Proposer: Sendable, Hashable {
  case client(String)
  case signer(String)

  /// `client:NAME` or `signer:NAME`.
  public var text: String {
    switch self {
    case .client(let name): "client:\(name)"
    case .signer(let name): "signer:\(name)"
    }
  }

  /// The signer's name; nil for a client.
  public var signer: String? { if case .signer(let name) = self { name } else { nil } }

  public init(parsing text: String, path: String = "proposer") throws(FieldError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, Name.isValid(String(parts[1])) else {
      throw FieldError(field: path, expected: "client:NAME or signer:NAME", actual: JSON.string(text).summary)
    }
    switch parts[0] {
    case "client": self = .client(String(parts[1]))
    case "signer": self = .signer(String(parts[1]))
    default:
      throw FieldError(field: path, expected: "client:NAME or signer:NAME", actual: JSON.string(text).summary)
    }
  }
}
