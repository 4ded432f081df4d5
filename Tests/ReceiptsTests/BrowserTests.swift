import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Receipts

/// The page and this package are two implementations of one document: they must say the same of every receipt, step by
/// step, code by code, word by word.
@Suite struct BrowserTests {
  static let page = Vectors.packageRoot + "/web/verify.html"
  static let scripts = Vectors.packageRoot + "/Tests/Browser"
  static let node = Subprocess.find("node", "nodejs")
  static let chromium = Subprocess.find("chromium", "chromium-browser", "google-chrome")

  struct Case {
    let name: String
    let key: String
    let bytes: [UInt8]
    /// Against which evidence is held, and at what time (Unix milliseconds; nil for that of the identity).
    var policy: JSON?
    var at: Int64?
  }

  /// Every story, expected from its own box and from any; every mutation; and receipts with one wrong bit.
  static var cases: [Case] {
    let stories = ToldStory.all + ToldStory.runs + OrderMutations.stories
    let mutations = MutationTests.all + ParityMutations.all + OrderMutations.all + RunMutations.all
    let flips = FlippedReceipts.all + FlippedReceipts.runs
    return stories.map { Case(name: $0.name, key: $0.key, bytes: $0.bytes) }
      + stories.map { Case(name: $0.name, key: "", bytes: $0.bytes) }
      + mutations.map { Case(name: $0.code, key: $0.key, bytes: $0.bytes) }
      + flips.enumerated().map { Case(name: "flip \($0.offset)", key: "", bytes: $0.element) }
      + AttestedReceipts.all.map { Case(name: "\($0)", key: "", bytes: $0.bytes, policy: $0.policy, at: $0.at) }
  }

