import Glibc

/// Where one runner serves one model.
public struct RunnerEndpoint: Sendable, Hashable {
  /// What the runner is a server of, where that makes a difference.
  public enum Dialect: String, Sendable, Hashable {
    /// OpenAI-shaped and no more: vLLM, SGLang, Ollama, adapters.
    case openAI
    /// `llama-server`: OpenAI-shaped, with slots that can be named, saved, restored and erased.
    case llamaCpp
  }

  /// The runner's name, 1-64 visible ASCII characters.
  public var name: String
  /// The unix socket that it serves on, at most 107 bytes.
  public var socket: String
  /// The model that it serves.
  public var model: ServedModel
  /// What it is a server of.
  public var dialect: Dialect
  /// The slots that a llama.cpp runner was started with (`-np`); 0 where there are none to name.
  public var slots: Int
  /// Requests that it is given at once, at least 1. With slots it is never more than their number.
  public var concurrency: Int
  /// The runner's own name of the model, sent to it in place of the client's; nil sends the approved name.
  public var servedName: String?
  /// The directory where it saves slots (`--slot-save-path`), as this process sees it; nil saves none.
  public var cacheDirectory: String?
  /// What changes whenever the runner is started anew; nil takes the identity of its socket, which does.
  public var instance: String?

  /// An endpoint.
  public init(
    name: String, socket: String, model: ServedModel, dialect: Dialect, slots: Int = 0, concurrency: Int? = nil,
    servedName: String? = nil, cacheDirectory: String? = nil, instance: String? = nil
  ) {
    self.name = name
    self.socket = socket
    self.model = model
    self.dialect = dialect
    self.slots = max(0, slots)
    self.concurrency = max(1, concurrency ?? (slots > 0 ? slots : 4))
    self.servedName = servedName
    self.cacheDirectory = cacheDirectory
    self.instance = instance
  }

  /// Requests that it may be given at once.
  var width: Int { hasSlots ? min(slots, concurrency) : concurrency }

  /// Whether conversations can be pinned.
  var hasSlots: Bool { dialect == .llamaCpp && slots > 0 }

  /// Which start of the runner this is. A server that starts anew binds a socket of its own, with another inode or time.
  var currentInstance: String {
    if let instance { return instance }
    var status = stat()
    guard stat(socket, &status) == 0 else { return "" }
    return "\(status.st_ino).\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
  }
}
