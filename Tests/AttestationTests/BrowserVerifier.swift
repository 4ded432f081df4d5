import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// The page's verifier, asked in Node. It and this package are two implementations of one document: verdict, deadline, and every
/// check's name, title and state must be the same.
enum BrowserVerifier {
  static let node = Subprocess.find("node", "nodejs")
  static let absence: Comment = "node is not installed"

  struct Case {
    var name: String
    var evidence: JSON
    var policy: JSON
    /// Unix milliseconds.
    var at: Int64
    var binding: Binding
  }

  /// Expects the page to say of every case what this package says.
  static func expectAgreement(_ cases: [Case]) throws {
    for (item, page) in zip(cases, try page(cases)) { #expect(page == ours(item), "\(item.name)") }
  }

  /// What the page says of each case. One process for all of them.
  static func page(_ cases: [Case]) throws -> [JSON] {
    let directory = try TemporaryDirectory()
    let page = directory.path + "/verify.html"
    let build = try Subprocess.run("\(Vectors.packageRoot)/scripts/build-verifier", ["--output", page])
    try #require(build.status == 0, "\(build.errors)")
    let list = cases.map { item -> JSON in
      let nonce = if case .bytes(let bytes) = item.binding { Hex.encode(bytes) } else { "any" }
      return [
        "evidence": item.evidence, "policy": item.policy, "at": .integer(item.at), "nonce": .string(nonce),
      ]
    }
    let listing = try directory.write(JSON.array(list).canonicalBytes(), to: "cases.json")
    let run = try Subprocess.run(
      try #require(node), ["\(Vectors.packageRoot)/Tests/Browser/attest-in-node.mjs", page, listing])
    try #require(run.status == 0, "\(run.errors)")
    let results = try JSON(parsing: run.output, limits: .document(maxBytes: 256 << 20)).array ?? []
    try #require(results.count == cases.count)
    return results
  }

  /// What this package says, in the driver's form.
  static func ours(_ item: Case) -> JSON {
    do {
      let policy = try AppraisalPolicy(json: item.policy)
      let report = try Evidence(json: item.evidence).appraised(by: policy, binding: item.binding, at: item.at)
      return [
        "verdict": .string(report.verdict.rawValue), "deadline": report.deadline.map { .integer($0) } ?? .null,
        "checks": .array(
          report.checks.map {
            ["id": .string($0.id.name), "title": .string($0.id.title), "state": .string($0.outcome.name)]
          }),
      ]
    } catch {
      return ["error": .string(error.field)]
    }
  }
}
