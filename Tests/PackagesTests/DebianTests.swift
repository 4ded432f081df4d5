import CanonicalJSON
import Foundation
import TestSupport
import Testing

@testable import Packages

struct DebianTests {
  private static let versions = [
    "0", "0~", "0~~", "1", "1.0", "1.0-0", "1.0-1", "1.0-1~bpo12+1", "1.0-1+b1", "1.0~rc1", "1.0~rc1-1",
    "1.0+git20250101",
    "1:0.5", "0:1.0", "2:0", "1.00", "1.010", "1.9", "1.10", "1.a", "1.A", "1.a.b", "1.a+b", "1.a~", "1-1-1",
    "1.2.3-4.5",
    "10", "9", "1.0.", "1.0a", "1.0a1", "1.0a10", "1.0a9", "2.36-9+deb12u10", "2.36-9+deb12u9", "20230101",
    "1.0-1ubuntu1",
    "99999999999999999999999", "100000000000000000000000", "1:1:1",
  ]

  /// Every pair, as dpkg itself orders it: one process for all.
  @Test(.enabled(if: Subprocess.find("dpkg") != nil, "needs dpkg"))
  func versionsOrderAsDpkgOrdersThem() throws {
    var script = ""
    for left in Self.versions {
      for right in Self.versions {
        script += "if dpkg --compare-versions '\(left)' lt '\(right)'; then echo 1; else echo 0; fi\n"
      }
    }
    let result = try Subprocess.run("/bin/sh", ["-s"], input: Array(script.utf8))
    let answers = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
    #expect(answers.count == Self.versions.count * Self.versions.count)
    var index = 0
    for left in Self.versions {
      for right in Self.versions {
        let (a, b) = (try #require(DebianVersion(left)), try #require(DebianVersion(right)))
        #expect((a < b) == (answers[index] == "1"), "\(left) < \(right)")
        if a == b { #expect(!(a < b) && !(b < a) && a.hashValue == b.hashValue) }
        index += 1
      }
    }
  }

  @Test(arguments: [
    "", "a", "-1", "1 0", "1.0-", ":1", "x:1", "1:", "1.0_1", "1/2", "1\n", "ä1", "1234567890:1", "1.0-1_2",
  ])
  func otherTextsAreNoVersions(_ text: String) { #expect(DebianVersion(text) == nil) }

  // MARK: relations

  private func package(_ text: String) throws -> PackageFacts {
    try PackageFacts(ControlParagraph(parsing: (text + "\nArchitecture: all")[...], path: "test"), path: "test")
  }

  @Test func relationsHoldByNameVersionAndProvision() throws {
    let package = try package(
      "Package: exim\nVersion: 4.9-1\nProvides: mail-agent, smtp (= 2.0),\n default-mta:any")
    for (text, holds) in [
      ("exim", true), ("exim (>= 4.9-1)", true), ("exim (>> 4.9-1)", false), ("exim (= 4.9-1)", true),
      ("exim (<< 4.10)", true), ("exim (<= 4.9)", false), ("exim:any (>= 4)", true), ("mail-agent", true),
      ("mail-agent (>= 1)", false), ("smtp (>= 2)", true), ("smtp (>= 3)", false), ("default-mta", true),
      ("other", false),
    ] {
      let relation = try #require(Relation.alternatives(text[...], path: "").first)
      #expect(package.satisfies(relation) == holds, "\(text)")
    }
    for wrong in ["", "exim (4)", "exim (>= )", "exim >= 4", "exim (>= 4", "Exim", "exim (~ 4)", "a | | b"] {
      #expect(throws: FieldError.self, "\(wrong)") { try Relation.alternatives(wrong[...], path: "") }
    }
  }

  @Test func plansAreInOrder() throws {
    let base = try package("Package: base\nVersion: 1")
    let a = try package("Package: aa\nVersion: 1\nPre-Depends: bb\nDepends: base")
    let b = try package("Package: bb\nVersion: 1\nDepends: cc")
    let c = try package("Package: cc\nVersion: 1\nDepends: bb")
    let plan = try InstallPlan(installing: [a, b, c], over: [base], downgrades: [])
    #expect(plan.batches.map { $0.map(\.name) } == [["bb", "cc"], ["aa"]])
    let first = try package("Package: x1\nVersion: 1\nPre-Depends: x2")
    let second = try package("Package: x2\nVersion: 1\nPre-Depends: x1")
    #expect(throws: PackageFault.unordered(["x1", "x2"])) {
      try InstallPlan(installing: [first, second], over: [], downgrades: [])
    }
  }

  @Test func packagesThatStayMustStayWhole() throws {
    let old = try package("Package: lib\nVersion: 1")
    let new = try package("Package: lib\nVersion: 2")
    let user = try package("Package: user\nVersion: 1\nDepends: lib (= 1)")
    let breaker = try package("Package: lib\nVersion: 2\nBreaks: user (<< 2)")
    #expect(throws: PackageFault.unsatisfied(["user needs lib (= 1)"])) {
      try InstallPlan(installing: [new], over: [old, user], downgrades: [])
    }
    let other = try package("Package: user\nVersion: 1")
    #expect(throws: PackageFault.unsatisfied(["lib conflicts with user 1"])) {
      try InstallPlan(installing: [breaker], over: [old, other], downgrades: [])
    }
    // With the user made new in the same manifest both hold.
    let newer = try package("Package: user\nVersion: 2\nDepends: lib (= 2)")
    #expect(try InstallPlan(installing: [breaker, newer], over: [old, user], downgrades: []).batches.count == 1)
    // A package may conflict with what it provides itself.
    let agent = try package("Package: agent\nVersion: 1\nProvides: mta\nConflicts: mta")
    #expect(try InstallPlan(installing: [agent], over: [], downgrades: []).batches.count == 1)
  }

  // MARK: control files

  @Test func controlFilesAreReadStrictly() throws {
    let text = "Package: a\nDescription: one\n two\n .\n three\nVersion:1\n"
    let control = try ControlParagraph(parsing: text[...], path: "")
    #expect(control["package"] == "a" && control["VERSION"] == "1" && control["Description"]?.contains("three") == true)
    for wrong in ["", " a\n", "Package a\n", ": a\n", "A: 1\nA: 2\n", "A: 1\na: 2\n", "Pa ckage: 1\n"] {
      #expect(throws: FieldError.self, "\(wrong)") { try ControlParagraph(parsing: wrong[...], path: "") }
    }
    #expect(try ControlParagraph.all("\nA: 1\n\n\nA: 2\n \nA: 3", path: "").map { $0["A"] } == ["1", "2", "3"])
  }

  @Test func theDatabaseIsRead() throws {
    let text = """
      Package: good
      Status: install ok installed
      Version: 1:2-3
      Architecture: all

      Package: gone
      Status: deinstall ok config-files
      Version: 1
      Architecture: all

      Package: half
      Status: install ok half-configured
      Version: 1
      Architecture: all

      Package: waiting
      Status: install ok triggers-pending
      Version: 1
      Architecture: all

      Package: held
      Status: hold ok installed
      Version: 2
      Architecture: all

      Package: bad
      Status: install reinstreq installed
      Version: 2
      Architecture: all
      """
    let installed = try InstalledPackages(parsing: text)
    #expect(installed.versions == ["good:all": "1:2-3", "held:all": "2"])
    #expect(
      installed.unclean == [
        "half: install ok half-configured", "waiting: install ok triggers-pending", "bad: install reinstreq installed",
      ])
  }
}
