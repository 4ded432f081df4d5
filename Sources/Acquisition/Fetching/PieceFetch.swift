import Cryptography
import Dispatch
import HTTPClient
import Models
import ObjectStorage
import Synchronization

/// Fetches single pieces: one request, or one local copy, with the limits on its speed.
struct PieceFetch: Sendable {
  /// How a piece ended. `received` counts its bytes that are on the disk.
  enum End: Sendable {
    case complete
    case failed(SourceFault, received: Int)
    case cancelled(received: Int)
    case storage(SystemCallFault)
  }

  let client: HTTPClient
  let configuration: AcquisitionConfiguration
  let clock: AcquisitionClock
  let reached: @Sendable (AcquisitionStep) -> Void

  /// Fetches a piece after the pause that its source's failures call for.
  func fetch(
    _ piece: TransferPlan.Piece, from target: FetchTarget, into file: PartialFile,
    opened: @escaping @Sendable (_ asWhole: Bool) -> Void
  ) async -> End {
    if piece.failures > 0 { try? await clock.sleep(configuration.limits.pause(after: piece.failures)) }
    guard !Task.isCancelled else { return .cancelled(received: 0) }
    switch target {
    case .refused(let fault): return .failed(fault, received: 0)
    case .local(let path): return await copy(path, into: file)
    case .http(let url, let bearer):
      var request = request(url, piece)
      request.followRedirects = configuration.limits.redirects
      request.authorize(bearer)
      return await transfer(request, piece, file, opened)
    case .signed(let url, let signer):
      // A signature is for one host: a redirect is an answer like any other that is not the file.
      do throws(URLFault) {
        let signed = try signer.sign(request(url, piece), at: clock.unixMilliseconds(), payload: .empty)
        return await transfer(signed, piece, file, opened)
      } catch {
        return .failed(.transport(.url(url.description, error)), received: 0)
      }
    }
  }

  private func request(_ url: HTTPURL, _ piece: TransferPlan.Piece) -> HTTPClientRequest {
    var headers = [HTTPClientHeader("Accept", "*/*"), HTTPClientHeader("Accept-Encoding", "identity")]
    if piece.isRanged {
      headers.append(HTTPClientHeader("Range", "bytes=\(piece.range.lowerBound)-\(piece.range.upperBound - 1)"))
    }
    return HTTPClientRequest(url: url.description, headers: headers, deadline: configuration.limits.total)
  }

  // MARK: HTTP

  /// What an answer may be longer than the file without being cut by the client: the sink says better what is wrong.
  private static let slackBytes = 1 << 20

  private func transfer(
    _ request: HTTPClientRequest, _ piece: TransferPlan.Piece, _ file: PartialFile,
    _ opened: @escaping @Sendable (_ asWhole: Bool) -> Void
  ) async -> End {
    var request = request
    request.maxResponseBytes = file.size + Self.slackBytes
    let sink = PieceSink(piece, of: file, opened: opened, reached: reached)
    let outcome = await SpeedWatch(limits: configuration.limits, clock: clock).run(
      received: { sink.received },
      transfer: { [request] () async throws(HTTPClientError) in
        _ = try await client.stream(request, policy: configuration.policy, into: sink.sink)
      })
    // The transfer has ended.
    let stop = sink.close()
    let received = sink.received
    if case .storage(let fault) = stop { return .storage(fault) }
    if case .source(let fault) = stop { return .failed(fault, received: received) }
    switch outcome {
    case .done:
      guard let fault = sink.shortfall() else { return .complete }
      return .failed(fault, received: received)
    case .tooSlow(let fault): return .failed(fault, received: received)
    case .failed(let error) where error.kind == .cancelled && Task.isCancelled: return .cancelled(received: received)
    case .failed(let error): return .failed(SourceFault(error, expected: piece.range.count), received: received)
    }
  }

  // MARK: Local files

  private static let copyBytes = 8 << 20

  private func copy(_ path: String, into file: PartialFile) async -> End {
    let flag = CancellationFlag()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        DispatchQueue(label: "safebox.acquisition.copy").async {
          continuation.resume(returning: copyBlocking(path, file, flag))
        }
      }
    } onCancel: {
      flag.raise()
    }
  }

  private func copyBlocking(_ path: String, _ file: PartialFile, _ flag: CancellationFlag) -> End {
    let source: LocalFile
    do throws(SourceFault) {
      source = try LocalFile(path, below: configuration.localRoots)
    } catch {
      return .failed(error, received: 0)
    }
    guard source.size == file.size else {
      return .failed(.length(expected: file.size, actual: source.size), received: 0)
    }
    var offset = 0
    do throws(SystemCallFault) {
      if try file.clone(source.descriptor) { return .complete }
      while offset < file.size {
        guard !flag.isRaised else { return .cancelled(received: offset) }
        let copied = try file.copy(source.descriptor, at: offset, atMost: Self.copyBytes)
        // It was cut while it was read.
        guard copied > 0 else { return .failed(.truncated(expected: file.size, actual: offset), received: offset) }
        offset += copied
      }
      return .complete
    } catch {
      return .storage(error)
    }
  }
}

/// Raised once, seen by a thread.
final class CancellationFlag: Sendable {
  private let value = Atomic(false)
  var isRaised: Bool { value.load(ordering: .relaxed) }
  func raise() { value.store(true, ordering: .relaxed) }
}

extension HTTPClientRequest {
  /// Adds `Authorization: Bearer` (RFC 6750 section 2.1). The client takes it off where a redirect leads to another origin.
  mutating func authorize(_ bearer: SecretBytes?) {
    guard let bearer else { return }
    headers.append(
      HTTPClientHeader("Authorization", "Bearer " + bearer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }))
  }
}
