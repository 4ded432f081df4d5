import HTTPClient
import Testing

@testable import Acquisition

struct AnswerHeadTests {
  private static let middle = TransferPlan.Piece(id: 0, source: 0, range: 100..<200, isRanged: true, failures: 0)
  private static let start = TransferPlan.Piece(id: 0, source: 0, range: 0..<100, isRanged: true, failures: 0)
  private static let whole = TransferPlan.Piece(id: 0, source: 0, range: 0..<300, isRanged: false, failures: 0)

  private func fault(_ piece: TransferPlan.Piece, _ status: Int, _ headers: [String: String] = [:]) -> SourceFault? {
    let head = AnswerHead(status: status, headers: headers.map { HTTPClientHeader($0.key, $0.value) })
    do throws(SourceFault) {
      try head.check(against: piece, size: 300)
      return nil
    } catch {
      return error
    }
  }

  @Test func whatWasAskedForIsTaken() {
    #expect(fault(Self.middle, 206, ["content-range": "bytes 100-199/300", "CONTENT-LENGTH": "100"]) == nil)
    #expect(fault(Self.middle, 206, ["Content-Range": "bytes 100-199/*"]) == nil)
    #expect(fault(Self.start, 200, ["Content-Length": "300"]) == nil)
    #expect(fault(Self.whole, 200) == nil)
    #expect(fault(Self.whole, 200, ["Content-Length": "300", "Content-Encoding": "identity"]) == nil)
  }

  @Test func anotherSizeThanTheManifestsIsAMismatch() {
    for (piece, status, headers) in [
      (Self.middle, 206, ["Content-Range": "bytes 100-199/301"]),
      (Self.middle, 206, ["Content-Range": "bytes 100-199/x"]),
      (Self.middle, 206, ["Content-Range": "bytes 100-199/300", "Content-Length": "99"]),
      (Self.start, 200, ["Content-Length": "299"]), (Self.whole, 200, ["Content-Length": "301"]),
      (Self.whole, 200, ["Content-Length": "-1"]), (Self.whole, 200, ["Content-Length": "0x12c"]),
    ] {
      let fault = fault(piece, status, headers)
      #expect(fault?.isMismatch == true, "\(headers)")
      #expect(fault?.weight == .final)
    }
  }

  @Test func otherRangesAreRefused() {
    for range in [
      "bytes 101-200/300", "bytes 100-198/300", "bytes 0-199/300", "bytes=100-199/300", "bytes 100-199", "",
    ] {
      guard case .contentRange = fault(Self.middle, 206, range.isEmpty ? [:] : ["Content-Range": range]) else {
        Issue.record("\(range) was taken")
        continue
      }
    }
    #expect(fault(Self.middle, 200, ["Content-Length": "300"]) == .rangesIgnored)
    #expect(fault(Self.middle, 416) == .rangeNotSatisfiable(100..<200))
    // Nobody asked for a range.
    #expect(fault(Self.whole, 206, ["Content-Range": "bytes 0-299/300"]) == .status(206))
    #expect(fault(Self.whole, 200, ["Content-Encoding": "gzip"]) == .encoded("gzip"))
  }

  @Test func onlyServersThatMayRecoverAreAskedAgain() {
    for status in [500, 502, 503, 504, 429, 408, 425] { #expect(SourceFault.status(status).weight == .passing) }
    for status in [400, 401, 403, 404, 410, 206, 304, 307] { #expect(SourceFault.status(status).weight == .final) }
  }
}
