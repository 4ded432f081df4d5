import CanonicalJSON
import Testing

@testable import Models

@Suite struct ModelSourceTests {
  @Test func webAddressesAreTakenWhole() throws {
    let url = "https://models.example:8443/a/b.gguf?download=true&v=2"
    #expect(try ModelSource(parsing: url) == .https(url))
    #expect(try ModelSource(parsing: "http://[fd00::1]:80/x") == .http("http://[fd00::1]:80/x"))
    #expect(try ModelSource(parsing: url).isOfPublicSchema)
    #expect(try !ModelSource(parsing: "http://mirror/x").isOfPublicSchema)
  }

  @Test func anObjectIsNamedByBucketKeyEndpointAndRegion() throws {
    let plain = try ModelSource(parsing: "s3://weights/llama/model.gguf")
    guard case .s3(let object, _) = plain else { return #expect(Bool(false), "\(plain)") }
    #expect(object == ModelSource.S3(bucket: "weights", key: "llama/model.gguf", endpoint: nil, region: nil))
    let text = "s3://weights/a%20b?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu-central-1"
    guard case .s3(let escaped, let kept) = try ModelSource(parsing: text) else { return #expect(Bool(false)) }
    let expected = ModelSource.S3(
      bucket: "weights", key: "a b", endpoint: "http://127.0.0.1:9000", region: "eu-central-1")
    #expect(escaped == expected)
    #expect(kept == text)
    let raw = try ModelSource(parsing: "s3://weights/k?region=eu-central-1&endpoint=https://s3.example")
    guard case .s3(let other, _) = raw else { return #expect(Bool(false)) }
    #expect(other.endpoint == "https://s3.example")
  }

  @Test func aFileOfAHubIsNamedByRepositoryRevisionAndPath() throws {
    let source = try ModelSource(parsing: "hf://acme/tiny-7b@0123abc/gguf/model.gguf")
    guard case .hub(let hub) = source else { return #expect(Bool(false), "\(source)") }
    #expect(hub.revision == "0123abc")
    #expect(
      hub.url(endpoint: "https://hub.example")
        == "https://hub.example/acme/tiny-7b/resolve/0123abc/gguf/model.gguf")
    #expect(source.text == "hf://acme/tiny-7b@0123abc/gguf/model.gguf")
  }

  @Test func aFileIsNamedByItsPath() throws {
    let source = try ModelSource(parsing: "file:///srv/models/a%20b.gguf")
    #expect(source == .file(path: "/srv/models/a b.gguf", text: "file:///srv/models/a%20b.gguf"))
  }

  @Test(arguments: ["https://user@h/x", "http://user:secret@h:80/", "s3://bucket/x?endpoint=https://u:p@h"])
  func usersInURLsAreRefusedForWhatTheyAre(_ text: String) {
    let error = fault { () throws(FieldError) in _ = try ModelSource(parsing: text) }
    #expect(error?.expected == "a URL without a user or a password")
  }

  @Test(arguments: [
    "https://user@h/x", "https://user:secret@h/x", "http://:p@h/", "https://h@evil/x",
    "https://h/x?X-Amz-Signature=00", "https://h/x?a=1&x-amz-credential=AKIA", "https://h/x?token=t",
    "https://h/x?ACCESS_TOKEN=t", "https://h/x?%74oken=t", "https://h/x?sig", "https://h/x?api_key=",
    "s3://key:secret@bucket/x", "s3://bucket/x?endpoint=https://u:p@h", "s3://bucket/x?secret=1",
    "s3://bucket/x?endpoint=https%3A%2F%2Fu%40h", "hf://token@acme/r@v/f", "file://user@h/x",
  ])
  func credentialsAreRefused(_ text: String) {
    #expect(throws: FieldError.self) { try ModelSource(parsing: text) }
  }

  @Test(arguments: [
    "", "h/x", "HTTPS://h/x", "ftp://h/x", "javascript:1", "https://", "https:///x", "https://h/x#f", "https://h x/",
    "https://h/\u{7F}", "https://h/ä", "https://h/%zz", "https://h/%", "https://h/a\\b", "https://h:0/", "https://h:/",
    "https://h:65536/", "https://h:+1/", "https://.h/", "https://a..b/", "https://[::1", "https://[]/", "https://[g]/",
    "https://h/\"", "https://h/a\nHost:", "https://h/" + String(repeating: "a", count: 2048),
    "s3://b/x", "s3://bucket", "s3://bucket/", "s3://Bucket/x", "s3://-bucket/x", "s3://bu..cket/x", "s3://bucket/%00",
    "s3://bucket/%FF", "s3://bucket/x?endpoint=https://h/p", "s3://bucket/x?endpoint=ftp://h",
    "s3://bucket/x?region=a&region=b", "s3://bucket/x?region=", "s3://bucket/x?region=EU", "s3://bucket/x?other=1",
    "s3://bucket/x?region", "hf://acme/r/f", "hf://acme/r@v", "hf://acme/r@v/", "hf://acme/r@v@w/f", "hf:///r@v/f",
    "hf://acme/@v/f", "hf://acme/r@/f", "hf://acme/r@v/../f", "hf://../r@v/f", "hf://acme/..@v/f", "hf://acme/r@../f",
    "hf://acme/r@v/a?b=1", "hf://acme/r@v/a%2Fb", "file://h/x", "file://x", "file:///", "file:///a/../b",
    "file:///a//b",
    "file:///a/%2e%2e/b", "file:///a%00", "file:///a?x",
  ])
  func whatTwoReadersCouldReadDifferentlyIsRefused(_ text: String) {
    #expect(throws: FieldError.self) { try ModelSource(parsing: text) }
  }

  @Test func anErrorNamesTheSource() throws {
    var object = try Fixture.json()
    object["files"] = [Fixture.fileJSON("a", 14, sources: ["https://h/a", "ftp://h/a"])]
    let error = fault { () throws(FieldError) in _ = try ModelManifest(json: .object(object)) }
    #expect(error?.field == "files[0].sources[1]")
    object["files"] = [Fixture.fileJSON("a", 14, sources: [5])]
    let number = fault { () throws(FieldError) in _ = try ModelManifest(json: .object(object)) }
    #expect(number?.field == "files[0].sources[0]")
  }
}
