import CanonicalJSON
import Cryptography
import Foundation
import Governance
import KeyRelease
import Keychain
import Runs
import Storage
import TestSupport
import Testing
import TrustedPlatform

@testable import BoxService

/// A box whose data lies under a broker's key: it gets the key by what its TPM says, shows its log without it, and never opens
/// its data with another one.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)), .timeLimit(.minutes(5)))
struct ReleasedKeyTests {
  private static func put(_ value: String, into box: TestBox) throws {
    try box.core().keychain.put(
      community: "acme", name: "token", value: SecretBytes(copying: value.utf8), hosts: ["a.example.com"],
      kind: .text, at: 1)
  }

  private static func value(_ box: TestBox) throws -> [UInt8] {
    try box.core().keychain.resolver(community: "acme").value(
      "token", for: "a.example.com"
    ).withUnsafeBytes { Array($0) }
  }

  @Test func theKeyComesFromTheBrokerAtEachStartAndLiesInNoFile() async throws {
    try await ReleaseWorld.with { world in
      #expect(!WholeFile.exists(world.home.directory.masterPath))
      var key: SecretBytes?
      try await world.with { (box) async throws in
        guard case .ready = box.box.mode else { throw TestFailure("\(box.box.mode)") }
        try Self.put("a secret value", into: box)
        let opened = try await box.open("note.write", ["secret": "words that nobody else reads"])
        try await box.wait(opened, for: "executed")
        // The same key, asked for once more, to look for it.
        let client = try world.theBroker().client(ReleaseWorld.name)
        let measurer = try #require(box.box.asker).measurer
        key = try await client.release(
          "disk", wrapping: .generate(), patience: .seconds(60),
          attester: { try await measurer.evidence(binding: $0) }
        ).key
        client.shutDown()
      }
      let bytes = try #require(key).withUnsafeBytes { Array($0) }
      let needles = [bytes, Array(Hex.encode(bytes).utf8), Array(Base64.encode(bytes).utf8)].map { Data($0) }
      func findings() throws -> [String] {
        try FileList.under(world.home.directory.path).filter { file in
          let content = try Data(contentsOf: URL(fileURLWithPath: "\(world.home.directory.path)/\(file)"))
          return needles.contains { content.range(of: $0) != nil }
        }
      }
      #expect(try findings().isEmpty)
      #expect(!world.home.reports.lines.contains { $0.contains(Hex.encode(bytes)) })
      // The search finds what is there.
      try WholeFile.create(world.home.directory.path + "/leak", with: Array(Hex.encode(bytes).utf8), mode: 0o600)
      #expect(try findings() == ["leak"])
      try FileManager.default.removeItem(atPath: world.home.directory.path + "/leak")

      try await world.with { (box) async throws in
        #expect(try Self.value(box) == Array("a secret value".utf8))
        let releases = try world.statements("key.release")
        #expect(releases.count == 3)
        // The identity names the key to which the broker sealed: the two logs meet there.
        let last = try #require(releases.last)
        let wrapping = try #require(await box.box.attestation?.keeper.current).identity.wrapping
        #expect(last.params["wrapping"]?.string == Hex.encode(wrapping))
        let claim = try await ReleaseWorld.claim(box)
        let broker = try #require(box.box.configuration.keyRelease).broker.url
        #expect(claim.text.contains(last.id.hex) && claim.text.contains(broker))
        // Software plays this machine, and the claim does not hide it.
        #expect(!claim.isProved && claim.text.contains("software plays the machine"))
      }
    }
  }

