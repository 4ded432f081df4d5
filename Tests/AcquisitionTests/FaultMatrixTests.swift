import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

/// What sources do wrong, each alone and each before one that does right.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct FaultMatrixTests {
  private let scene: Scene
  private let weights: [UInt8]
  private let peer: SourcePeer
  private let configuration: AcquisitionConfiguration

  init() throws {
    scene = try Scene()
    weights = Content.bytes(Scene.size, seed: 11)
    peer = try SourcePeer(["weights": weights], in: scene.scratch)
    configuration = Scene.configuration(ports: [peer.port, peer.other])
  }

  private func manifest(_ manners: String...) throws -> ModelManifest {
    try Scene.manifest([("weights.gguf", weights, manners.map { peer.url($0) })])
  }

  /// A misbehaviour, and what it is taken for.
  struct Case: Sendable, CustomStringConvertible {
    var manner: String
    /// Requests before the source is left.
    var attempts = 1
    /// Offered other bytes: alert, and nothing is kept.
    var isMismatch = false
    var isAlert = false
    var matches: @Sendable (SourceFault) -> Bool
    var description: String { manner }

    init(
      _ manner: String, attempts: Int = 1, isMismatch: Bool = false, isAlert: Bool = false,
      _ matches: @escaping @Sendable (SourceFault) -> Bool
    ) {
      self.manner = manner
      self.attempts = attempts
      self.isMismatch = isMismatch
      self.isAlert = isAlert || isMismatch
      self.matches = matches
    }
  }

  static let cases: [Case] = [
    Case("chunked_short", attempts: 3) { $0 == .truncated(expected: Scene.size, actual: Scene.size - 1) },
    Case("chunked_extra", isMismatch: true) { $0 == .tooManyBytes(expected: Scene.size) },
    Case("until_close", isMismatch: true) { $0 == .tooManyBytes(expected: Scene.size) },
    Case("corrupted", isMismatch: true) { if case .digest(_, _, isSole: true) = $0 { true } else { false } },
    Case("corrupted_whole", isMismatch: true) { if case .digest(_, _, isSole: true) = $0 { true } else { false } },
    Case("longer", isMismatch: true) { $0 == .length(expected: Scene.size, actual: Scene.size + 1) },
    Case("shorter", isMismatch: true) { $0 == .length(expected: Scene.size, actual: Scene.size - 1) },
    Case("announces_more", isMismatch: true) { $0 == .length(expected: Scene.size, actual: Scene.size + 1000) },
    Case("announces_less", isMismatch: true) { $0 == .length(expected: Scene.size, actual: Scene.size - 1000) },
    Case("wrong_total", isMismatch: true) { $0 == .length(expected: Scene.size, actual: Scene.size + 1) },
    Case("unsatisfiable") { $0 == .rangeNotSatisfiable(0..<200_000) },
    Case("wrong_range") { $0 == .contentRange(expected: "bytes 0-199999", actual: "bytes 1-200000/700000") },
    Case("no_content_range") { $0 == .contentRange(expected: "bytes 0-199999", actual: "no range") },
    Case("packed") { $0 == .encoded("gzip") },
    Case("unavailable", attempts: 3) { $0 == .status(503) },
    Case("missing") { $0 == .status(404) },
    Case("forbidden") { $0 == .status(403) },
    Case("hangs_up", attempts: 3) { if case .transport(.connectionLost) = $0 { true } else { false } },
    Case("leads_inside", isAlert: true) {
      if case .addressRefused(let refusal) = $0 { refusal.host == "127.0.0.2" } else { false }
    },
    Case("leads_nowhere") { $0 == .transport(.tooManyRedirects(limit: 5)) },
    Case("leads_out_of_http", isAlert: true) { if case .redirectRefused = $0 { true } else { false } },
  ]

  @Test(arguments: cases) func aloneItFails(_ theCase: Case) async throws {
    let manifest = try manifest(theCase.manner)
    let fault = await scene.fault(manifest, configuration)
    guard case .sourcesExhausted(let file, let attempts) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(file == "weights.gguf")
    #expect(attempts.count == theCase.attempts && attempts.allSatisfy { theCase.matches($0.fault) }, "\(attempts)")
    #expect(scene.alerts.withLock { $0.count } == (theCase.isAlert ? 1 : 0))
    #expect(!scene.isInstalled(manifest))
    // Of a source that offered other bytes nothing stays.
    if theCase.isMismatch { #expect(try scene.leftovers() == []) } else { #expect(try !scene.leftovers().isEmpty) }
    #expect(fault?.keepsPartial == !theCase.isMismatch)
  }

  @Test(arguments: cases) func theNextSourceServes(_ theCase: Case) async throws {
    let manifest = try manifest(theCase.manner, "ok")
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    #expect(report.files.map(\.sources) == [[peer.url(theCase.manner), peer.url("ok")]])
    #expect(report.alerts.count == (theCase.isAlert ? 1 : 0))
    #expect(report.alerts.allSatisfy { theCase.matches($0.fault) && $0.source == peer.url(theCase.manner) })
    #expect(scene.alerts.withLock { $0 } == report.alerts)
    #expect(try scene.leftovers() == [])
  }

  @Test(arguments: ["ok", "whole", "chunked", "truncated", "truncated_once", "unavailable_once", "leads_elsewhere"])
  func whatCanBeMadeGoodIs(manner: String) async throws {
    let manifest = try manifest(manner)
    var configuration = configuration
    // Halves of halves: each attempt brings the rest closer.
    configuration.limits.transfer.attempts = 200
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    #expect(report.alerts == [] && !report.wasInstalled)
    let sources = [peer.url(manner)]
    #expect(report.files == [.init(path: "weights.gguf", bytes: Scene.size, resumedBytes: 0, sources: sources)])
    let last = scene.progress.withLock { $0.last }
    #expect(last?.bytesDone == Scene.size && last?.bytesTotal == Scene.size && last?.secondsLeft == 0)
  }

  @Test func rangesOverlapNowhereAndCoverAll() async throws {
    _ = try await scene.acquire(try manifest("ok"), configuration)
    let ranges = try await peer.requests().compactMap { $0["range"]?.string }
    #expect(Set(ranges) == ["bytes=0-199999", "bytes=200000-399999", "bytes=400000-599999", "bytes=600000-699999"])
    #expect(ranges.count == 4)
  }

  /// A source that breaks off leaves bytes to the next, which need not be those of the file. Then nobody can be blamed
  /// yet, and the good source must not be lost.
  @Test func aPoisonedStartDoesNotDiscreditWhoWentOn() async throws {
    let manifest = try manifest("corrupted_first_half", "ok")
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    #expect(report.alerts.count == 1)
    guard case .digest(_, _, isSole: false) = report.alerts.first?.fault else {
      Issue.record("\(report.alerts)")
      return
    }
  }

  @Test func theSecretStaysWithItsOrigin() async throws {
    var configuration = configuration
    let origin = try HTTPURL("http://127.0.0.1:\(peer.port)")
    configuration.credentials = [EndpointCredential(origin: origin, .bearer(SecretBytes(copying: "hush".utf8)))]
    let manifest = try manifest("leads_elsewhere")
    _ = try await scene.acquire(manifest, configuration)
    let requests = try await peer.requests()
    let first = requests.filter { $0["listener"]?.string == "first" }
    let other = requests.filter { $0["listener"]?.string == "other" }
    #expect(!first.isEmpty && first.allSatisfy { $0["authorization"]?.string == "Bearer hush" })
    #expect(!other.isEmpty && other.allSatisfy { $0["authorization"] == .null })
    #expect(!"\(configuration)".contains("hush"))
  }

  @Test func privateAddressesNeedAnAllowance() async throws {
    let manifest = try manifest("ok")
    let fault = await scene.fault(manifest, Scene.configuration())
    guard case .sourcesExhausted(_, let attempts) = fault, case .addressRefused? = attempts.first?.fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(try await peer.requests().isEmpty)
    #expect(scene.alerts.withLock { $0.count } == 1)
  }

  // MARK: Time

  private func timed() -> (ManualClock, AcquisitionConfiguration) {
    var configuration = configuration
    configuration.limits.slowPeriod = .seconds(30)
    configuration.limits.leastBytesPerSecond = 1000
    return (ManualClock(instant: [configuration.limits.firstPause]), configuration)
  }

  @Test(arguments: ["mute", "stalls", "dribbles"]) func aSilentSourceIsLeft(manner: String) async throws {
    let (clock, configuration) = timed()
    let manifest = try manifest(manner, "ok")
    async let report = scene.acquire(manifest, configuration, clock: clock.clock)
    for _ in 0..<3 {
      // Not before it has given what it will give.
      try await peer.untilItWaits()
      await clock.sleeper(for: .seconds(30))
      clock.advance(by: .seconds(30))
    }
    #expect(try await report.files.map(\.sources) == [[peer.url(manner), peer.url("ok")]])
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
  }

  @Test func slownessAloneIsNoMismatch() async throws {
    let (clock, configuration) = timed()
    let manifest = try manifest("dribbles")
    async let fault = scene.fault(manifest, configuration, clock: clock.clock)
    for _ in 0..<3 {
      try await peer.untilItWaits()
      await clock.sleeper(for: .seconds(30))
      clock.advance(by: .seconds(30))
    }
    guard case .sourcesExhausted(_, let attempts) = await fault else {
      Issue.record("another fault")
      return
    }
    #expect(attempts.count == 3)
    #expect(attempts.allSatisfy { $0.fault == .tooSlow(leastBytesPerSecond: 1000, over: .seconds(30)) })
    #expect(try !scene.leftovers().isEmpty)
  }

  @Test func theWholeHasALimitToo() async throws {
    var (clock, configuration) = timed()
    configuration.limits.slowPeriod = .seconds(10_000)
    configuration.limits.total = .seconds(3600)
    let manifest = try manifest("mute")
    async let fault = scene.fault(manifest, configuration, clock: clock.clock)
    try await peer.untilItWaits()
    await clock.sleeper(for: .seconds(3600))
    clock.advance(by: .seconds(3600))
    #expect(await fault == .tookTooLong(limit: .seconds(3600)))
    #expect(!scene.isInstalled(manifest))
  }

  @Test func cancellationKeepsWhatArrived() async throws {
    let manifest = try Scene.manifest([
      ("a.bin", weights, [peer.url("ok")]), ("b.bin", weights, [peer.url("mute")]),
    ])
    let task = Task { [scene, configuration] in await scene.fault(manifest, configuration) }
    try await peer.untilItWaits()
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(try !scene.leftovers().isEmpty && !scene.isInstalled(manifest))
  }
}
