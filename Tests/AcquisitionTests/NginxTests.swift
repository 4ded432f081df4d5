import Cryptography
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

/// Against a real server: several files at once, ranges, a hub, errors, and two acquisitions of one model.
@Suite(.enabled(if: Nginx.isInstalled, Nginx.absence), .timeLimit(.minutes(5)))
struct NginxTests {
  private let scene: Scene
  private let files: [String: [UInt8]]
  private let nginx: Nginx
  private let configuration: AcquisitionConfiguration

  init() throws {
    scene = try Scene()
    files = [
      "weights-1.safetensors": Content.bytes(900_000, seed: 1),
      "weights-2.safetensors": Content.bytes(1_234_567, seed: 2),
      "config/config.json": Array(#"{"model_type":"test"}"#.utf8),
      "config/deep/tokenizer.json": Content.bytes(4096, seed: 3),
      "one.bin": [7],
    ]
    nginx = try Nginx(files)
    configuration = Scene.configuration(ports: [nginx.port, nginx.other])
  }

  private func manifest(_ sources: (String) -> [String]) throws -> ModelManifest {
    try Scene.manifest(files.sorted { $0.key < $1.key }.map { ($0.key, $0.value, sources($0.key)) })
  }

  @Test func allFilesArriveInTheirDirectories() async throws {
    let manifest = try manifest { [nginx.url($0)] }
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == files)
    #expect(report.files.map(\.path) == files.keys.sorted())
    #expect(try scene.leftovers() == [])
    // The store's own verification finds what it needs.
    let store = ModelStore(root: scene.store)
    #expect(throws: Never.self) { try store.verify(manifest.digest) }
    // Once more: it is there.
    let again = try await scene.acquire(manifest, configuration)
    #expect(again.wasInstalled && again.files.isEmpty)
    #expect(try scene.leftovers() == [])
  }

  @Test func progressOnlyGrowsAndEndsAtAll() async throws {
    let manifest = try manifest { [nginx.url($0)] }
    _ = try await scene.acquire(manifest, configuration)
    let done = scene.progress.withLock { $0.map(\.bytesDone) }
    #expect(done == done.sorted() && done.last == Int(manifest.totalSizeBytes))
    #expect(scene.progress.withLock { $0.allSatisfy { $0.bytesTotal == Int(manifest.totalSizeBytes) } })
  }

  @Test(arguments: ["whole/", "broken/", "locked/"]) func aServerWithoutRangesOrWithErrors(location: String)
    async throws
  {
    let manifest = try manifest { [nginx.url(location + $0), nginx.url($0)] }
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == files)
    #expect(report.alerts == [])
    let first = report.files.allSatisfy { $0.sources == [nginx.url(location + $0.path)] }
    #expect(first == (location == "whole/"))
  }

  @Test func aHubRedirectsToAnotherHostWithoutTheToken() async throws {
    var configuration = configuration
    configuration.huggingFaceEndpoint = "http://127.0.0.1:\(nginx.port)"
    let manifest = try manifest { ["hf://owner/repo@main/" + $0] }
    // 401 without the token; 400 from the other host if the token came along.
    let fault = await scene.fault(manifest, configuration)
    guard case .sourcesExhausted(_, let attempts) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(attempts.allSatisfy { $0.fault == .status(401) })
    configuration.credentials = [
      EndpointCredential(
        origin: try HTTPURL(configuration.huggingFaceEndpoint), .bearer(SecretBytes(copying: "hf_token".utf8)))
    ]
    _ = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == files)
  }

  @Test func aHubMayNotLeadInside() async throws {
    var configuration = configuration
    configuration.huggingFaceEndpoint = "http://127.0.0.1:\(nginx.port)"
    configuration.allowances = [.host("127.0.0.1", port: nginx.port)]
    configuration.credentials = [
      EndpointCredential(
        origin: try HTTPURL(configuration.huggingFaceEndpoint), .bearer(SecretBytes(copying: "hf_token".utf8)))
    ]
    let fault = await scene.fault(try manifest { ["hf://owner/repo@main/" + $0] }, configuration)
    guard case .sourcesExhausted(_, let attempts) = fault, case .addressRefused(let refusal)? = attempts.first?.fault
    else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(refusal.port == nginx.other)
    // A signature in a redirect's address is a secret.
    #expect(!"\(String(describing: fault)) \(scene.alerts.withLock { $0 })".contains("signature"))
  }

  @Test func severalAcquisitionsOfOneModelShareTheWork() async throws {
    let manifest = try manifest { [nginx.url($0)] }
    let reports = try await withThrowingTaskGroup(of: AcquisitionReport.self) { group in
      for _ in 0..<4 { group.addTask { try await scene.acquire(manifest, configuration) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(reports.filter { !$0.wasInstalled }.count == 1)
    #expect(try scene.content(manifest) == files)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scene.store + "/models/.partial") == [])
  }

  @Test(.timeLimit(.minutes(5))) func anotherProcessIsWaitedFor() async throws {
    let manifest = try manifest { [nginx.url($0)] }
    let path = try scene.scratch.write(manifest.canonicalBytes, to: "manifest.json")
    let process = try ChildProcess(
      Probe.path, [scene.store, path, "\(nginx.port)", "hold", "pieceEnded", "1"], input: .pipe, output: .pipe)
    #expect(try await onThread { process.line() } == "holding")
    // It holds the lock: this one waits, says so, and finds the work done.
    let (waits, waiting) = AsyncStream.makeStream(of: AcquisitionProgress.self)
    async let report = scene.acquisition(configuration).acquire(manifest, progress: { waiting.yield($0) })
    var iterator = waits.makeAsyncIterator()
    #expect(await iterator.next()?.bytesDone == 0)
    process.write(Array("go on\n".utf8))
    #expect(try await report.wasInstalled)
    #expect(await process.end() == 0)
    #expect(try scene.content(manifest) == files)
  }

  @Test func aCancelledWaitLeavesTheHolderAlone() async throws {
    let manifest = try manifest { [nginx.url($0)] }
    let store = ModelStore(root: scene.store)
    let lock = try await AcquisitionLock.take(try store.partial(for: manifest.digest) + ".lock", isWaiting: {})
    let (waits, waiting) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      do throws(AcquisitionFault) {
        _ = try await scene.acquisition(configuration).acquire(manifest, progress: { _ in waiting.yield() })
        return AcquisitionFault?.none
      } catch {
        return error
      }
    }
    var iterator = waits.makeAsyncIterator()
    await iterator.next()
    task.cancel()
    #expect(await task.value == .cancelled)
    withExtendedLifetime(lock) {}
  }
}
