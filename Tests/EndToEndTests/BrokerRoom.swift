import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// A broker of keys that runs as a process of its own, with its address and the digest of its key. It keeps its port when it is
/// started again.
final class BrokerRoom {
  static let automatic: JSON = ["rule": "automatic", "checks": []]

  let box: TestBox
  private(set) var url = ""
  private(set) var key = ""

  /// - Parameters:
  ///   - roots: who vouches for TPMs, PEM.
  ///   - policies: beside the one that lets everything about keys happen at once.
  init(roots: [String], policies more: JSONObject = [:]) throws {
    box = try TestBox(starts: false) { constitution in
      var policies = constitution["policies"]?.object ?? [:]
      policies["keys"] = ["covers": ["key.*"], "rule": Self.automatic]
      for (name, policy) in more { policies[name] = policy }
      constitution["policies"] = .object(policies)
    }
    let kek = try box.directory.write(Array(String(repeating: "5a", count: 32).utf8), to: "kek")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: kek)
    let authorities = try roots.enumerated().map { number, root -> JSON in
      let file = try box.directory.write(Array(root.utf8), to: "root-\(number).pem")
      return ["name": .string("authority \(number)"), "certificate": .string(file), "assurance": "software"]
    }
    let port = try ReservedPort.unassigned()
    let file = box.data + "/box.json"
    var configuration = try #require(
      try JSON(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: file))), limits: .document(maxBytes: 65536))
        .object)
    configuration["broker"] = [
      "listen": .string("127.0.0.1:\(port)"), "kek": ["type": "file", "path": .string(kek)],
      "authorities": .array(authorities),
    ]
    try Data(JSON.object(configuration).canonicalBytes()).write(to: URL(fileURLWithPath: file))
    try start()
  }

  func start() throws {
    try box.start()
    let words = box.readyLine.split(separator: " ").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    url = "https://" + words[try #require(words.lastIndex(of: "broker")) + 1]
    key = words[try #require(words.lastIndex(of: "key")) + 1]
  }

  /// What accepts a TPM whose boot loader's register holds this value in every byte.
  static func appraisal(byte: String = "00", name: String = "image") -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "the image", "assurance": "any", "anchors": [], "enrolled": [],
      "releases": [
        [
          "name": .string(name), "version": "1",
          "references": ["tpm": ["sha256.pcr4": [.string(String(repeating: byte, count: 32))]]],
        ]
      ],
      "platforms": [
        "tpm": [
          "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
          "runtime": ["code": "any", "locked": "any"],
        ]
      ],
    ]
  }

  /// A key, granted to a box.
  func make(_ key: String, for machine: String, _ policy: JSON = BrokerRoom.appraisal()) throws {
    let file = try box.directory.write(policy.canonicalBytes(), to: "appraisal-\(key).json")
    try box.safebox("broker", "create", key, "--appraisal", file, "--wait", "60s")
    try box.safebox("broker", "grant", key, machine, "--wait", "60s")
  }

  /// Actions that the broker itself proposed, with their proposals, newest first.
  func actions(_ type: String) throws -> [JSON] {
    let all = try box.ask("GET", "/v1/proposals?limit=100").json()["proposals"]?.array ?? []
    return all.filter { $0.at("statement", "action", "type").string == type }
  }

  /// Waits for a release of this key that is not over, and returns its proposal.
  func release(of key: String, besides other: String? = nil, within seconds: Double = 150) throws -> String {
    let deadline = Deadline(seconds)
    while !deadline.hasPassed {
      for release in try actions("key.release") where release.at("statement", "action", "params", "key") == .string(key)
      {
        let status = release.at("status", "name").string
        if let id = release["proposal"]?.string, id != other, status == "open" || status == "locked" { return id }
      }
      usleep(20_000)
    }
    throw HTTPExchange.Failure(description: "no release of \(key) is open: \(try actions("key.release"))")
  }
}

/// One box that asks a broker: its name, its TPM, and how it runs commands.
struct BrokerClient {
  let name: String
  let tpm: SoftwareTPM
  let broker: BrokerRoom
  let issuer: String

  private func words(_ command: String, _ more: [String]) -> [String] {
    command.split(separator: " ").map(String.init) + [
      "--broker", broker.url, "--broker-key", broker.key, "--name", name, "--tpm", tpm.tcti, "--certificates", issuer,
    ] + more
  }

  @discardableResult
  func run(
    _ command: String, _ more: String..., expecting status: Int32 = 0, _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    try Safebox.run(words(command, more), expecting: status, location)
  }

  /// Starts a command that waits for people.
  func start(_ command: String, _ more: String...) throws -> SpawnedProcess {
    try SpawnedProcess(Safebox.path, words(command, more))
  }
}
