/// Why a batch was not acknowledged. It will be tried again; nothing is passed over. Holds no credential.
public enum ExportFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// A file could not be written or made durable.
  case file(String)
  /// No connection, or it broke.
  case connection(String)
  /// The peer did not take the batch within the time given.
  case timedOut(String)
  /// The peer said no.
  case refused(String)
  /// The log could not be read.
  case source(String)
  /// The place reached is unknown, or is one of another log.
  case cursor(String)

  public var description: String {
    switch self {
    case .file(let reason): reason
    case .connection(let reason): "no connection: \(reason)"
    case .timedOut(let what): "timed out while \(what)"
    case .refused(let reason): "refused: \(reason)"
    case .source(let reason): "the log cannot be read: \(reason)"
    case .cursor(let reason): "the place reached: \(reason)"
    }
  }
}
