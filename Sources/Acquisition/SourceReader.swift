import Dispatch
import Glibc
public import HTTPClient
public import Models
import ObjectStorage
import Synchronization

/// Reads whole files from their sources without keeping them: for manifests of files that are known by their URLs only.
///
///     try await ManifestBuilder(description).build(files: files, read: reader.read)
///
/// The operator's configuration holds as for an acquisition: addresses, local directories, credentials, speed. There is no
/// digest yet to hold the bytes against: what a source yields is what the manifest will say, and whoever approves that manifest
/// approves those bytes.
public struct SourceReader: Sendable {
  private let client: HTTPClient
  private let configuration: AcquisitionConfiguration
  private let clock: AcquisitionClock

  public init(client: HTTPClient, configuration: AcquisitionConfiguration, clock: AcquisitionClock = .system) {
    self.client = client
    self.configuration = configuration
    self.clock = clock
  }

  /// Gives every byte of a source to the measure, in order.
  ///
  /// - Throws: ``SourceFault``; a source of more than ``ModelFile/maxBytes`` is `tooManyBytes`. Nothing is tried twice.
  public func read(_ source: ModelSource, into measure: ContentMeasure) async throws {
    switch configuration.target(for: source) {
    case .refused(let fault): throw fault
    case .local(let path): try await readLocal(path, measure)
    case .http(let url, let bearer):
      var request = request(url)
      request.followRedirects = configuration.limits.redirects
      request.authorize(bearer)
      try await transfer(request, measure)
    case .signed(let url, let signer):
      try await transfer(try signer.sign(request(url), at: clock.unixMilliseconds(), payload: .empty), measure)
    }
  }

  private func request(_ url: HTTPURL) -> HTTPClientRequest {
    HTTPClientRequest(
      url: url.description,
      headers: [HTTPClientHeader("Accept", "*/*"), HTTPClientHeader("Accept-Encoding", "identity")],
      deadline: configuration.limits.total, maxResponseBytes: Int(ModelFile.maxBytes))
  }

  private func transfer(_ request: HTTPClientRequest, _ measure: ContentMeasure) async throws(SourceFault) {
    let stop = FaultBox()
    let received = ByteCount()
    let sink = HTTPClientSink { status, headers in
      do throws(SourceFault) {
        try AnswerHead(status: status, headers: headers).checkWhole()
      } catch {
        stop.put(error)
        throw error
      }
    } bytes: { bytes in
      do {
        try measure.append(Array(bytes))
        received.add(bytes.count)
      } catch {
        stop.put(.tooManyBytes(expected: Int(ModelFile.maxBytes)))
        throw error
      }
    }
    let watched = await SpeedWatch(limits: configuration.limits, clock: clock).run(
      received: { received.value },
      transfer: { () async throws(HTTPClientError) in
        _ = try await client.stream(request, policy: configuration.policy, into: sink)
      })
    if let fault = stop.fault { throw fault }
    switch watched {
    case .done: return
    case .tooSlow(let fault): throw fault
    case .failed(let error): throw SourceFault(error, expected: Int(ModelFile.maxBytes))
    }
  }

  private func readLocal(_ path: String, _ measure: ContentMeasure) async throws {
    let flag = CancellationFlag()
    let roots = configuration.localRoots
    try await withTaskCancellationHandler {
      try await BlockingWork.run { () throws(any Error) in
        let file = try LocalFile(path, below: roots)
        var buffer = [UInt8](repeating: 0, count: Self.blockBytes)
        var offset = 0
        while true {
          guard !flag.isRaised else { throw SourceFault.transport(.cancelled) }
          let count = buffer.withUnsafeMutableBytes { pread(file.descriptor, $0.baseAddress, $0.count, offset) }
          guard count >= 0 else { throw SourceFault.local(.last("pread", path)) }
          if count == 0 { return }
          try measure.append(Array(buffer[..<count]))
          offset += count
        }
      }
    } onCancel: {
      flag.raise()
    }
  }

  private static let blockBytes = 1 << 20
}

/// The first fault of a transfer.
private final class FaultBox: Sendable {
  private let state = Mutex<SourceFault?>(nil)
  var fault: SourceFault? { state.withLock { $0 } }
  func put(_ fault: SourceFault) { state.withLock { $0 = $0 ?? fault } }
}

private final class ByteCount: Sendable {
  private let number = Atomic(0)
  var value: Int { number.load(ordering: .relaxed) }
  func add(_ count: Int) { number.add(count, ordering: .relaxed) }
}
