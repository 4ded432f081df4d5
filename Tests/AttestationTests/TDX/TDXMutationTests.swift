import Attestation
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Every single-field change of genuine evidence is refused, by the check whose matter it is.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct TDXMutationTests {
  static func version5() throws -> TDXEvidence { try TDXSamples.evidence("go-tdx-guest/quote_v5_sample.dat") }

  static func all() throws -> [(TDXMutation, Int64)] {
    let complete = try TDXSamples.complete()
    let old = TDXMutation.quote(of: complete, isVersion5: false) + TDXMutation.collateral(of: complete)
    let new = TDXMutation.quote(of: try version5(), isVersion5: true)
    return old.map { ($0, TDXSamples.collateralTime) } + new.map { ($0, TDXSamples.time2026) }
  }

  @Test func everyChangeIsRefusedByItsCheck() throws {
    let policy = try TDXSamples.policy()
    let mutations = try Self.all()
    #expect(mutations.count > 400)
    for (mutation, at) in mutations {
      let report = Evidence(mutation.evidence).appraised(by: policy, binding: .any, at: at)
      #expect(report.verdict == .rejected, "\(mutation.name)")
      #expect(report.failed.first == mutation.check, "\(mutation.name): \(report.failed)")
      #expect(report.claims == nil, "\(mutation.name)")
    }
  }

  /// One bit of every byte of the quote, wherever it is.
  @Test func noByteOfAQuoteIsFree() throws {
    let policy = try TDXSamples.policy()
    let evidence = try Self.version5()
    for offset in evidence.quote.indices {
      let changed = TDXEvidence(quote: evidence.quote.flipping(offset))
      let report = Evidence(changed).appraised(by: policy, binding: .any, at: TDXSamples.time2026)
      #expect(report.verdict == .rejected, "byte \(offset)")
    }
  }

  @Test func membersLeftOutAreNamed() throws {
    let json = Evidence(try TDXSamples.complete()).json
    let object = try #require(json.object)
    var without = object
    without["quote"] = nil
    #expect(throws: FieldError(field: "quote", expected: "a string", actual: "nothing")) {
      try Evidence(json: .object(without))
    }
    let collateral = try #require(object["collateral"]?.object)
    for name in collateral.keys {
      var part = collateral
      part[name] = nil
      var changed = object
      changed["collateral"] = .object(part)
      let error = #expect(throws: FieldError.self) { try Evidence(json: .object(changed)) }
      #expect(error?.field == "collateral.\(name)")
    }
    var more = object
    more["further"] = 1
    let error = #expect(throws: FieldError.self) { try Evidence(json: .object(more)) }
    #expect(error?.field == "further")
  }
}