  @Test func anotherKeyIsNoticedBeforeAnythingIsWritten() async throws {
    try await ReleaseWorld.with { world in
      try await world.theBroker().key("other", for: ReleaseWorld.name)
      try await world.with { try Self.put("a secret value", into: $0) }
      func contents() throws -> [String: Data] {
        var files: [String: Data] = [:]
        for file in try FileList.under(world.home.directory.path) where !file.hasPrefix("log/") && file != "box.json" {
          files[file] = try Data(contentsOf: URL(fileURLWithPath: "\(world.home.directory.path)/\(file)"))
        }
        return files
      }
      let before = try contents()
      try world.configure { $0.keyRelease?.key = "other" }
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("its check value differs"))
        #expect(box.box.core == nil)
        #expect(try await ReleaseWorld.claim(box).text.contains("has not released the key"))
      }
      #expect(try contents() == before)
      try world.configure { $0.keyRelease?.key = "disk" }
      // The record of a time before the first release, beside data: which key that wants is not to be guessed.
      let record = try #require(before["keys/master.json"])
      try WholeFile.replace(
        world.home.directory.masterRecordPath, with: MasterKeyRecord(source: .broker, check: nil).bytes, mode: 0o600)
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("it is older than the data"))
      }
      try WholeFile.replace(world.home.directory.masterRecordPath, with: Array(record), mode: 0o600)
      try await world.with { (box) async throws in
        #expect(try Self.value(box) == Array("a secret value".utf8))
      }
    }
  }

  /// Which of two keys is meant is not guessed; both ways, and whichever was there first.
  @Test func aDirectoryIsOfOneMindAboutItsKey() async throws {
    let tpm = MachineConfiguration(.tpm(tcti: "swtpm:path=/nowhere"))
    let release = KeyReleaseConfiguration(
      broker: .init(url: "https://127.0.0.1:1", key: SHA256.hash(utf8: "key")), box: "a.example", key: "disk")
    let listeners = BoxConfiguration.Listener.tcp(address: "127.0.0.1", port: 0)
    for isReleased in [true, false] {
      let home = try await TestBox.Home(
        configuration: BoxConfiguration(
          listen: listeners, admin: listeners, attestation: isReleased ? tpm : nil,
          keyRelease: isReleased ? release : nil))
      let directory = home.directory
      #expect(WholeFile.exists(directory.masterPath) == !isReleased)
      try directory.masterKey(try directory.configuration())
      func refused(_ text: String, _ location: SourceLocation = #_sourceLocation) async throws {
        let files = try FileList.under(directory.path).sorted()
        await #expect(sourceLocation: location) {
          _ = try await TestBox(home)
        } throws: { "\($0)".contains(text) }
        #expect(try FileList.under(directory.path).sorted() == files, sourceLocation: location)
      }
      // The configuration says otherwise.
      var configuration = try directory.configuration()
      (configuration.attestation, configuration.keyRelease) = isReleased ? (nil, nil) : (tpm, release)
      try WholeFile.replace(directory.configurationPath, with: configuration.bytes, mode: 0o600)
      try await refused(
        isReleased ? "restore its \"keyRelease\"" : "keys/master.key is there: one of the two is wrong")
      // And the file with it.
      if isReleased {
        try WholeFile.create(directory.masterPath, with: Array(String(repeating: "5a", count: 32).utf8), mode: 0o600)
        try await refused("restore its \"keyRelease\"")
        (configuration.attestation, configuration.keyRelease) = (tpm, release)
        try WholeFile.replace(directory.configurationPath, with: configuration.bytes, mode: 0o600)
        try await refused("keys/master.key is there: one of the two is wrong")
      } else {
        try FileManager.default.removeItem(atPath: directory.masterPath)
        try await refused("it was not made with a released key")
        try FileManager.default.removeItem(atPath: directory.masterRecordPath)
        try await refused("it was not made with a released key")
      }
    }
    // Another key in the file is noticed too.
    let home = try await TestBox.Home()
    try WholeFile.replace(
      home.directory.masterPath, with: Array(String(repeating: "5a", count: 32).utf8), mode: 0o600)
    await #expect {
      _ = try await TestBox(home)
    } throws: { "\($0)".contains("it is not the key with which this directory was made") }
  }

  @Test func aRefusedBoxShowsItsLogNamesTheRegisterAndGoesOnAsking() async throws {
    try await ReleaseWorld.with { world in
      try await world.accept("sha256.pcr4", String(repeating: "11", count: 32))
      try await world.with { (box) async throws in
        let reason = try await ReleaseWorld.reason(box)
        #expect(reason.contains("the broker refuses (policy.release") && reason.contains("different: sha256.pcr4"))
        #expect(world.openedDirectories().isEmpty)
        #expect(try await ReleaseWorld.claim(box).text.contains("has not released the key"))
        #expect(try await box.get("/v1/identity", as: nil).code == "read_only")
        #expect(try world.theBroker().releases() == 0)
        try await world.accept("sha256.pcr4", String(repeating: "00", count: 32))
        try await ReleaseWorld.wait(box, for: "ready")
        #expect(try await ReleaseWorld.claim(box).text.contains("as running image 1.0"))
        let opened = try await box.open("note.write")
        try await box.wait(opened, for: "executed")
        try Self.put("put after the wait", into: box)
        #expect(try Self.value(box) == Array("put after the wait".utf8))
        #expect(world.home.reports.lines.contains { $0.contains("different: sha256.pcr4") })
        #expect(world.home.reports.lines.contains { $0.contains("released the key of the data; the box is ready") })
      }
    }
  }

  @Test func anUndecidedReleaseIsTheSameOneAfterTheBrokerWasStartedAgain() async throws {
    try await ReleaseWorld.with(release: TestBroker.two, patience: 0) { world in
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("is open"))
        let releases = try world.statements("key.release")
        #expect(releases.count == 1)
        await world.stopBroker()
        try await ReleaseWorld.wait(box, for: "no broker")
        try await world.startBroker()
        try await ReleaseWorld.wait(box, for: "is open")
        let id = try #require(releases.first).id
        let broker = try world.theBroker()
        let opened = try Opened(try await broker.box.get("/v1/proposals/\(id.hex)").json)
        try await broker.box.approve(opened, by: "ana", "ben")
        try await ReleaseWorld.wait(box, for: "ready")
        #expect(try world.statements("key.release").count == 1)
        #expect(try await ReleaseWorld.claim(box).text.contains(id.hex))
      }
      // Denied is asked anew, by a start that knows of nothing.
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("is open"))
        #expect(try world.statements("key.release").count == 2)
      }
    }
  }

  @Test func aBrokerThatIsNotThereAtTheStartComesLater() async throws {
    try await ReleaseWorld.with { world in
      try await world.with { try Self.put("a secret value", into: $0) }
      await world.stopBroker()
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("no broker"))
        #expect(box.box.core == nil)
        try await world.startBroker()
        try await ReleaseWorld.wait(box, for: "ready")
        #expect(try Self.value(box) == Array("a secret value".utf8))
      }
      // A box that stops while it asks stops.
      await world.stopBroker()
      try await world.with { _ = try await ReleaseWorld.reason($0) }
    }
  }

  @Test func aCopyOnAnotherMachineGetsNothing() async throws {
    try await ReleaseWorld.with { world in
      try await world.with { try Self.put("a secret value", into: $0) }
      let other = try SoftwareTPM()
      let released = try world.theBroker().releases()
      try world.configure { $0.attestation = .init(.tpm(tcti: other.tcti)) }
      try await world.with { (box) async throws in
        let reason = try await ReleaseWorld.reason(box)
        #expect(reason.contains("the broker refuses"))
        #expect(box.box.core == nil)
      }
      #expect(try world.theBroker().releases() == released)
      let refusal = try #require(try world.statements("key.refuse").last)
      let checks = refusal.params["checks"]?.array?.compactMap { $0["id"]?.string } ?? []
      #expect(checks.contains("broker.enrolment"))
    }
  }

  /// Evidence that contradicts the log is not shown to the broker.
  @Test func aMachineThatWasMeasuredIntoAsksForNothing() async throws {
    try await ReleaseWorld.with { world in
      try await world.with { _ in }
      _ = try await TPMDevice(tcti: world.tpm.tcti).extend(14, with: [UInt8](repeating: 7, count: 32))
      let before = try world.theBroker().box.box.reader.size()
      try await world.with { (box) async throws in
        #expect(try await ReleaseWorld.reason(box).contains("something else was measured"))
      }
      #expect(try world.theBroker().box.box.reader.size() == before)
    }
  }

  /// The released key stands above the communities' in everything that rotation and erasure do.
  @Test func keysOfCommunitiesRotateAndAreErasedBelowTheReleasedKey() async throws {
    try await ReleaseWorld.with { world in
      let (own, others) = (try #require(RunID([UInt8](repeating: 1, count: 32))), [UInt8](repeating: 2, count: 32))
      let other = try #require(RunID(others))
      func isKept(_ run: RunID, _ community: String, _ box: TestBox) throws -> Bool {
        try RunPayloads(blobs: try #require(box.box.blobs)).contents(of: run, community: community).ending != nil
      }
      try await world.with { (box) async throws in
        try Self.put("a secret value", into: box)
        let payloads = RunPayloads(blobs: try #require(box.box.blobs))
        try payloads.keep(ending: "what a run said", of: own, community: "acme")
        try payloads.keep(ending: "what another said", of: other, community: "acme-2")
      }
      try await world.with { (box) async throws in
        #expect(try isKept(own, "acme", box))
        let rotated = try await Self.carryOut("key.rotate", ["community": "acme"], box)
        #expect(rotated["execution"]?["result"]?["generation"] == 2)
        #expect(try Self.value(box) == Array("a secret value".utf8))
      }
      try await world.with { (box) async throws in
        #expect(try Self.value(box) == Array("a secret value".utf8))
        // The other community's stay; a tenant of the same name is another holder.
        _ = try await Self.carryOut("key.rotate", ["tenant": "acme"], box)
        _ = try await Self.carryOut("key.erase", ["tenant": "acme"], box)
        #expect(try Self.value(box) == Array("a secret value".utf8))
        let erased = try await Self.carryOut("key.erase", ["community": "acme"], box)
        #expect(erased["execution"]?["result"]?["generations"] == 1)
        #expect(throws: (any Error).self) { try Self.value(box) }
        #expect(try !isKept(own, "acme", box) && isKept(other, "acme-2", box))
      }
      try await world.with { (box) async throws in
        #expect(throws: (any Error).self) { try Self.value(box) }
      }
    }
  }

  private static func carryOut(_ type: String, _ params: JSON, _ box: TestBox) async throws -> JSON {
    try await box.wait(try await box.open(type, params), for: "executed")
  }
}

/// `keyRelease` in box.json: every mistake is named.
@Suite struct KeyReleaseConfigurationTests {
  private static let good: JSONObject = [
    "broker": "https://broker.example:8472", "brokerKey": .string(String(repeating: "ab", count: 32)),
    "box": "a.example", "key": "disk", "patience": 5,
  ]

  private static func parse(_ release: JSON, machine: Bool = true) throws -> BoxConfiguration {
    var object: JSONObject = [
      "format": "safebox-config/v1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "keyRelease": release,
    ]
    if machine { object["attestation"] = ["platform": "tpm", "tcti": "device:/dev/tpmrm0"] }
    return try BoxConfiguration(parsing: JSON.object(object).canonicalBytes())
  }

  @Test func whatIsWrittenIsRead() throws {
    let read = try Self.parse(.object(Self.good))
    #expect(read.keyRelease?.json == .object(Self.good))
    #expect(try BoxConfiguration(parsing: read.bytes) == read)
    var short = Self.good
    short["patience"] = nil
    #expect(try Self.parse(.object(short)).keyRelease?.patience == 60)
  }

  @Test(
    arguments: [
      ("broker", "http://broker.example:8472"), ("broker", "broker"), ("broker", nil), ("brokerKey", "ab"),
      ("brokerKey", .string(String(repeating: "AB", count: 32))), ("brokerKey", nil), ("box", "a+b"), ("box", nil),
      ("key", "A Key"), ("key", nil), ("patience", -1), ("patience", 3601), ("patience", "5"), ("nonce", "x"),
    ] as [(String, JSON?)])
  func aMistakeNamesItsField(member: String, value: JSON?) throws {
    var object = Self.good
    object[member] = value
    #expect {
      _ = try Self.parse(.object(object))
    } throws: { ($0 as? FieldError)?.field.contains(member) == true }
  }

  @Test func withoutAMachineThereIsNoEvidence() throws {
    #expect {
      _ = try Self.parse(.object(Self.good), machine: false)
    } throws: { ($0 as? FieldError)?.field == "attestation" }
  }

  @Test func questionsComeFurtherApartUpToALimit() {
    var pace = RetryPace()
    #expect((0..<4).map { _ in pace.delay(after: .unreachable("")) } == [2, 4, 8, 16].map { .seconds($0) })
    let refusal = KeyReleaseFailure.refused(entry: nil, reason: "", detail: "", registers: [])
    #expect((0..<6).map { _ in pace.delay(after: refusal) } == [30, 60, 120, 240, 480, 600].map { .seconds($0) })
    #expect(pace.delay(after: .undecided(release: SHA256.hash([]), status: "open")) == .seconds(2))
    #expect((0..<100).map { _ in pace.delay(after: .doesNotOpen) }.max() == .seconds(600))
  }
}
