import CanonicalJSON
import Testing

@testable import Receipts

/// Actions whose parameters the log keeps, told right and told wrong: the verifiers must draw the same line, or a receipt of
/// something that no box could have done would pass in one of them.
enum OrderMutations {
  /// Parameters that stand, by type.
  static let right: [(type: String, params: JSON)] = {
    let one = JSON.string(digest(of: "one"))
    let commitment: JSON = ["$commitment": one]
    let keyed: JSON = ["key": "payments", "appraisal": one]
    let granted: JSON = ["key": "payments", "box": "box.example/other"]
    return [
      ("release.approve", ["release": release]),
      ("release.revoke", ["name": "image", "version": "1", "reason": commitment]),
      ("measurement.lock", ["reason": "the audit begins"]),
      (
        "model.install",
        [
          "manifest": one, "name": "A model", "version": "1", "bytes": 1, "files": 256, "licence": "MIT", "runner": one,
        ]
      ), ("model.remove", ["manifest": one]), ("runner.start", ["name": "chat", "model": one, "isolation": "runsc"]),
      ("runner.stop", ["name": "chat"]),
      ("package.install", ["manifest": one, "name": "tools", "packages": 4096, "bytes": 1]),
      ("snapshot.create", ["scope": "models", "name": "before"]),
      ("snapshot.rollback", ["scope": "directories", "name": "before"]), ("directory.create", ["name": "inbox"]),
      (
        "key.enrol",
        [
          "box": "box.example/other", "ak": .string("000b" + digest(of: "ak")), "ek": one, "assurance": "hardware",
          "proof": "activation",
        ]
      ), ("key.create", keyed), ("key.appraise", keyed), ("key.grant", granted), ("key.revoke", granted),
      ("key.retire", ["key": "payments"]),
      (
        "key.release",
        [
          "key": "payments", "box": "box.example/other", "wrapping": one, "tls": one, "nonce": one, "evidence": one,
          "appraisal": one, "kind": "tpm", "assurance": "software", "release": "any", "appraised": 0,
        ]
      ),
      (
        "key.refuse",
        [
          "key": "payments", "box": "box.example/other", "reason": "policy.release",
          "checks": [["id": "policy.release", "expected": "image 1", "actual": "sha256.pcr4"]],
          "registers": ["sha256.pcr4"], "evidence": one,
        ]
      ), ("key.rotate", ["community": "acme"]), ("key.erase", ["tenant": "acme"]),
    ]
  }()

  private static let release: JSON = [
    "name": "image", "version": "1",
    "references": ["nvidia-gpu": ["driver": [.string(String(repeating: "00", count: 20))]]],
  ]

