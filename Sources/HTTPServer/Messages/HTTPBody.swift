/// The body of a request, read at most once and as fast as it is asked for: what the handler has not asked for stays in
/// the kernel's buffer, and the sender waits.
///
/// Every way of reading is held to `limit`; going over it throws `tooLarge`.
public struct HTTPBody: AsyncSequence, Sendable {
  enum Storage: Sendable {
    case bytes([UInt8])
    case source(any BodySource)
  }

  let storage: Storage

  /// The length announced in `Content-Length`; nil for a chunked body.
  public let declaredLength: Int?

  /// The most bytes that reading yields. The server sets its default, the router that of the route.
  public var limit: Int

  /// No body.
  public static let empty = HTTPBody(bytes: [])

  /// A body that is already here.
  public init(bytes: [UInt8], limit: Int = .max) {
    storage = .bytes(bytes)
    declaredLength = bytes.count
    self.limit = limit
  }

  init(source: any BodySource, declaredLength: Int?, limit: Int) {
    storage = .source(source)
    self.declaredLength = declaredLength
    self.limit = limit
  }

  /// The whole body, at most `limit` bytes (and never more than the limit of the body itself).
  ///
  /// - Throws: `HTTPBodyError`; `tooLarge` before anything is read when the declared length is already over the limit.
  public func collect(limit: Int = .max) async throws(HTTPBodyError) -> [UInt8] {
    let limit = Swift.min(limit, self.limit)
    if let declaredLength, declaredLength > limit { throw .tooLarge(limit: limit) }
    switch storage {
    case .bytes(let bytes): return bytes
    case .source(let source):
      var whole: [UInt8] = []
      // The announced length is a stranger's claim: reserve for it only as far as is cheap to be lied to.
      whole.reserveCapacity(Swift.min(declaredLength ?? 0, 64 << 10))
      while let piece = try await source.next() {
        guard piece.count <= limit - whole.count else { throw .tooLarge(limit: limit) }
        if whole.isEmpty { whole = piece } else { whole.append(contentsOf: piece) }
      }
      return whole
    }
  }

  public func makeAsyncIterator() -> Iterator { Iterator(body: self) }

  /// Yields the pieces as they arrive, none empty.
  public struct Iterator: AsyncIteratorProtocol {
    private let body: HTTPBody
    private var read = 0
    private var isFinished = false

    init(body: HTTPBody) { self.body = body }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(HTTPBodyError) -> [UInt8]? {
      guard !isFinished else { return nil }
      let piece: [UInt8]?
      switch body.storage {
      case .bytes(let bytes):
        isFinished = true
        piece = bytes.isEmpty ? nil : bytes
      case .source(let source):
        piece = try await source.next()
      }
      guard let piece else {
        isFinished = true
        return nil
      }
      guard piece.count <= body.limit - read else {
        isFinished = true
        throw .tooLarge(limit: body.limit)
      }
      read += piece.count
      return piece
    }
  }
}

/// Why a body could not be read to its end.
public enum HTTPBodyError: Error, Sendable, Hashable {
  /// More than this many bytes.
  case tooLarge(limit: Int)
  /// The chunked coding is broken; the text says how.
  case malformed(String)
  /// The bytes came more slowly than the server's deadlines allow.
  case timedOut
  /// The client went away before the end.
  case disconnected
  /// The task reading it was cancelled.
  case cancelled

  /// The answer that says so.
  public var problem: Problem {
    switch self {
    case .tooLarge(let limit):
      Problem(status: 413, code: "body_too_large", detail: "The body is longer than \(limit) bytes.")
    case .malformed(let why): Problem(status: 400, code: "body_malformed", detail: why)
    case .timedOut: Problem(status: 408, code: "body_timed_out", detail: "The body arrived too slowly.")
    case .disconnected: Problem(status: 400, code: "body_truncated", detail: "The body ended early.")
    case .cancelled: Problem(status: 503, code: "cancelled", detail: "The request was cancelled.")
    }
  }
}

/// Where body pieces come from; the connection is one.
protocol BodySource: AnyObject, Sendable {
  /// The next piece, not empty; nil at the end, again and again.
  func next() async throws(HTTPBodyError) -> [UInt8]?
}
