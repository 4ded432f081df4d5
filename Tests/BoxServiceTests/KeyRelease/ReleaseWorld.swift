import CanonicalJSON
import Cryptography
import Foundation
import Governance
import KeyRelease
import Storage
import TestSupport
import Testing
import TrustedPlatform

@testable import BoxService

/// A broker that appraises for real, on a port that it keeps, and the home of a box with a software TPM, whose data lies under
/// the broker's key `disk`.
final class ReleaseWorld {
  static let name = "a.example"

  let kek: TemporaryDirectory
  let tpm: SoftwareTPM
  /// The home of the broker.
  private let broker: TestBox.Home
  let home: TestBox.Home
  private(set) var running: TestBroker?

  /// Retries at once, so that no test waits for the pace that an operator wants.
  static let pace: RetryPace = {
    var pace = RetryPace()
    (pace.first, pace.refused, pace.longest) = (.milliseconds(20), .milliseconds(20), .milliseconds(200))
    return pace
  }()

  /// - Parameters:
  ///   - release: the rule over releases.
  ///   - tpm: the machine of the box.
  init(release: JSON = TestBroker.automatic, patience: Int64 = 60, tpm: SoftwareTPM? = nil) async throws {
    kek = try TemporaryDirectory()
    self.tpm = try tpm ?? SoftwareTPM()
    broker = try await TestBroker.home(release: release, kek: kek, port: try ReservedPort.unassigned())
    let started = try await TestBroker(broker, kek: kek, appraiser: .standard)
    running = started
    let (places, key) = try #require(started.box.box.brokerAddress)
    home = try await TestBox.Home(
      extra: ["keys": ["covers": ["key.rotate", "key.erase"], "rule": TestBroker.automatic]],
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        attestation: .init(.tpm(tcti: self.tpm.tcti)),
        keyRelease: .init(
          broker: .init(url: "https://\(try #require(places.first))", key: key), box: Self.name, key: "disk",
          patience: patience)))
    try await Self.enrol(self.tpm, at: started)
    try await started.key("disk", for: Self.name)
  }

  /// By what only this TPM can open.
  static func enrol(_ tpm: SoftwareTPM, at broker: TestBroker) async throws {
    let device = try TPMDevice(tcti: tpm.tcti)
    let client = try broker.client(name)
    let id = try await client.enrol(
      EnrolmentRequest(
        box: name, attestationKey: try await device.attestationKey().publicArea, attestationCertificates: [],
        endorsementKey: try await device.endorsementKey().publicArea, endorsementCertificates: [])
    ) { try await device.activate(credential: $0, encryptedSecret: $1) }
    let opened = try Opened(try await broker.box.get("/v1/proposals/\(id.hex)").json)
    try await broker.box.wait(opened, for: "executed")
    client.shutDown()
  }

  /// Runs `body` with a world and stops its broker.
  static func with(
    release: JSON = TestBroker.automatic, patience: Int64 = 60, _ body: (ReleaseWorld) async throws -> Void
  ) async throws {
    let world = try await ReleaseWorld(release: release, patience: patience)
    do {
      try await body(world)
      await world.stopBroker()
    } catch {
      await world.stopBroker()
      throw error
    }
  }

  func start(_ home: TestBox.Home? = nil) async throws -> TestBox {
    try await TestBox(home ?? self.home, pace: Self.pace)
  }

  /// Runs `body` with the box of a home, and stops it.
  func with(_ home: TestBox.Home? = nil, _ body: (TestBox) async throws -> Void) async throws {
    let box = try await start(home)
    do {
      try await body(box)
      await box.stop()
    } catch {
      await box.stop()
      throw error
    }
  }

  func theBroker() throws -> TestBroker { try #require(running) }

  func stopBroker() async {
    await running?.box.stop()
    running = nil
  }

  func startBroker() async throws { running = try await TestBroker(broker, kek: kek, appraiser: .standard) }

  /// From now on the key's appraisal policy accepts only this value of a register; anything for nil.
  func accept(_ register: String, _ value: String?) async throws {
    var policy = try #require(TestBroker.policy.object)
    if let value {
      policy["releases"] = [
        ["name": "image", "version": "1.0", "references": ["tpm": [register: [.string(value)]]]]
      ]
    }
    let broker = try theBroker()
    let digest = try #require(
      try await broker.box.call("POST", "/v1/appraisals", .object(policy)).json["appraisal"]?.string)
    try await broker.carryOut("key.appraise", ["key": "disk", "appraisal": .string(digest)])
  }

  /// How a box says that it takes nothing; fails where it takes something.
  static func reason(_ box: TestBox) async throws -> String {
    #expect(try await box.get("/log/checkpoint", as: nil).status == 200)
    #expect(try await box.get("/v1/entries/0").status == 200)
    let refused = try await box.propose("note.write")
    #expect(refused.status == 503 && refused.code == "read_only")
    #expect(try await box.call("GET", "/readyz", as: nil, at: box.admin).status == 503)
    return try #require(try await box.get("/v1/status", as: nil).json["mode"]?.string)
  }

  /// Waits until the box says this of itself.
  static func wait(
    _ box: TestBox, for text: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    while ContinuousClock.now < deadline {
      if "\(box.box.mode)".contains(text) { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("still \(box.box.mode), not \(text)", sourceLocation: sourceLocation)
  }

  /// What the box claims of the key of its data.
  static func claim(_ box: TestBox) async throws -> (isProved: Bool, text: String) {
    let claims = try await box.get("/v1/claims", as: nil).json["claims"]?.array
    let claim = try #require(claims?.first { $0["id"] == "key-release" })
    return (claim["state"] == "proved", claim["evidence"]?.string ?? claim["reason"]?.string ?? "")
  }

  /// The directories that are only there when the data was opened.
  func openedDirectories() -> [String] {
    let directory = home.directory
    return [directory.keychainPath, directory.blobsPath, directory.communityKeysPath].filter(WholeFile.exists)
  }

  func configure(_ change: (inout BoxConfiguration) throws -> Void) throws {
    var configuration = try home.directory.configuration()
    try change(&configuration)
    try WholeFile.replace(home.directory.configurationPath, with: configuration.bytes, mode: 0o600)
  }

  /// The statements of a type in the broker's log, in order, as `(digest, params)`.
  func statements(_ type: String) throws -> [(id: SHA256Digest, params: JSON)] {
    try theBroker().entries(.proposalOpened).compactMap { try ProposalOpened(body: $0) }
      .filter { $0.statement.action.type == type }
      .map { ($0.proposal, .object($0.statement.action.params)) }
  }
}
