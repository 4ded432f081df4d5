import CanonicalJSON
import Cryptography
import HTTPClient
import Synchronization

/// Speaks to the privileged process: what the unprivileged daemon uses. It proves nothing to anybody; all that it can do is
/// carry entries and ask for what they decide.
public final class SystemClient: Sendable {
  /// Why there is no answer, or a refusal.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Refused, with the code of `problem+json`; after `retryAfter` seconds it may be asked again.
    case refused(status: Int, code: String, detail: String, retryAfter: Int?)
    /// The process could not be reached, or the connection broke. An operation may have begun: ask again for the same
    /// proposal, and it answers with what became of it.
    case unreachable(String)
    /// What came back is not of this protocol.
    case malformed(String)

    public var description: String {
      switch self {
      case .refused(_, let code, let detail, _): "\(detail) (\(code))"
      case .unreachable(let why): "the privileged process cannot be reached: \(why)"
      case .malformed(let why): "the privileged process answers strangely: \(why)"
      }
    }
  }

  private let socket: String
  private let client: HTTPClient
  private let policy: EgressPolicy

  /// The most bytes of entries in one push: in base64 and with the checkpoint they stay below ``LogPush/maxBytes``.
  static let pushBytes = 4 << 20

  public init(socket: String) {
    self.socket = socket
    var configuration = HTTPClient.Configuration()
    // Signs of life come every ten seconds.
    configuration.lowSpeed = .init(bytesPerSecond: 1, seconds: 120)
    client = HTTPClient(configuration)
    policy = EgressPolicy(publicPorts: .none, permitsPlainHTTP: true, unixSockets: [socket])
  }

  // MARK: the log

  public func position() async throws(Failure) -> LogPosition { try await get("/v1/position").position() }

  /// Pushes what is missing up to a signed checkpoint.
  ///
  /// - Parameters:
  ///   - size: what the checkpoint covers.
  ///   - checkpoint: the signed note, with cosignatures where the privileged process asks for them.
  ///   - entries: the bytes of entries from an index on, as many as the reader likes, at least one.
  public func follow(
    size: UInt64, checkpoint: [UInt8], entries: @Sendable (Range<UInt64>) async throws -> [[UInt8]]
  ) async throws -> LogPosition {
    var position = try await position()
    var mayRestart = true
    while position.size < size {
      let batch = try await batch(from: position.next, to: size, entries)
      let push = LogPush(from: position.next, checkpoint: checkpoint, entries: batch)
      let answer: LogPosition
      do {
        answer = try await self.push(push)
      } catch {
        // Part of a log waited there, pushed under another checkpoint by somebody who did not finish. It is gone now.
        guard mayRestart, position.next > position.size, case .refused(_, _, _, nil) = error else { throw error }
        mayRestart = false
        position = try await self.position()
        continue
      }
      guard answer.next > position.next || answer.size >= size else {
        throw Failure.malformed("it took entries and is still at \(answer.next)")
      }
      position = answer
    }
    return position
  }

  private func push(_ push: LogPush) async throws(Failure) -> LogPosition {
    try await send("POST", "/v1/log", body: push.json).position()
  }

  private func batch(
    from: UInt64, to size: UInt64, _ entries: @Sendable (Range<UInt64>) async throws -> [[UInt8]]
  ) async throws -> [[UInt8]] {
    var batch: [[UInt8]] = []
    var bytes = 0
    while from + UInt64(batch.count) < size {
      let next = from + UInt64(batch.count)
      let more = try await entries(next..<size)
      guard !more.isEmpty else { throw Failure.malformed("the reader has no entry \(next)") }
      for entry in more.prefix(Int(size - next)) {
        guard bytes + entry.count <= Self.pushBytes, batch.count < LogPush.maxEntries else { return batch }
        bytes += entry.count
        batch.append(entry)
      }
    }
    return batch
  }

  // MARK: operations

  /// Has an operation carried out, or learns what became of it. `progress` is told what the executor says meanwhile.
  ///
  /// - Parameters:
  ///   - action: what the caller believes was approved; held against the log by the privileged process.
  ///   - attachments: the documents that the order names by digest, under the parameter's name.
  public func perform(
    _ proposal: SHA256Digest, action: (type: String, params: JSONObject)? = nil, attachments: [String: [UInt8]] = [:],
    progress: @escaping @Sendable (JSON) -> Void = { _ in }
  ) async throws(Failure) -> ReportedResult {
    let request = OperationRequest(proposal: proposal, action: action, attachments: attachments)
    let lines = JSONLines(progress)
    let response: HTTPClientResponse
    do {
      response = try await client.stream(
        self.request("POST", "/v1/operations", body: request.json, deadline: .seconds(2 * 86_400)), policy: policy,
        into: HTTPClientSink(head: { status, _ in lines.begin(status) }, bytes: { try lines.take($0) }))
    } catch {
      throw .unreachable("\(error)")
    }
    guard response.status == 200 else { throw Self.refusal(response, body: lines.rest) }
    guard let last = lines.last else { throw .unreachable("the answer ended without a result") }
    do { return try ReportedResult(line: last) } catch { throw .malformed("\(error)") }
  }

  // MARK: looking

  public func status() async throws(Failure) -> JSON { try await get("/v1/status") }
  public func operations() async throws(Failure) -> JSON { try await get("/v1/operations") }
  public func snapshots() async throws(Failure) -> JSON { try await get("/v1/snapshots") }
  public func runners() async throws(Failure) -> JSON { try await get("/v1/runners") }

  /// The newest `tail` bytes (at most 1 MiB) of a runner's output.
  public func log(ofRunner name: String, tail: Int = 65_536) async throws(Failure) -> [UInt8] {
    try await exchange(request("GET", "/v1/runners/\(name)/log?tail=\(tail)")).body
  }

  /// Restarts a runner that ought to run.
  public func restart(runner name: String) async throws(Failure) -> JSON {
    try await send("POST", "/v1/runners/\(name)/restart", deadline: .seconds(4000))
  }

  // MARK: HTTP

  private func request(
    _ method: String, _ path: String, body: JSON? = nil, deadline: Duration = .seconds(120)
  ) -> HTTPClientRequest {
    HTTPClientRequest(
      method: method, url: "http://safebox-system\(path)",
      headers: body == nil ? [] : [HTTPClientHeader("Content-Type", "application/json")],
      body: body?.canonicalBytes() ?? [], deadline: deadline, maxResponseBytes: 64 << 20, unixSocketPath: socket)
  }

  private func get(_ path: String) async throws(Failure) -> JSON { try await send("GET", path) }

  private func send(
    _ method: String, _ path: String, body: JSON? = nil, deadline: Duration = .seconds(120)
  ) async throws(Failure) -> JSON {
    let response = try await exchange(request(method, path, body: body, deadline: deadline))
    do {
      return try JSON(parsing: response.body, limits: .document(maxBytes: 8 << 20))
    } catch {
      throw .malformed("\(error)")
    }
  }

  private func exchange(_ request: HTTPClientRequest) async throws(Failure) -> HTTPClientResponse {
    let response: HTTPClientResponse
    do {
      response = try await client.send(request, policy: policy)
    } catch {
      throw .unreachable("\(error)")
    }
    guard response.status == 200 else { throw Self.refusal(response, body: response.body) }
    return response
  }

  private static func refusal(_ response: HTTPClientResponse, body: [UInt8]) -> Failure {
    let problem = try? JSON(parsing: body, limits: .document(maxBytes: 1 << 20))
    return .refused(
      status: response.status, code: problem?["code"]?.string ?? "http_\(response.status)",
      detail: problem?["detail"]?.string ?? "it answered \(response.status)",
      retryAfter: response.header("Retry-After").flatMap { Int($0) })
  }
}

