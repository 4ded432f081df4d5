import CanonicalJSON

/// Who put a proposal: an API client or a run of a tool, on the box's word, or a signer, proved by a claim.
public enum Proposer: Sendable, Hashable {
  case client(String)
  case signer(String)
  case run(RunID)

  /// `client:NAME`, `signer:NAME` or `run:ID`.
  public var text: String {
    switch self {
    case .client(let name): "client:\(name)"
    case .signer(let name): "signer:\(name)"
    case .run(let id): "run:\(id)"
    }
  }

  /// The signer's name; nil for everybody else.
  public var signer: String? { if case .signer(let name) = self { name } else { nil } }

  /// The run; nil for everybody else.
  public var run: RunID? { if case .run(let id) = self { id } else { nil } }

  public init(parsing text: String, path: String = "proposer") throws(FieldError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2 {
      switch parts[0] {
      case "client" where Name.isValid(String(parts[1])):
        self = .client(String(parts[1]))
        return
      case "signer" where Name.isValid(String(parts[1])):
        self = .signer(String(parts[1]))
        return
      case "run":
        if let id = RunID(hex: parts[1]) {
          self = .run(id)
          return
        }
      default: break
      }
    }
    throw FieldError(
      field: path, expected: "client:NAME, signer:NAME or run:ID", actual: JSON.string(text).summary)
  }
}
