import Foundation
import Testing

@testable import Governance

/// The codes are part of the format: whoever reads an audit looks them up there.
@Suite struct FaultCodeTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func formats() throws -> String {
    try String(contentsOf: root.appending(path: "docs/formats.md"), encoding: .utf8)
  }

  @Test func everyCodeIsInTheFormats() throws {
    let formats = try Self.formats()
    let rows = formats.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let sources = Self.root.appending(path: "Sources/Governance")
    let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path).filter { $0.hasSuffix(".swift") }
    var codes: Set<String> = []
    for file in files {
      let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
      for match in text.matches(of: /case \.[A-Za-z]+(?:\([^)]*\))?: "([a-z]+\.[a-z-]+)"/) {
        codes.insert(String(match.1))
      }
    }
    codes = codes.filter { code in
      [
        "order.", "entry.", "constitution.", "statement.", "claim.", "vote.", "execution.", "effect.", "run.",
        "identity.", "measurement.",
      ]
      .contains { code.hasPrefix($0) }
    }
    #expect(codes.count > 60)
    for code in codes {
      let parts = code.split(separator: ".")
      let isListed = rows.contains { row in
        row.contains("`\(code)`") || row.hasPrefix("| `\(parts[0]).`") && row.contains("`\(parts[1])`")
      }
      #expect(isListed, "\(code) is not in docs/formats.md")
    }
  }

  @Test func everyFaultSaysWhatWasExpectedAndWhatWasFound() throws {
    var box = try TestBox()
    var body = try box.draft("mail.send")
    body.salt = Array(repeating: 9, count: 16)
    do {
      try box.apply(body)
      Issue.record("a foreign salt was accepted")
    } catch let fault as Fault {
      #expect("\(fault)".contains(body.statement.nonce.hex))
      let expected = Statement.nonce(proposer: body.proposer, salt: body.salt)
      #expect("\(fault)".contains(expected.hex))
    }
  }
}
