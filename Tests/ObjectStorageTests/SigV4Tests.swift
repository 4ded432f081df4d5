import Cryptography
import HTTPClient
import Testing

@testable import ObjectStorage

/// Signatures that AWS has published.
struct SigV4Tests {
  struct Example: Sendable, CustomTestStringConvertible {
    var name: String
    var method = "GET"
    var target = "/"
    var headers: [(String, String)] = []
    var body = ""
    var signed = "host;x-amz-date"
    var signature: String

    var testDescription: String { name }
  }

  /// The AWS Signature Version 4 test suite (`aws-sig-v4-test-suite`), by the names of its cases: service "service", region
  /// us-east-1, host example.amazonaws.com, 2015-08-30 12:36:00 UTC.
  static let suite = [
    Example(
      name: "get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    Example(
      name: "get-vanilla-query-order-key-case", target: "/?Param2=value2&Param1=value1",
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    Example(
      name: "get-vanilla-query-order-value", target: "/?Param1=value2&Param1=value1",
      signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
    Example(
      name: "get-vanilla-query-unreserved",
      target: "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        + "=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
    Example(
      name: "get-vanilla-utf8-query", target: "/?%E1%88%B4=bar",
      signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    Example(
      name: "get-header-value-trim", headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
      signed: "host;my-header1;my-header2;x-amz-date",
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    Example(
      name: "get-header-key-duplicate",
      headers: [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
      signed: "host;my-header1;x-amz-date",
      signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    Example(
      name: "post-vanilla", method: "POST",
      signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    Example(
      name: "post-header-key-sort", method: "POST", headers: [("My-Header1", "value1")],
      signed: "host;my-header1;x-amz-date",
      signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    Example(
      name: "post-x-www-form-urlencoded", method: "POST",
      headers: [("Content-Type", "application/x-www-form-urlencoded")], body: "Param1=value1",
      signed: "content-type;host;x-amz-date",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
  ]

  @Test(arguments: suite) func theSuitesSignature(_ example: Example) throws {
    let signer = SigV4(
      credentials: try S3Credentials(
        accessKey: "AKIDEXAMPLE", secretKey: Self.secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
      region: "us-east-1", service: "service")
    #expect(
      try Self.authorization(of: example, host: "http://example.amazonaws.com", by: signer, at: 1_440_938_160_000)
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=\(example.signed), Signature=\(example.signature)")
  }

  /// Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", its four examples.
  static let documentation = [
    Example(
      name: "GET object", target: "/test.txt", headers: [("Range", "bytes=0-9")],
      signed: "host;range;x-amz-content-sha256;x-amz-date",
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    Example(
      name: "PUT object", method: "PUT", target: "/test$file.text",
      headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
      body: "Welcome to Amazon S3.", signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    Example(
      name: "GET bucket lifecycle", target: "/?lifecycle", signed: "host;x-amz-content-sha256;x-amz-date",
      signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    Example(
      name: "GET bucket (list objects)", target: "/?max-keys=2&prefix=J",
      signed: "host;x-amz-content-sha256;x-amz-date",
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
  ]

  @Test(arguments: documentation) func theDocumentationsSignature(_ example: Example) throws {
    #expect(
      try Self.authorization(
        of: example, host: "https://examplebucket.s3.amazonaws.com", by: Self.documented(), at: 1_369_353_600_000)
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        + "SignedHeaders=\(example.signed), Signature=\(example.signature)")
  }

  /// AWS General Reference, "Deriving the signing key": the key of 2012-02-15 for IAM.
  @Test func theSigningKey() throws {
    let signer = SigV4(
      credentials: try S3Credentials(
        accessKey: "AKIDEXAMPLE", secretKey: Self.secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
      region: "us-east-1", service: "iam")
    #expect(
      signer.signingKey(day: "20120215").withUnsafeBytes { Hex.encode($0) }
        == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d")
  }

  /// Whatever of a request is changed, the signature is another.
  @Test func everythingIsCovered() throws {
    let signer = try Self.documented()
    let base = HTTPClientRequest(
      method: "PUT", url: "https://examplebucket.s3.amazonaws.com/a/b?x=1", headers: [.init("x-amz-meta-a", "1")])
    func signature(
      _ time: Int64 = 1_369_353_600_000, _ payload: SigV4.Payload = .empty, by other: SigV4? = nil,
      _ change: (inout HTTPClientRequest) -> Void = { _ in }
    ) throws -> Substring? {
      var request = base
      change(&request)
      let signed = try (other ?? signer).sign(request, at: time, payload: payload)
      return signed.headers.first { $0.name == "Authorization" }?.value.split(separator: "=").last
    }
    let changed = try [
      signature(), signature { $0.method = "POST" },
      signature { $0.url = "https://examplebucket.s3.amazonaws.com/a/c?x=1" },
      signature { $0.url = "https://examplebucket.s3.amazonaws.com/a/b?x=2" },
      signature { $0.url = "https://otherbucket.s3.amazonaws.com/a/b?x=1" },
      signature { $0.url = "https://examplebucket.s3.amazonaws.com:8443/a/b?x=1" },
      signature { $0.headers = [.init("x-amz-meta-a", "2")] }, signature { $0.headers = [.init("x-amz-meta-b", "1")] },
      signature(1_369_353_601_000), signature(1_369_353_600_000, .unsigned),
      signature(1_369_353_600_000, .digest(SHA256.hash(utf8: "other"))),
      signature(by: SigV4(credentials: signer.credentials, region: "us-west-1")),
      signature(by: SigV4(credentials: signer.credentials, region: "us-east-1", service: "sts")),
      signature(
        by: SigV4(
          credentials: S3Credentials(accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: Self.secret("other")),
          region: "us-east-1")),
    ]
    #expect(Set(changed).count == changed.count && !changed.contains(nil))
    // The same request in other words.
    #expect(
      try signature() == signature { $0.url = "https://examplebucket.S3.amazonaws.com:443/%61/b?x=%31" })
  }

  @Test func forgedFieldsAreReplacedAndTheSessionTokenIsSigned() throws {
    let signer = SigV4(
      credentials: try S3Credentials(
        accessKey: "ASIAEXAMPLE", secretKey: Self.secret("secret"), sessionToken: Self.secret("a-token")),
      region: "eu-central-1")
    let request = HTTPClientRequest(
      url: "https://bucket.example/key",
      headers: [
        .init("AUTHORIZATION", "forged"), .init("X-Amz-Date", "forged"), .init("X-Amz-Content-Sha256", "forged"),
        .init("X-Amz-Security-Token", "forged"),
      ])
    let signed = try signer.sign(request, at: 0, payload: .unsigned)
    #expect(signed.headers.allSatisfy { $0.value != "forged" })
    #expect(
      signed.headers.map(\.name) == ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "Authorization"])
    #expect(signed.headers[2].value == "a-token" && signed.headers[1].value == "UNSIGNED-PAYLOAD")
    #expect(signed.headers[3].value.contains("host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"))
  }

  @Test func secretsAreNotPrinted() throws {
    let credentials = try S3Credentials(
      accessKey: "AKID", secretKey: Self.secret("canary-one"), sessionToken: Self.secret("canary-two"))
    let signer = SigV4(credentials: credentials, region: "r")
    var dumped = ""
    dump(signer, to: &dumped)
    for text in ["\(credentials)", String(reflecting: signer), "\(signer)", dumped] {
      #expect(!text.contains("canary"))
    }
    #expect(throws: (any Error).self) {
      try S3Credentials(accessKey: "AKID", secretKey: Self.secret("a"), sessionToken: Self.secret("a\r\nx: y"))
    }
    #expect(throws: (any Error).self) { try S3Credentials(accessKey: "A, Signature=", secretKey: Self.secret("a")) }
  }

  @Test(
    arguments: [
      (0, "19700101T000000Z"), (951_782_400_000, "20000229T000000Z"), (1_709_251_199_999, "20240229T235959Z"),
      (4_102_444_800_000, "21000101T000000Z"), (-1, "19691231T235959Z"), (253_402_300_799_000, "99991231T235959Z"),
    ] as [(Int64, String)])
  func dates(_ milliseconds: Int64, _ text: String) {
    #expect(UTCTime(milliseconds: milliseconds).basic == text)
  }

  static func documented() throws -> SigV4 {
    SigV4(
      credentials: try S3Credentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
      region: "us-east-1")
  }

  static func secret(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8)) }

  private static func authorization(
    of example: Example, host: String, by signer: SigV4, at time: Int64
  ) throws -> String? {
    let request = HTTPClientRequest(
      method: example.method, url: host + example.target, headers: example.headers.map { .init($0.0, $0.1) },
      body: Array(example.body.utf8))
    let signed = try signer.sign(request, at: time, payload: .digest(SHA256.hash(utf8: example.body)))
    return signed.headers.last { $0.name == "Authorization" }?.value
  }
}
