import CanonicalJSON
import Testing

@testable import ObjectStorage

struct LocationTests {
  @Test func locationsAreRead() throws {
    let plain = try S3Location(parsing: "s3://weights/models/a%20b.gguf")
    #expect(plain.key == "models/a b.gguf" && plain.bucket.region == "us-east-1")
    #expect(plain.url == "https://weights.s3.us-east-1.amazonaws.com/models/a%20b.gguf")
    let dotted = try S3Location(parsing: "s3://my.weights/k?region=eu-central-1")
    #expect(dotted.url == "https://s3.eu-central-1.amazonaws.com/my.weights/k")
    let own = try S3Location(parsing: "s3://weights/k?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=local")
    #expect(own.url == "http://127.0.0.1:9000/weights/k" && own.bucket.style == .path)
    let virtual = try S3Location(parsing: "s3://weights/k?endpoint=https://store.example&style=virtual")
    #expect(virtual.url == "https://weights.store.example/k")
    #expect(try S3Location(bucket: plain.bucket, key: "a+b=c?d#e%/f").url.hasSuffix("/a%2Bb%3Dc%3Fd%23e%25/f"))
  }

  @Test(arguments: [
    ("s3://weights", "url"), ("http://weights/key", "url"), ("s3://weights/", "key"), ("s3://Weights/key", "bucket"),
    ("s3://we/key", "bucket"), ("s3://-weights/key", "bucket"), ("s3://a..b/key", "bucket"),
    ("s3://user@weights/key", "bucket"), ("s3://weights:80/key", "bucket"), ("s3://weights/a/../b", "key"),
    ("s3://weights/a%2F..%2Fb", "key"), ("s3://weights/a%0Ab", "key"), ("s3://weights/%FF", "key"),
    ("s3://weights/a b", "key"), ("s3://weights/k?region=eu&region=us", "url"), ("s3://weights/k?other=1", "url"),
    ("s3://weights/k?region=EU%20WEST", "region"), ("s3://weights/k?region=", "region"),
    ("s3://weights/k?endpoint=ftp%3A%2F%2Fa", "endpoint"),
    ("s3://weights/k?endpoint=https%3A%2F%2Fa%2Fpath", "endpoint"),
    ("s3://weights/k?endpoint=https%3A%2F%2Fu%40a", "endpoint"), ("s3://weights/k?style=other", "style"),
    ("s3://weights/k?endpoint=http%3A%2F%2F127.0.0.1&style=virtual", "style"),
  ])
  func othersAreRefused(_ text: String, _ field: String) throws {
    #expect {
      try S3Location(parsing: text)
    } throws: {
      ($0 as? FieldError)?.field == field
    }
  }

  @Test func answersAreReadAndOddOnesRefused() throws {
    let error = ObjectStoreFault.Refusal(
      status: 403,
      body: Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <Error xmlns="a>b"><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; &#x41;\u{1B}[2J\nc</Message><X/></Error>
        """.utf8))
    #expect(error.code == "AccessDenied" && error.message == "a <b> & A?[2J?c")
    let odd = [
      "", "<", "<a", "<a>", "<a></b>", "<a>&unknown;</a>", "<a>&#xD800;</a>", "<a/><b/>", "<a><![CDATA[x]]></a>",
      "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a>\u{0}</a", String(repeating: "<a>", count: 100_000),
      "<!-- c --><a/>",
    ]
    for text in odd {
      #expect(S3XML.parse(Array(text.utf8)) == nil, "\(text.prefix(40))")
      #expect(ObjectStoreFault.Refusal(status: 500, body: Array(text.utf8)).code == "HTTP500")
    }
    #expect(S3XML.parse([0x3C, 0x61, 0x3E, 0xFF, 0x3C, 0x2F, 0x61, 0x3E]) == nil)
  }
}
