/// Who asks, as the caller of this room resolved it from a token.
public struct InferenceClient: Sendable, Hashable {
  /// Which models a client may use.
  public enum Models: Sendable, Hashable {
    /// Every approved one.
    case all
    /// These names; any other is not found.
    case only(Set<String>)

    /// Whether the name is among them.
    public func allows(_ name: String) -> Bool {
      switch self {
      case .all: true
      case .only(let names): names.contains(name)
      }
    }
  }

  /// What a client may still use.
  public enum Budget: Sendable, Hashable {
    /// No bound.
    case unlimited
    /// Tokens left, of prompts and of answers together, before this request.
    case tokens(left: Int64)
  }

  /// The client's name: what usage is booked under and what separates its prompt cache from that of others.
  public var name: String
  /// The models that it may use.
  public var models: Models
  /// What it may still use.
  public var budget: Budget
  /// Requests that it may have in flight, waiting ones included.
  public var maxConcurrent: Int

  /// A client.
  public init(name: String, models: Models = .all, budget: Budget = .unlimited, maxConcurrent: Int = 64) {
    self.name = name
    self.models = models
    self.budget = budget
    self.maxConcurrent = max(1, maxConcurrent)
  }
}

/// What a token turned out to be.
public enum InferenceAuthorization: Sendable, Hashable {
  /// A client that may ask.
  case client(InferenceClient)
  /// No client's token: 401.
  case unknown
  /// A client that may not ask, and why: 403.
  case forbidden(String)
}