  /// Runs a driver over the cases and holds what the page says against what this package says.
  private func compare(_ driver: String, _ arguments: [String]) throws {
    let cases = Self.cases
    for (item, page) in zip(cases, try ask(driver, arguments, cases)) {
      let report = try report(item)
      #expect(page["verdict"] == .string(report.verdict.rawValue), "\(item.name)")
      #expect(page["steps"] == .array(Self.steps(report)), "\(item.name)")
      if let machine = page["told"] { #expect(machine == .array(Self.machine(report)), "\(item.name)") }
      let told = (page["explanation"]?.array ?? []).compactMap { $0["text"]?.string }
      let ours = report.explanation.lines.map { driver.contains("chromium") ? visible($0.text) : $0.text }
      #expect(told == ours, "\(item.name)")
    }
  }

  private func report(_ item: Case) throws -> ReceiptReport {
    let expected = item.key.isEmpty ? ExpectedBox.anyBox : try ExpectedBox(parsing: item.key)
    let appraisal = try item.policy.map {
      EvidenceExpectation(policy: try AppraisalPolicy(json: $0), time: item.at.map { .at($0) } ?? .ofClaim)
    }
    return ReceiptVerifier(expecting: expected, appraisal: appraisal).verify(item.bytes)
  }

  private static func steps(_ report: ReceiptReport) -> [JSON] {
    report.steps.map { step in
      [
        "id": .string(step.id.rawValue), "state": .string(step.outcome.name),
        "code": .string(step.outcome.failure?.code ?? ""),
      ]
    }
  }

  /// What is said of the machine where nothing failed.
  private static func machine(_ report: ReceiptReport) -> [JSON] {
    report.steps.filter { [.identity, .evidence, .release, .measured].contains($0.id) }.map {
      .string($0.outcome.failure == nil ? $0.outcome.detail : "")
    }
  }

  /// What the page says of each case.
  private func ask(_ driver: String, _ arguments: [String], _ cases: [Case]) throws -> [JSON] {
    let directory = try TemporaryDirectory()
    var list: [JSON] = []
    for (number, item) in cases.enumerated() {
      let file = try directory.write(item.bytes, to: "\(number).json")
      var listed: JSONObject = ["file": .string(file), "key": .string(item.key)]
      if let policy = item.policy {
        listed["policy"] = .string(
          try directory.write(policy.canonicalBytes(), to: "policy-\(digest(of: policy)).json"))
      }
      listed["at"] = item.at.map { .integer($0) }
      list.append(.object(listed))
    }
    let listing = try directory.write(JSON.array(list).canonicalBytes(), to: "cases.json")
    let node = try #require(Self.node)
    let run = try Subprocess.run(node, ["\(Self.scripts)/\(driver)"] + arguments + [Self.page, listing])
    try #require(run.status == 0, "\(run.errors)")
    let results = try JSON(parsing: run.output, limits: .document(maxBytes: 64 << 20)).array ?? []
    try #require(results.count == cases.count)
    return results
  }

  /// The page runs no policy code: of a decision that rests on it, and of what rests on that, it never says that it
  /// holds.
  @Test(.enabled(if: node != nil, "node is not installed")) func codeIsNotPerformedByThePage() throws {
    var large = try Stories.code()
    large.action = ["type": "http.request", "params": ["amount": 100]]
    var wrong = large
    large.approvals.append(.init(signer: large.signers[1], after: 20_000))
    wrong.counted = ["alice"]
    var none = large
    none.approvals = []
    let stories = [("small", try Stories.code()), ("large", large), ("wrong", wrong), ("none", none)]
    let cases = try stories.map { Case(name: $0.0, key: try $0.1.box().es256Text, bytes: try $0.1.receiptBytes()) }
    let resting: Set<StepID> = [.decision, .execution, .noObjection, .budgets]
    for (item, page) in zip(cases, try ask("run-in-node.mjs", [], cases)) {
      let report = try report(item)
      let isRefused = ["wrong", "none"].contains(item.name)
      #expect(report.failures.map(\.code) == (isRefused ? ["decision.not-satisfied"] : []), "\(item.name)")
      // What no branch would allow is refused without asking which one was named.
      #expect(page["verdict"] == (item.name == "none" ? "rejected" : "accepted"), "\(item.name)")
      let steps = zip(report.steps, Self.steps(report)).map { step, json -> JSON in
        guard resting.contains(step.id), item.name != "none" else { return json }
        return ["id": .string(step.id.rawValue), "state": "not-proved", "code": ""]
      }
      #expect(page["steps"] == .array(steps), "\(item.name)")
      let told = (page["explanation"]?.array ?? []).compactMap { $0["text"]?.string }
      #expect(told.contains { $0.contains("what policy code names of (large: 2 members of officers; small: ") })
      #expect(!told.contains { $0.contains("That was enough") })
      let named = item.name == "small" ? "small" : "large"
      #expect(report.explanation.lines.contains { $0.text.contains("policy code, which named \(named): ") })
    }
  }

  /// What the page makes of the characters that the stories hide in their texts.
  private func visible(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format: result += "\u{27E8}U+\(String(scalar.value, radix: 16, uppercase: true))\u{27E9}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  @Test(.enabled(if: node != nil, "node is not installed")) func scriptAgrees() throws {
    try compare("run-in-node.mjs", [])
  }

  @Test(.enabled(if: node != nil && chromium != nil, "chromium is not installed")) func pageAgrees() throws {
    try compare("run-in-chromium.mjs", [try #require(Self.chromium)])
  }

  /// Two readers of JSON that differ see different documents under one signature.
  @Test(.enabled(if: node != nil, "node is not installed")) func parserAgrees() throws {
    let vectors = try Vectors.own("json.json")
    let cases = (vectors["accepted"]?.array ?? []) + (vectors["refused"]?.array ?? [])
    var texts = try cases.map { item in
      try #require(item["text"]?.string.map { Array($0.utf8) } ?? item["hex"]?.string.flatMap { Hex.decode($0) })
    }
    // Nesting at and over the limit, and every ASCII character alone, escaped and within a string.
    for depth in [64, 65] {
      texts.append(Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8))
    }
    for byte in UInt8(0)..<128 {
      texts += [[byte], [0x22, byte, 0x22], [0x22, 0x5C, byte, 0x22], [0x31, byte, 0x31]]
    }
    let directory = try TemporaryDirectory()
    let list = try directory.write(
      JSON.array(texts.map { .string(Hex.encode($0)) }).canonicalBytes(), to: "texts.json")
    let run = try Subprocess.run(try #require(Self.node), ["\(Self.scripts)/json-in-node.mjs", Self.page, list])
    try #require(run.status == 0, "\(run.errors)")
    let results = try #require(try JSON(parsing: run.output, limits: .document(maxBytes: 1 << 24)).array)
    try #require(results.count == texts.count)
    for (text, result) in zip(texts, results) {
      let ours = try? JSON(parsing: text, limits: .document(maxBytes: 1 << 24))
      #expect(result == ours.map { .string($0.canonicalString()) } ?? .null, "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(texts.count > 500)
  }

  /// The shipped file is what its readable parts make, and its policy names the hashes of its own script and style.
  @Test func pageIsBuiltFromItsParts() throws {
    let run = try Subprocess.run("/bin/bash", [Vectors.packageRoot + "/scripts/build-verifier", "--check"])
    #expect(run.status == 0, "\(run.errors)")
  }

  /// Nothing in the file could load or send anything, and untrusted text has no way to become markup.
  @Test func pageHasNoWayOut() throws {
    let text = try String(contentsOfFile: Self.page, encoding: .utf8)
    #expect(text.contains("default-src 'none'; script-src 'sha256-"))
    let forbidden = [
      "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest",
      "WebSocket",
      "import(", "localStorage", "Date.now", "new Date()", "performance.", "setTimeout", "unsafe-inline", "src=\"",
      "href=",
    ]
    for word in forbidden { #expect(!text.contains(word), "\(word)") }
  }
}