  /// One wrong member each.
  private static let wrong: [(type: String, path: String, value: JSON?)] = [
    ("release.approve", "release.name", .string(String(repeating: "n", count: 129))),
    ("release.approve", "release.version", .string(String(repeating: "v", count: 65))),
    ("release.approve", "release.more", 1), ("release.approve", "release.references", [:]),
    ("release.approve", "release.references.abacus", ["driver": [.string(String(repeating: "00", count: 20))]]),
    ("release.approve", "release.references.tpm", [:]),
    ("release.approve", "release.references.nvidia-gpu.driver", []),
    ("release.approve", "release.references.nvidia-gpu.driver.0", .string(String(repeating: "00", count: 19))),
    ("release.approve", "release.references.nvidia-gpu.driver.0", .string(String(repeating: "AA", count: 20))),
    ("release.approve", "release.name", ["$commitment": .string(String(repeating: "0", count: 64))]),
    ("release.revoke", "name", nil), ("release.revoke", "version", 1),
    ("release.revoke", "reason", .string(String(repeating: "r", count: 4097))), ("measurement.lock", "reason", nil),
    ("measurement.lock", "more", 1), ("model.install", "manifest", "00"), ("model.install", "name", 1),
    ("model.install", "version", .string(String(repeating: "v", count: 65))), ("model.install", "bytes", 0),
    ("model.install", "files", 257), ("model.install", "licence", .string(String(repeating: "l", count: 257))),
    ("model.install", "runner", nil),
    ("model.install", "licence", ["$commitment": .string(String(repeating: "0", count: 64))]),
    ("model.remove", "manifest", nil), ("model.remove", "more", 1), ("runner.start", "name", "No Name"),
    ("runner.start", "model", ""), ("runner.start", "isolation", "none"), ("runner.stop", "name", nil),
    ("package.install", "manifest", nil), ("package.install", "name", ""), ("package.install", "packages", 4097),
    ("package.install", "bytes", 0), ("snapshot.create", "scope", "log"), ("snapshot.create", "name", "../up"),
    ("snapshot.rollback", "scope", nil), ("snapshot.rollback", "more", 1), ("directory.create", "name", "a/b"),
    ("key.enrol", "box", "two words"), ("key.enrol", "ak", "00"), ("key.enrol", "ek", nil),
    ("key.enrol", "assurance", "any"), ("key.enrol", "proof", "word"), ("key.create", "key", "No Name"),
    ("key.create", "appraisal", nil), ("key.appraise", "appraisal", "00"), ("key.appraise", "more", 1),
    ("key.grant", "box", "a+b"), ("key.grant", "key", nil), ("key.revoke", "box", nil), ("key.retire", "key", 1),
    ("key.retire", "box", "box.example/other"), ("key.release", "key", nil), ("key.release", "box", ""),
    ("key.release", "wrapping", "00"), ("key.release", "tls", nil),
    ("key.release", "nonce", .string(String(repeating: "00", count: 33))), ("key.release", "evidence", nil),
    ("key.release", "appraisal", ""), ("key.release", "kind", "TPM"), ("key.release", "assurance", "any"),
    ("key.release", "release", .string(String(repeating: "r", count: 257))), ("key.release", "appraised", -1),
    ("key.refuse", "box", nil), ("key.refuse", "reason", "\u{202E}"),
    ("key.refuse", "reason", .string(String(repeating: "r", count: 65))), ("key.refuse", "checks", []),
    ("key.refuse", "checks.0.id", "\n"), ("key.refuse", "checks.0.expected", nil),
    ("key.refuse", "checks.0.actual", .string(String(repeating: "a", count: 513))), ("key.refuse", "checks.0.more", 1),
    ("key.refuse", "registers", ["pcr4", "pcr4"]), ("key.refuse", "registers.0", "PCR 4"),
    ("key.refuse", "evidence", "00"), ("key.rotate", "tenant", "acme"),
    ("key.rotate", "community", nil), ("key.rotate", "community", "No Name"), ("key.erase", "tenant", nil),
    ("key.erase", "tenant", ["$commitment": .string(String(repeating: "0", count: 64))]),
  ]

  /// What looks like one of these actions and is none.
  private static let reserved = [
    "model.drop", "runner.restart", "package.remove", "snapshot.remove", "directory.remove", "release.drop",
    "measurement.unlock", "key.copy",
  ]

  static func story(_ type: String, _ params: JSON) throws -> Story {
    var story = try Stories.quorum()
    story.openings = [:]
    story.policies = story.policies.setting("payments.covers", to: [.string(type)])
    story.action = ["type": .string(type), "params": params]
    return story
  }

  static let stories: [ToldStory] = {
    do {
      return try right.map { type, params in
        let story = try story(type, params)
        return ToldStory(name: type, key: try story.box().es256Text, bytes: try story.receiptBytes())
      }
    } catch {
      Issue.record("an order cannot be told: \(error)")
      return []
    }
  }()

  static let all: [Mutation] = {
    do {
      var all: [Mutation] = []
      for (type, path, value) in wrong {
        guard let params = right.first(where: { $0.type == type })?.params else { continue }
        all.append(try .told("policy.parameters", story(type, params.setting(path, to: value))) { _ in })
      }
      for type in reserved { all.append(try .told("policy.reserved-type", story(type, [:])) { _ in }) }
      return all
    } catch {
      Issue.record("a mutation cannot be made: \(error)")
      return []
    }
  }()
}

@Suite struct OrderTests {
  @Test(arguments: OrderMutations.stories) func isAccepted(_ story: ToldStory) throws {
    let report = ReceiptVerifier(expecting: try ExpectedBox(parsing: story.key)).verify(story.bytes)
    #expect(report.failures == [])
  }

  @Test(arguments: OrderMutations.all) func isRefusedWithItsCode(_ mutation: Mutation) throws {
    let report = ReceiptVerifier(expecting: .anyBox).verify(mutation.bytes)
    #expect(report.failures.first?.code == mutation.code, "\(report.failures)")
  }

  /// Nothing is left out of the comparison: every type that the log keeps is told right, and wrong.
  @Test func everyTypeIsTold() {
    #expect(Set(OrderMutations.right.map(\.type)).count == 21)
    #expect(OrderMutations.all.count > 80)
  }
}
