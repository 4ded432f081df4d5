import CanonicalJSON
import Foundation
import TestSupport
import Testing

@testable import Receipts

/// Tests/Vectors/receipts.json, which others may test their verifiers with, and which tells when a change here would refuse
/// receipts that were handed out before. `SAFEBOX_WRITE_VECTORS=1` tells the stories anew.
@Suite struct OwnVectorTests {
  private static let path = Vectors.packageRoot + "/Tests/Vectors/receipts.json"
  private static let stories = ["quorum", "groups", "passkey", "committee-change", "break-glass", "witnessed"]
  private static let mutations = [
    "inclusion.root", "log-signature.es256", "constitution.possession", "statement.nonce", "approvals.signature",
    "approvals.epoch", "decision.too-early", "openings.digest",
  ]
  private static let runs = ["run", "run-in-process", "run-resumed"]
  private static let runMutations: Set = [
    "tool.digest", "calls.repeated", "calls.count", "grants.method", "isolation.layers", "execution-hash.digest",
  ]

  private static func vector(_ name: String, _ key: String, _ bytes: [UInt8]) throws -> JSON {
    let expected = key.isEmpty ? ExpectedBox.anyBox : try ExpectedBox(parsing: key)
    let report = ReceiptVerifier(expecting: expected).verify(bytes)
    let steps = report.steps.map { step in
      (step.id.rawValue, JSON.string(step.outcome.failure?.code ?? step.outcome.name))
    }
    return [
      "name": .string(name), "key": .string(key), "receipt": .string(String(decoding: bytes, as: UTF8.self)),
      "verdict": .string(report.verdict.rawValue), "steps": .object(JSONObject(steps)),
    ]
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["SAFEBOX_WRITE_VECTORS"] != nil, "nothing to write"))
  func write() throws {
    var vectors = try ToldStory.all.filter { Self.stories.contains($0.name) }
      .map { try Self.vector($0.name, $0.key, $0.bytes) }
    vectors += try MutationTests.all.filter { Self.mutations.contains($0.code) }
      .map { try Self.vector($0.code, $0.key, $0.bytes) }
    vectors += try ToldStory.runs.filter { Self.runs.contains($0.name) }
      .map { try Self.vector($0.name, $0.key, $0.bytes) }
    for code in Self.runMutations.sorted() {
      let mutation = try #require(RunMutations.all.first { $0.code == code })
      vectors.append(try Self.vector(code, mutation.key, mutation.bytes))
    }
    let lines = vectors.map { $0.canonicalString() }.joined(separator: ",\n")
    try Data("[\n\(lines)\n]\n".utf8).write(to: URL(fileURLWithPath: Self.path))
    #expect(vectors.count == Self.count)
  }

  private static let count = stories.count + mutations.count + runs.count + runMutations.count

  @Test func receiptsOfBeforeAreStillJudgedTheSame() throws {
    let vectors = try #require(try Vectors.own("receipts.json").array)
    #expect(vectors.count == Self.count)
    for vector in vectors {
      let receipt = Array(vector["receipt"]?.string?.utf8 ?? "".utf8)
      let again = try Self.vector(vector["name"]?.string ?? "", vector["key"]?.string ?? "", receipt)
      #expect(again == vector)
    }
  }
}
