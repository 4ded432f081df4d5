import CanonicalJSON

/// Where a file of a model can be fetched from. A source vouches for nothing: size and digest in the manifest do.
///
/// Manifests are public. URLs with a user, a password or a parameter that carries a credential are refused; who needs
/// credentials keeps them where the fetching is done.
public enum ModelSource: Sendable, Hashable {
  /// An object of S3 or of a store that speaks its protocol.
  public struct S3: Sendable, Hashable {
    public let bucket: String
    /// The object's key, decoded; 1 to 1024 bytes.
    public let key: String
    /// `https://host[:port]` or `http://host[:port]`; nil is the service of Amazon for the region.
    public let endpoint: String?
    /// nil leaves it to the one who fetches.
    public let region: String?
  }

  /// A file of a repository of a hub that is shaped like Hugging Face.
  public struct Hub: Sendable, Hashable {
    public let owner: String
    public let repository: String
    /// A commit, tag or branch.
    public let revision: String
    /// Path in the repository.
    public let path: String

    /// The address of the file's bytes at an endpoint such as `https://huggingface.co`, given without a slash at its end.
    public func url(endpoint: String) -> String { "\(endpoint)/\(owner)/\(repository)/resolve/\(revision)/\(path)" }
  }

  /// `https://...`: the whole URL.
  case https(String)
  /// `http://...`: a mirror in a network of one's own. Anybody on the way can read and alter it; the digest notices.
  case http(String)
  /// `s3://bucket/key?endpoint=...&region=...`
  case s3(S3, text: String)
  /// `hf://owner/repo@revision/path`
  case hub(Hub)
  /// `file:///path`: an absolute path on the machine that fetches.
  case file(path: String, text: String)

  /// Greatest length of a source in bytes.
  public static let maxBytes = 2048

  /// Reads a source. Schemes are lower case. `field` names it in errors.
  public init(parsing text: String, field: String = "source") throws(FieldError) {
    self = try SourceParser(text: text, field: field).source()
  }

  /// The source as it was read.
  public var text: String {
    switch self {
    case .https(let url), .http(let url): url
    case .s3(_, let text), .file(_, let text): text
    case .hub(let hub): "hf://\(hub.owner)/\(hub.repository)@\(hub.revision)/\(hub.path)"
    }
  }

  /// Whether the public schema knows this kind of source: it has `https` alone.
  public var isOfPublicSchema: Bool { if case .https = self { true } else { false } }
}
