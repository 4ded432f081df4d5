/// The answer to `add-checkpoint` (C2SP tlog-witness).
public enum AddCheckpointResponse: Sendable, Hashable {
  /// 200: the witness's cosignatures; at least one.
  case cosigned([NoteSignature])
  /// 409: the witness remembers this size, not the one that was named.
  case conflict(size: UInt64)
  /// Any other status: 400 malformed, 403 not signed by the log, 404 unknown log, 422 inconsistent, 5xx.
  case refused(status: Int, reason: String)

  /// The media type of a 409 answer.
  public static let sizeContentType = "text/x.tlog.size"
  /// The longest answer that is read.
  public static let maximumLength = 65_536

  /// Why an answer cannot be read.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    case invalidSignatures(NoteError)
    /// A 409 answer of the wrong media type, or whose body is not a size.
    case invalidConflict(contentType: String?)

    public var description: String {
      switch self {
      case .tooLong(let bytes, let limit): "the answer has \(bytes) bytes, the limit is \(limit)"
      case .invalidSignatures(let error): "the answer is not signature lines: \(error)"
      case .invalidConflict(let type): "status 409 with content type \(type ?? "none") and no tree size"
      }
    }
  }

  /// Reads what a witness sent.
  public init(status: Int, contentType: String?, body: [UInt8]) throws(Failure) {
    guard body.count <= Self.maximumLength else { throw .tooLong(bytes: body.count, limit: Self.maximumLength) }
    switch status {
    case 200:
      do { self = .cosigned(try SignedNote.parseSignatureLines(body[...])) } catch { throw .invalidSignatures(error) }
    case 409:
      var scanner = LineScanner(body[...])
      guard let contentType, sameOctets(contentType, Self.sizeContentType), let line = scanner.next(),
        scanner.rest.isEmpty, let size = UInt64(strictDecimal: line)
      else { throw .invalidConflict(contentType: contentType) }
      self = .conflict(size: size)
    default:
      self = .refused(status: status, reason: String(decoding: body.prefix(512), as: UTF8.self))
    }
  }

  public var status: Int {
    switch self {
    case .cosigned: 200
    case .conflict: 409
    case .refused(let status, _): status
    }
  }

  public var contentType: String {
    switch self {
    case .conflict: Self.sizeContentType
    case .cosigned, .refused: "text/plain; charset=utf-8"
    }
  }

  public var body: [UInt8] {
    switch self {
    case .cosigned(let signatures): Array(signatures.map { $0.line + "\n" }.joined().utf8)
    case .conflict(let size): Array("\(size)\n".utf8)
    case .refused(_, let reason): Array("\(reason)\n".utf8)
    }
  }
}
