import Testing

@testable import HTTPClient

@Suite struct HTTPURLTests {
  @Test(arguments: [
    ("http://example.com", "http://example.com/"), ("HTTPS://Example.COM:443/a", "https://example.com/a"),
    ("http://example.com:8080?x=1", "http://example.com:8080/?x=1"),
    ("http://a_b.test/%41/../c#frag", "http://a_b.test/%41/../c"),
    ("http://[::1]:81/", "http://[::1]:81/"), ("http://[2001:DB8:0::1]/", "http://[2001:db8::1]/"),
    // What resolvers would make of these is what they are here.
    ("http://127.1/", "http://127.0.0.1/"), ("http://2130706433/", "http://127.0.0.1/"),
    ("http://0x7f.1/", "http://127.0.0.1/"), ("http://0x7f000001/", "http://127.0.0.1/"),
    ("http://0177.0.0.01/", "http://127.0.0.1/"), ("http://0/", "http://0.0.0.0/"),
    ("http://10.1.65535/", "http://10.1.255.255/"),
    ("http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"), ("http://0XA9FEA9FE/", "http://169.254.169.254/"),
  ])
  func urlsAreBroughtToOneForm(_ text: String, _ expected: String) throws {
    #expect(try HTTPURL(text).description == expected)
  }

  @Test(arguments: [
    "http://user@example.com/", "http://user:pw@example.com/", "http://example.com@127.0.0.1/", "http://@example.com/",
  ])
  func userInformationIsRefused(_ text: String) { #expect(throws: URLFault.userInformation) { try HTTPURL(text) } }

  @Test(arguments: [
    "", "example.com", "//example.com/", "http:example.com", "http:/example.com", "http:///x", "http://:80/",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
    "http://example.com:/", "http://example.com:0/", "http://example.com:65536/", "http://example.com:+80/",
    "http://example.com:8a/", "http://example.com.:80/", "http://example..com/", "http://-a.test/", "http://a-.test/",
    "http://exa%6dple.com/", "http://ex\u{e4}mple.com/", "http://example.com\\@evil.test/", "http://example.com/a b",
    "http://example.com/\r\nX: y", "http://example.com/\0", "http://example.com/%4", "http://example.com/%zz",
    "http://[::1/", "http://[::1]x/", "http://[fe80::1%25eth0]/", "http://[127.0.0.1]/", "http://[]/",
    "http://1.2.3.4.5/", "http://256.1.1.1/", "http://1.2.3.256/", "http://4294967296/", "http://08.1.1.1/",
    "http://0x100000000/", "http://example.1/", "http://a.0x7f/", "http://a b/",
    "http://[::1]:80:80/",
    "http://127.0.0.1:80:80/", "http://\u{ff11}27.0.0.1/", "http://example.com/\u{202e}",
  ])
  func anythingElseIsRefused(_ text: String) { #expect(throws: URLFault.self) { try HTTPURL(text) } }

  @Test func lengthsAreLimited() {
    let long = "http://example.com/" + String(repeating: "a", count: HTTPURL.maxBytes)
    #expect(throws: URLFault.tooLong(bytes: long.utf8.count, limit: HTTPURL.maxBytes)) { try HTTPURL(long) }
    #expect(throws: URLFault.self) { try HTTPURL("http://" + String(repeating: "a", count: 64) + ".test/") }
    #expect(throws: URLFault.self) { try HTTPURL("http://" + String(repeating: "a.", count: 127) + "test/") }
  }

  // RFC 3986 section 5.4, as far as it stays within http.
  @Test(arguments: [
    ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
    ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
    ("g#s", "http://a/b/c/g"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("..", "http://a/b/"),
    ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"),
    ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"),
    ("./../g", "http://a/b/g"), ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"),
    ("https://x:8/y", "https://x:8/y"), ("//127.1/", "http://127.0.0.1/"), ("a/b:c", "http://a/b/c/a/b:c"),
  ])
  func referencesAreResolved(_ reference: String, _ expected: String) throws {
    #expect(try HTTPURL("http://a/b/c/d;p?q").resolving(reference).description == expected)
  }

  @Test(arguments: ["mailto:x", "file:///etc/passwd", "//u@h/", "http:g", "\\\\evil.test/", "/a b", "//"])
  func referencesElsewhereAreRefused(_ reference: String) throws {
    let base = try HTTPURL("http://a/b")
    #expect(throws: URLFault.self) { try base.resolving(reference) }
  }
}
