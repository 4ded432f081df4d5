import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct WitnessPolicyTests {
  struct File: Decodable {
    struct Text: Decodable {
      let desc: String
      let policy: String
    }
    struct Evaluation: Decodable {
      let desc: String
      let policy: String
      let checkpoint: String
      let satisfied: Bool
    }
    let valid: [Text]
    let invalid: [Text]
    let evaluate: [Evaluation]
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func policiesOfTheSpecification() throws {
    let file = try vector("generated/tlog_policy.json", as: File.self)
    for wanted in file.valid {
      #expect(throws: Never.self, "\(wanted.desc)") { try WitnessPolicy(parsing: Array(wanted.policy.utf8)) }
    }
    for wanted in file.invalid {
      #expect(throws: WitnessPolicy.Failure.self, "\(wanted.desc)") {
        try WitnessPolicy(parsing: Array(wanted.policy.utf8))
      }
    }
    #expect(file.valid.count == 4 && file.invalid.count == 28 && file.evaluate.count == 22)
    for wanted in file.evaluate {
      let policy = try WitnessPolicy(parsing: Array(wanted.policy.utf8))
      let signed = try SignedCheckpoint(parsing: Array(wanted.checkpoint.utf8))
      let outcome = Result { try policy.verify(signed) }
      switch outcome {
      case .success(let verified):
        #expect(wanted.satisfied, "\(wanted.desc)")
        #expect(policy.isSatisfied(by: verified))
      case .failure(let error):
        #expect(!wanted.satisfied, "\(wanted.desc): \(error)")
        switch error as? WitnessPolicy.Rejection {
        case .quorumNotMet, .checkpoint(.notSignedByLog): break
        default: Issue.record("\(wanted.desc): \(error)")
        }
      }
    }
  }

  private func vkey(_ name: String) throws -> String { try Cosigner(name: name, key: .generate()).verifierKey.text }

  private func failure(_ text: String) -> WitnessPolicy.Failure? { failure(Array(text.utf8)) }

  private func failure(_ bytes: [UInt8]) -> WitnessPolicy.Failure? {
    do { _ = try WitnessPolicy(parsing: bytes) } catch { return error }
    return nil
  }

  @Test func failuresAreNamedWithTheirLine() throws {
    let (a, b) = (try vkey("a"), try vkey("b"))
    #expect(failure("quorum none\nquorum none\n") == .init(line: 2, reason: .secondQuorum))
    #expect(failure("") == .init(line: 0, reason: .missingQuorum))
    #expect(
      failure("witness a \(a)\nwitness b \(b)\ngroup g 3 a b\nquorum g\n")
        == .init(line: 3, reason: .invalidThreshold("3", members: 2)))
    #expect(
      failure("witness a \(a)\ngroup g 01 a\nquorum g\n")
        == .init(line: 2, reason: .invalidThreshold("01", members: 1)))
    #expect(failure("witness a \(a)\ngroup g g a\nquorum g\n")?.line == 2)
    #expect(failure("witness a \(a)\ngroup g any g\nquorum g\n") == .init(line: 2, reason: .unknownName("g")))
    #expect(failure("witness a \(a)\nwitness b \(a)\nquorum a\n") == .init(line: 2, reason: .duplicateKey))
    #expect(failure("quorum none\u{7F}\n") == .init(line: 1, reason: .controlOctet(0x7F)))
    #expect(
      failure([UInt8](repeating: 0x20, count: (1 << 20) + 1))
        == .init(line: 0, reason: .tooLong(bytes: (1 << 20) + 1, limit: 1 << 20)))
  }

  /// A witness that could never be counted would make every quorum with it fail in the dark.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func mldsaWitnessesAreRefusedNotIgnored() throws {
    let key = try vector("generated/mldsa44_cosignature.json", as: CheckpointTests.MLDSA.self).vkey
    #expect(failure("witness a \(key)\nquorum a\n") == .init(line: 1, reason: .unsuitableKey(.mldsa44Cosignature)))
    #expect(failure("log \(key)\nquorum none\n") == .init(line: 1, reason: .unsuitableKey(.mldsa44Cosignature)))
  }

  /// tlog-policy, "Character set": the Kelvin sign is not a K, and names need not be UTF-8 at all.
  @Test func namesAreOctets() throws {
    let (a, b) = (try vkey("a"), try vkey("b"))
    let policy = try WitnessPolicy(parsing: Array("witness K \(a)\nwitness \u{212A} \(b)\nquorum \u{212A}\n".utf8))
    #expect(policy.quorum == .witness(1))
    var bytes = Array("witness ".utf8) + [0xFF, 0xFE] + Array(" \(a)\nquorum ".utf8)
    #expect(failure(bytes + [0xFF, 0xFF]) != nil)
    bytes += [0xFF, 0xFE]
    #expect(failure(bytes) == nil)
  }

  @Test func limitsOfTheSpecificationAreSupported() throws {
    var text = ""
    for index in 0..<32 {
      let key = try NoteSigner(name: "log\(index).example", ed25519: .generate()).verifierKey.text
      text += "log \(key)\nwitness w\(index) \(try vkey("w\(index)"))\n"
    }
    for index in 0..<32 { text += "group g\(index) any w\(index)\(index > 0 ? " g\(index - 1)" : "")\n" }
    let policy = try WitnessPolicy(parsing: Array((text + "quorum g31\n").utf8))
    #expect(policy.isSatisfied(cosigners: [0]))
    #expect(!policy.isSatisfied(cosigners: []))
    text = ""
    for index in 0...256 { text += "witness w\(index) \(try vkey("w"))\n" }
    #expect(failure(text + "quorum none\n") == .init(line: 257, reason: .tooMany("witnesses", limit: 256)))
  }

  @Test func nestedQuorumsCountGroupsNotCosignatures() throws {
    let keys = try (0..<5).map { try vkey("w\($0)") }
    var text = keys.enumerated().map { "witness w\($0) \($1)\n" }.joined()
    text += "group x 2 w0 w1 w2\ngroup y any w3 w4\ngroup both all x y\nquorum both\n"
    let policy = try WitnessPolicy(parsing: Array(text.utf8))
    for mask in 0..<32 {
      let cosigners = Set((0..<5).filter { mask >> $0 & 1 == 1 })
      let expected = cosigners.intersection([0, 1, 2]).count >= 2 && !cosigners.isDisjoint(with: [3, 4])
      #expect(policy.isSatisfied(cosigners: cosigners) == expected)
    }
  }
}
