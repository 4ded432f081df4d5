import CanonicalJSON
import Cryptography
import Foundation
import Testing

@testable import Packages

struct PackageManifestTests {
  private static let text = """
    {"format": "safebox-packages/1", "name": "tools", "architecture": "amd64", "packages": [
      {"name": "attr", "version": "1:2.5.1-4", "architecture": "amd64", "file": "attr_1%3a2.5.1-4_amd64.deb",
       "sizeBytes": 41172, "sha256": "90d163ed49c60e0abe494377e40b5fb781925d66d3b924eca2539414cec11461",
       "sources": ["https://mirror.example/attr.deb"]},
      {"name": "hello", "version": "2.10-3", "architecture": "all", "file": "hello_2.10-3_all.deb",
       "sizeBytes": 1, "sha256": "c4945123d66d0503ba42e2fc0585abc76d0838978c6d277b9cc37a4da25d1a34", "sources": []}],
     "downgrades": ["hello"]}
    """

  @Test func theDigestIsOfTheCanonicalForm() throws {
    let manifest = try PackageManifest(parsing: Array(Self.text.utf8))
    let canonical =
      #"{"architecture":"amd64","downgrades":["hello"],"format":"safebox-packages/1","name":"tools","packages":["#
      + #"{"architecture":"amd64","file":"attr_1%3a2.5.1-4_amd64.deb","name":"attr","#
      + #""sha256":"90d163ed49c60e0abe494377e40b5fb781925d66d3b924eca2539414cec11461","sizeBytes":41172,"#
      + #""sources":["https://mirror.example/attr.deb"],"version":"1:2.5.1-4"},"#
      + #"{"architecture":"all","file":"hello_2.10-3_all.deb","name":"hello","#
      + #""sha256":"c4945123d66d0503ba42e2fc0585abc76d0838978c6d277b9cc37a4da25d1a34","sizeBytes":1,"sources":[],"#
      + #""version":"2.10-3"}]}"#
    #expect(manifest.canonicalBytes == Array(canonical.utf8))
    #expect(manifest.digest == SHA256.hash(utf8: canonical))
    #expect(try PackageManifest(parsing: manifest.canonicalBytes) == manifest)
    #expect(manifest.totalBytes == 41173)
  }

  @Test(arguments: [
    ("safebox-packages/1", "safebox-packages/2", "format"), ("\"tools\"", "\"../tools\"", "name"),
    ("\"tools\"", "\"\"", "name"),
    ("\"architecture\": \"amd64\", \"packages\"", "\"architecture\": \"all\", \"packages\"", "architecture"),
    ("\"architecture\": \"all\"", "\"architecture\": \"i386\"", "packages[1].file"),
    ("2.10-3_all", "2.10-4_all", "packages[1].file"), ("hello_2.10-3_all.deb", "../hello.deb", "packages[1].file"),
    ("41172", "0", "packages[0].sizeBytes"), ("41172", "41172.5", ""), ("41172", "4294967297", "packages[0].sizeBytes"),
    ("90d163ed", "90D163ED", "packages[0].sha256"), ("90d163ed", "0d163ed", "packages[0].sha256"),
    ("https://mirror", "ftp://mirror", "packages[0].sources[0]"), ("/attr.deb", "/a b.deb", "packages[0].sources[0]"),
    ("\"sources\": []", "\"sources\": [], \"x\": 1", "packages[1].x"),
    ("\"sources\": []", "\"sources\": [1]", "packages[1].sources[0]"),
    ("\"version\": \"2.10-3\"", "\"version\": \"v2\"", "packages[1].version"),
    ("\"downgrades\": [\"hello\"]", "\"downgrades\": [\"other\"]", "downgrades[0]"),
    ("\"downgrades\": [\"hello\"]", "\"downgrades\": [\"hello\", \"hello\"]", "downgrades[1]"),
    ("\"downgrades\": [\"hello\"]", "\"approved\": true", "approved"),
  ])
  func whatTheFormatDoesNotAllowIsRefused(_ from: String, _ to: String, _ field: String) throws {
    let text = Self.text.replacingOccurrences(of: from, with: to)
    #expect(text != Self.text)
    let error = #expect(throws: FieldError.self) { try PackageManifest(parsing: Array(text.utf8)) }
    #expect(error?.field == field)
  }

  @Test func aPackageOccursOnce() throws {
    let manifest = try PackageManifest(parsing: Array(Self.text.utf8))
    for packages in [[manifest.packages[1], manifest.packages[0]], [manifest.packages[0], manifest.packages[0]], []] {
      #expect(throws: FieldError.self) {
        try PackageManifest(name: "x", architecture: "amd64", packages: packages)
      }
    }
  }

  // MARK: what apt prints

  private static let digest = "90d163ed49c60e0abe494377e40b5fb781925d66d3b924eca2539414cec11461"
  private static let line =
    "'http://mirror.example/debian/pool/main/a/attr/attr_2.5.1-4_amd64.deb' attr_1%3a2.5.1-4_amd64.deb 41172 SHA256:\(digest)"

  @Test func printedURIsBecomePackages() throws {
    let other = "'https://second.example/attr.deb'" + Self.line.drop { $0 != " " }
    let packages = try PrintedURIs.parse(Self.line + "\n" + other + "\n")
    #expect(packages.count == 1)
    let package = try #require(packages.first)
    #expect(package.name == "attr" && package.version.text == "1:2.5.1-4" && package.architecture == "amd64")
    #expect(package.size == 41172 && package.sha256.hex == Self.digest)
    #expect(
      package.sources == [
        "http://mirror.example/debian/pool/main/a/attr/attr_2.5.1-4_amd64.deb", "https://second.example/attr.deb",
      ])
    #expect(try PrintedURIs.parse("") == [])
  }

  @Test(arguments: [
    ("SHA256:", "MD5Sum:"), ("SHA256:", "SHA512:"), ("SHA256:9", "SHA256:"), (" 41172 ", " -1 "), (" 41172 ", "  "),
    (" 41172 ", " 0 "), ("_amd64.deb 4", "_amd64.udeb 4"), ("attr_1%3a", "attr_x_1%3a"), ("attr_1%3a", "attr_1%3A"),
    ("attr_1%3a", "../attr_1%3a"), ("'http://mirror", "http://mirror"), ("http://", "cdrom://"),
    ("SHA256:", "SHA256:x "),
    ("attr_1%3a2.5.1-4_amd64.deb 4", "attr_2.5.1-4_amd64.deb; 4"),
  ])
  func otherLinesAreRefused(_ from: String, _ to: String) throws {
    let text = Self.line.replacingOccurrences(of: from, with: to)
    #expect(text != Self.line)
    #expect(throws: FieldError.self) { try PrintedURIs.parse(text) }
  }

  @Test func twoVersionsOfOnePackageAreRefused() throws {
    let other = Self.line.replacingOccurrences(of: "SHA256:9", with: "SHA256:8")
    #expect(throws: FieldError.self) { try PrintedURIs.parse(Self.line + "\n" + other) }
  }
}
