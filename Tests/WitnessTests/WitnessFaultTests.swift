import Cryptography
import Foundation
import HTTPClient
import Storage
import TestSupport
import Testing
import TransparencyLog

@testable import Witness

/// `safebox witness serve` as a process, hurt by strace at exactly one system call on its records.
@Suite(.serialized, .enabled(if: WitnessProcess.isAvailable, WitnessProcess.absence), .timeLimit(.minutes(5)))
struct WitnessFaultTests {
  /// What the witness was asked to cosign, one size after the other; size 1 was cosigned before the fault.
  private static let sizes: [UInt64] = [2, 3, 4]

  private struct Scene {
    let log: TestLog
    let directory: TemporaryDirectory
    let configuration: WitnessConfiguration

    init() async throws {
      log = try TestLog()
      directory = try TemporaryDirectory()
      let socket = directory.file("w.sock")
      configuration = WitnessConfiguration(
        name: "w.example/1", keyFile: directory.file("key.pem"), directory: directory.file("data"),
        endpoint: .unix(path: socket), logs: [try log.keys])
      let json = """
        {"name":"w.example/1","key":"\(configuration.keyFile)","data":"\(configuration.directory)",
         "listen":{"unix":"\(socket)"},
         "logs":[{"origin":"\(log.origin)","keys":["\(log.signer.verifierKey.text)"]}]}
        """
      try directory.write(Array(json.utf8), to: "witness.json")
      let witness = try WitnessService.open(configuration, startsFresh: false) { _ in }
      #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)).status == 200)
      await witness.close()
    }

    /// Asks for one size after the other until one is refused. Returns the last that was cosigned.
    func submit(_ sizes: [UInt64], to http: HTTPClient) async throws -> UInt64 {
      let policy = EgressPolicy(
        publicPorts: .none, permitsPlainHTTP: true, unixSockets: [directory.file("w.sock")])
      var revealed: UInt64 = 1
      for size in sizes {
        let request = HTTPClientRequest(
          method: "POST", url: "http://localhost/add-checkpoint", body: try log.request(from: revealed, to: size),
          deadline: .seconds(60), unixSocketPath: directory.file("w.sock"))
        guard let response = try? await http.send(request, policy: policy), response.status == 200 else { break }
        revealed = size
      }
      return revealed
    }

    /// The size in the records, read by a new witness.
    func remembered() async throws -> UInt64? {
      let witness = try WitnessService.open(configuration, startsFresh: false) { _ in }
      let answer = await witness.addCheckpoint(try log.request(from: 0, to: 1))
      await witness.close()
      guard case .conflict(let size) = answer else { return nil }
      return size
    }
  }

  /// Killed, or told EIO, at every write and sync of three commits: whatever was cosigned is remembered afterwards, and
  /// at most one commit more than was answered.
  @Test(arguments: ["signal=SIGKILL", "error=EIO"]) func everyCallOnTheRecords(fault: String) async throws {
    let http = HTTPClient()
    defer { http.shutDown() }
    let calls = ["pwrite64", "fdatasync", "fsync", "ftruncate"]
    let dry = try await Scene()
    let process = try WitnessProcess(dry.directory, calls: calls, inject: nil)
    #expect(await process.isReady())
    #expect(try await dry.submit(Self.sizes, to: http) == 4)
    process.stop()
    let trace = process.trace()
    var runs = 0
    var hurt = 0
    for call in calls {
      let count = trace.count { $0.contains(" \(call)(") }
      for occurrence in 0..<count {
        runs += 1
        let scene = try await Scene()
        let process = try WitnessProcess(
          scene.directory, calls: calls, inject: "\(call):\(fault):when=\(occurrence + 1)")
        let revealed = await process.isReady() ? try await scene.submit(Self.sizes, to: http) : 1
        process.stop()
        if revealed < 4 { hurt += 1 }
        let remembered = try #require(try await scene.remembered(), "\(call) \(occurrence + 1)")
        #expect(remembered >= revealed && remembered <= revealed + 1, "\(call) \(occurrence + 1)")
      }
    }
    // Three commits sync three times at the least.
    #expect(runs >= 6, "\(trace)")
    #expect(hurt >= 6, "\(hurt) of \(runs) runs were hurt")
  }
}
