import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

/// A broker whose owners decide over releases by a time-lock and by policy code, and boxes that it knows by certificates of an
/// authority: all of them processes of their own.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct KeyReleasePolicyTests {
  private static func people(_ threshold: Int64) -> JSON {
    ["rule": "quorum", "committee": "owners", "threshold": .integer(threshold)]
  }

  private static func lock(_ seconds: Int64) -> JSON {
    ["rule": "timelock", "delay": .integer(seconds), "objectors": "owners", "objections": 1, "after": people(1)]
  }

  /// A program names the rule by what was asked for.
  private static let byKey: JSON = [
    "covers": ["key.release"],
    "rule": [
      "rule": "code",
      "source": """
      export default ({ action }) => {
        const { key, box, assurance } = action.params;
        if (assurance !== "software") return "nobody";
        if (key === "cache") return "machine";
        if (key === "disk" && box === "a.example") return "people";
        return "nobody";
      };
      """,
      "branches": ["machine": BrokerRoom.automatic, "people": people(2), "nobody": ["rule": "deny"]],
    ],
  ]

  /// A lock whose length the key's name chooses, so that one box has a short one and one that never opens here.
  private static let byTime: JSON = [
    "covers": ["key.release"],
    "rule": [
      "rule": "code", "source": "export default ({ action }) => action.params.key === 'disk' ? 'short' : 'long';",
      "branches": ["short": lock(2), "long": lock(86_400)],
    ],
  ]

  private static func client(_ broker: BrokerRoom, _ tpm: SoftwareTPM, _ name: String = "a.example") throws
    -> BrokerClient
  {
    BrokerClient(
      name: name, tpm: tpm, broker: broker,
      issuer: try broker.box.directory.write(Array(tpm.issuer.utf8), to: "issuer-\(name).pem"))
  }

  /// The time of an entry, Unix milliseconds.
  private static func time(_ box: TestBox, ofEntry index: Int64) throws -> Int64 {
    let entry = try box.ask("GET", "/v1/entries/\(index)").json()
    let json = try JSON(parsing: Array(try #require(entry["entry"]?.string).utf8), limits: .entry)
    return try #require(json["at"]?.integer)
  }

  /// When the lock of a proposal opens, and that nothing started before.
  private static func expectLocked(_ box: TestBox, _ id: String, until: Int64) throws {
    let started = try #require(try box.proposal(id).at("execution", "startedIndex").integer)
    #expect(try time(box, ofEntry: started) >= until, "not before the lock opened")
  }

  @Test func aCertifiedKeyIsEnrolledAndAProgramDecides() async throws {
    try await story {
      let (tpm, other) = (try SoftwareTPM(), try SoftwareTPM())
      let desk = try AttestationAuthorityTests.Desk(trusting: tpm.root)
      let certificate = try desk.certificate(of: tpm)
      let authority = try String(contentsOfFile: desk.directory + "/certificate.pem", encoding: .utf8)
      // The broker knows the authority and no maker of TPMs.
      let broker = try BrokerRoom(roots: [authority], policies: ["releases": Self.byKey])
      let box = try Self.client(broker, tpm)

      // Another's certificate, and a certificate that is none of an attestation key.
      let stranger = try Self.client(broker, other, "b.example")
      #expect(
        try stranger.run("broker enrol", "--ak-certificates", certificate, expecting: 1).errors
          .contains("akCertificates"))
      #expect(
        try box.run("broker enrol", "--ak-certificates", desk.directory + "/certificate.pem", expecting: 1).errors
          .contains("akCertificates"))
      #expect(try broker.actions("key.enrol").isEmpty)
      // swtpm's maker vouches for the endorsement key, and this broker does not know it.
      try box.run("broker enrol", expecting: 1)

      let enrolled = try box.run("broker enrol", "--ak-certificates", certificate, expecting: 3)
      let id = enrolled.output.trimmingCharacters(in: .whitespacesAndNewlines)
      let enrolment = try broker.box.wait(for: "executed", of: id).at("statement", "action", "params")
      #expect(enrolment["proof"] == "certificate" && enrolment["assurance"] == "software")
      for key in ["cache", "disk", "vault"] { try broker.make(key, for: "a.example") }

      let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 9) }
      let files = try TemporaryDirectory()
      let plain = try files.write(content, to: "plain")

      // Released at once.
      try box.run("seal", "--key", "cache", "--in", plain, "--out", files.file("cache"))
      try box.run("unseal", "--in", files.file("cache"), "--out", files.file("cache.opened"))
      #expect(try files.read("cache.opened") == content)

      // Waits for two people: nobody comes, and then both do.
      let waited = try box.run(
        "seal", "--key", "disk", "--in", plain, "--out", files.file("early"), "--wait", "0s", expecting: 3)
      #expect(waited.errors.contains("open"))
      let first = try broker.release(of: "disk")
      let process = try box.start(
        "seal", "--key", "disk", "--in", plain, "--out", files.file("disk"), "--wait", "150s")
      let release = try broker.release(of: "disk", besides: first)
      for person in ["compliance", "auditor"] { try broker.box.approve(release, by: person) }
      let ending = try process.wait()
      try #require(ending.status == 0, "\(ending.errors)")
      #expect(try files.read("disk").count > content.count)

      // Nobody may.
      let refused = try box.run(
        "seal", "--key", "vault", "--in", plain, "--out", files.file("vault"), expecting: 4)
      #expect(refused.errors.contains("vault") || refused.errors.contains("deny") || refused.errors.contains("denied"))
      for name in ["early", "vault"] { #expect(!FileManager.default.fileExists(atPath: files.file(name))) }
      try broker.box.stop()
    }
  }

  @Test func aReleaseWaitsOutItsLockAndAnObjectionEndsIt() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let broker = try BrokerRoom(roots: [tpm.root], policies: ["releases": Self.byTime])
      let box = try Self.client(broker, tpm)
      try box.run("broker enrol", expecting: 3)
      for key in ["disk", "vault"] { try broker.make(key, for: "a.example") }
      let content = [UInt8](repeating: 7, count: 70_000)
      let files = try TemporaryDirectory()
      let plain = try files.write(content, to: "plain")

      let process = try box.start(
        "seal", "--key", "disk", "--in", plain, "--out", files.file("disk"), "--wait", "150s")
      let release = try broker.release(of: "disk")
      let locked = try broker.box.approve(release, by: "engineer").json
      #expect(locked.at("status", "name") == "locked")
      let until = try #require(locked.at("status", "until").integer)
      let ending = try process.wait()
      try #require(ending.status == 0, "\(ending.errors)")
      try Self.expectLocked(broker.box, release, until: until)

      // The other lock is a day long: the command gives up and says where it stands, and one objection ends it.
      let waiting = try box.start(
        "seal", "--key", "vault", "--in", plain, "--out", files.file("vault"), "--wait", "150s")
      let vault = try broker.release(of: "vault")
      #expect(try broker.box.approve(vault, by: "engineer").json.at("status", "name") == "locked")
      try broker.box.safebox("object", vault, "--key", broker.box.key("auditor"), "--yes", "--json")
      let refused = try waiting.wait()
      #expect(refused.status == 4, "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: files.file("vault")))
      #expect(try broker.box.proposal(vault).at("status", "name") == "objected")
      let given = try box.run(
        "seal", "--key", "vault", "--in", plain, "--out", files.file("vault"), "--wait", "0s", expecting: 3)
      #expect(given.errors.contains("open"))
      try broker.box.stop()
    }
  }

  /// Reference values are approved by a lock and by a program, too, and what is revoked is released to no more.
  @Test func releasesOfImagesAreDecidedByLockAndByProgram() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let images: JSON = [
        "covers": ["release.approve"],
        "rule": [
          "rule": "code",
          "source": """
          export default ({ action }) => {
            const { name } = action.params.release;
            return name === "test" ? "one" : name === "image" ? "lock" : "nobody";
          };
          """,
          "branches": ["one": Self.people(1), "lock": Self.lock(2), "nobody": ["rule": "deny"]],
        ],
      ]
      let broker = try BrokerRoom(
        roots: [tpm.root],
        policies: ["images": images, "revocations": ["covers": ["release.revoke"], "rule": Self.people(1)]])
      let box = try Self.client(broker, tpm)
      func approve(_ name: String, expecting status: Int32 = 3) throws -> SpawnedProcess.Ending {
        let release = try #require(BrokerRoom.appraisal(name: name)["releases"]?.array?.first)
        let file = try broker.box.directory.write(release.canonicalBytes(), to: "release-\(name).json")
        return try broker.box.safebox("release", "approve", file, "--json", expecting: status)
      }
      let test = try #require(try approve("test").json["proposal"]?.string)
      try broker.box.approve(test, by: "compliance")
      try broker.box.wait(for: "executed", of: test)

      let image = try #require(try approve("image").json["proposal"]?.string)
      let locked = try broker.box.approve(image, by: "auditor").json
      #expect(locked.at("status", "name") == "locked")
      try broker.box.wait(for: "executed", of: image)
      try Self.expectLocked(broker.box, image, until: try #require(locked.at("status", "until").integer))
      _ = try approve("other", expecting: 4)

      // The approved releases make the policy of a key.
      let base = try broker.box.directory.write(
        try #require(
          BrokerRoom.appraisal().object.map { object in
            var object = object
            object["releases"] = "any"
            return JSON.object(object)
          }
        ).canonicalBytes(), to: "base.json")
      let written = broker.box.directory.file("written.json")
      try broker.box.safebox("release", "policy", base, "--out", written)
      let policy = try JSON(parsing: broker.box.directory.read("written.json"), limits: .document(maxBytes: 65536))
      #expect(Set(policy["releases"]?.array?.compactMap { $0["name"]?.string } ?? []) == ["test", "image"])
      try box.run("broker enrol", expecting: 3)
      var single = try #require(policy.object)
      single["releases"] = .array((policy["releases"]?.array ?? []).filter { $0["name"] == "image" })
      try broker.make("disk", for: "a.example", .object(single))
      let files = try TemporaryDirectory()
      let plain = try files.write([1, 2, 3], to: "plain")
      try box.run("seal", "--key", "disk", "--in", plain, "--out", files.file("sealed"))

      let revoke = try #require(
        try broker.box.safebox("release", "revoke", "image", "1", "--reason", "a flaw", "--json", expecting: 3)
          .json["proposal"]?.string)
      try broker.box.approve(revoke, by: "engineer")
      try broker.box.wait(for: "executed", of: revoke)
      let refused = try box.run("unseal", "--in", files.file("sealed"), "--out", files.file("opened"), expecting: 4)
      #expect(refused.errors.contains("broker.release"))
      #expect(!FileManager.default.fileExists(atPath: files.file("opened")))
      try broker.box.stop()
    }
  }
}