extension JSON {
  fileprivate func position() throws(SystemClient.Failure) -> LogPosition {
    do { return try LogPosition(json: self) } catch { throw .malformed("\(error)") }
  }
}

/// JSON Lines from the pieces in which they arrive; a line has at most 1 MiB.
private final class JSONLines: Sendable {
  private struct State {
    var isError = false
    var buffer: [UInt8] = []
    var last: JSONObject?
  }

  private struct TooLong: Error {}

  private let state = Mutex(State())
  private let progress: @Sendable (JSON) -> Void

  init(_ progress: @escaping @Sendable (JSON) -> Void) { self.progress = progress }

  /// The line that is no progress: the result.
  var last: JSONObject? { state.withLock { $0.last } }
  /// The body of a refusal.
  var rest: [UInt8] { state.withLock { $0.buffer } }

  func begin(_ status: Int) { state.withLock { $0.isError = status != 200 } }

  func take(_ bytes: UnsafeRawBufferPointer) throws {
    let found = try state.withLock { state throws -> [JSON] in
      state.buffer += bytes
      guard state.buffer.count <= 1 << 20 else { throw TooLong() }
      guard !state.isError else { return [] }
      var found: [JSON] = []
      while let end = state.buffer.firstIndex(of: 0x0A) {
        let line = try JSON(parsing: Array(state.buffer[..<end]), limits: .document(maxBytes: 1 << 20))
        state.buffer.removeSubrange(...end)
        if let progress = line["progress"] { found.append(progress) } else { state.last = line.object }
      }
      return found
    }
    for one in found { progress(one) }
  }
}
