import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct CheckTests {
  private func holds(_ check: Check, _ params: JSONObject) throws -> Bool {
    try check.failure(for: Action(type: "x.y", params: params)) == nil
  }

  private var hidden: JSON { Commitment(digest: SHA256.hash(utf8: "hidden")).json }

  @Test func checksAreReadStrictlyAndWrittenAsTheyWereRead() throws {
    let examples: [JSON] = [
      ["check": "equals", "field": "params.a", "value": ["b": 1]],
      ["check": "in", "field": "type", "values": ["a.b"]],
      ["check": "range", "field": "params.a.b", "min": -1, "max": 5],
      ["check": "prefix", "field": "params.a", "value": "x"], ["check": "size", "field": "params.a", "max": 5],
      ["check": "shape", "field": "params", "required": ["a"], "optional": ["b"]],
      ["check": "host", "field": "params.url", "hosts": ["bank.example:443", "*.bank.example", "[::1]:80"]],
      ["check": "budget", "field": "params.a", "limit": 5, "period": 60],
      ["check": "count", "limit": 5, "period": 60],
    ]
    for json in examples {
      #expect(try Check(json: json).json == json)
      let object = try #require(json.object)
      for name in object.keys {
        var less = object
        less[name] = nil
        #expect(code { _ = try Check(json: .object(less)) } == "field check.\(name)")
      }
      var more = object
      more["more"] = 1
      #expect(code { _ = try Check(json: .object(more)) } == "field check.more")
    }
    for field in ["", "params.", "params..a", "other", "type.a", ".params"] {
      #expect(
        code { _ = try Check(json: ["check": "size", "field": .string(field), "max": 1]) } == "field check.field")
    }
    for host in [
      "", "a b", "A.example", "a.example:0", "a.example:x", "*.", "*.[::1]", "a..b", "*.*.a", "a.example:080",
    ] {
      let json: JSON = ["check": "host", "field": "params.u", "hosts": [.string(host)]]
      #expect(code { _ = try Check(json: json) } == "field check.hosts[0]", "\(host)")
    }
  }

  @Test func aMissingOrHiddenFieldFailsEveryCheck() throws {
    let checks: [Check] = [
      .equals(field: "params.a", value: hidden), .oneOf(field: "params.a", values: [hidden]),
      .range(field: "params.a", min: 0, max: 9), .prefix(field: "params.a", value: ""),
      .size(field: "params.a", max: 9999), .shape(field: "params.a", required: [], optional: ["$commitment"]),
      .host(field: "params.a", hosts: []), .budget(field: "params.a", limit: 9, period: 1),
    ]
    for check in checks {
      #expect(try !holds(check, [:]), "\(check)")
      #expect(try !holds(check, ["a": hidden]), "\(check)")
    }
    // Below a commitment there is nothing to read either.
    #expect(try !holds(.prefix(field: "params.a.$commitment", value: ""), ["a": hidden]))
    #expect(try !holds(.size(field: "params.a", max: 9999), ["a": ["b": hidden]]))
  }

  @Test func eachCheckHoldsExactlyWhereItSays() throws {
    #expect(try holds(.equals(field: "params.a", value: ["b": 1]), ["a": ["b": 1]]))
    #expect(try !holds(.equals(field: "params.a", value: ["b": 1]), ["a": ["b": 2]]))
    #expect(try !holds(.equals(field: "params.a", value: 1), ["a": "1"]))
    // By bytes: these look the same and are equal to Swift's strings.
    #expect(try !holds(.equals(field: "params.a", value: "\u{C5}"), ["a": "A\u{30A}"]))
    #expect(try holds(.equals(field: "type", value: "x.y"), [:]))
    #expect(try holds(.oneOf(field: "params.a.b", values: [1, "x"]), ["a": ["b": "x"]]))
    #expect(try !holds(.oneOf(field: "params.a", values: [1, "x"]), ["a": "y"]))
    for (value, fits) in [(0, false), (1, true), (5, true), (6, false)] as [(Int64, Bool)] {
      #expect(try holds(.range(field: "params.a", min: 1, max: 5), ["a": .integer(value)]) == fits)
    }
    #expect(try !holds(.range(field: "params.a", min: 1, max: 5), ["a": "3"]))
    #expect(try holds(.prefix(field: "params.a", value: "ab"), ["a": "abc"]))
    #expect(try !holds(.prefix(field: "params.a", value: "ab"), ["a": "aB"]))
    #expect(try !holds(.prefix(field: "params.a", value: "A"), ["a": "A\u{30A}"]) == false)
    #expect(try !holds(.prefix(field: "params.a", value: "1"), ["a": 1]))
    #expect(try holds(.size(field: "params.a", max: 3), ["a": "x"]))
    #expect(try !holds(.size(field: "params.a", max: 2), ["a": "x"]))
    let shape = Check.shape(field: "params", required: ["a"], optional: ["b"])
    #expect(try holds(shape, ["a": 1]) && holds(shape, ["a": 1, "b": hidden]))
    #expect(try !holds(shape, ["b": 1]) && !holds(shape, ["a": 1, "c": 1]))
    #expect(try !holds(.shape(field: "params.a", required: [], optional: []), ["a": []]))
    #expect(try holds(.budget(field: "params.a", limit: 5, period: 1), ["a": 5]))
    #expect(try !holds(.budget(field: "params.a", limit: 5, period: 1), ["a": 6]))
    #expect(try !holds(.budget(field: "params.a", limit: 5, period: 1), ["a": -1]))
    #expect(try holds(.count(limit: 1, period: 1), [:]) && !holds(.count(limit: 0, period: 1), [:]))
  }

  @Test func hostsAreReadAsAClientWouldConnect() throws {
    let hosts = try ["bank.example", "pay.example:8443", "*.shop.example", "[::1]:8090", "127.0.0.1:8090"]
      .map { try HostPattern(parsing: $0) }
    func allowed(_ url: String) throws -> Bool {
      try holds(.host(field: "params.u", hosts: hosts), ["u": .string(url)])
    }
    for url in [
      "https://bank.example", "https://bank.example/", "https://bank.example:443/x?y#z", "http://bank.example/",
      "http://bank.example:80", "https://pay.example:8443/@x", "https://a.shop.example", "https://a.b.shop.example?x",
      "http://[::1]:8090/", "http://127.0.0.1:8090/pay",
    ] { #expect(try allowed(url), "\(url)") }
    for url in [
      "https://bank.example:444", "http://bank.example:443", "https://pay.example", "https://shop.example",
      "https://evilshop.example", "https://.shop.example", "https://bank.example.evil",
      "https://bank.example@evil.example",
      "https://evil.example#@bank.example", "https://evil.example\\@bank.example",
      "https://bank.example\\.evil.example",
      "https://evil.example?bank.example", "https://BANK.example", "HTTPS://bank.example", "ftp://bank.example",
      "https:bank.example", "https:///bank.example", "//bank.example", "bank.example", "https://bank.example:0443",
      "https://bank.example:", "https://bank.example.", "https://bank%2eexample", "https://bank.example\t",
      "https://bank.example\n", " https://bank.example", "https://[::1]", "https://[::1", "http://[::1]x:8090",
      "http://127.1:8090", "http://0x7f.0.0.1:8090", "https://bänk.example", "",
      "https://bank.example/" + String(repeating: "x", count: 2048),
    ] { #expect(try !allowed(url), "\(url)") }
  }

  /// The ledger against summing everything anew.
  @Test func theLedgerAgreesWithSummingEverything() throws {
    var generator = SeededGenerator(state: 3)
    let meters = [
      Meter(field: "params.n", limit: 0, period: 7), Meter(field: "params.n", limit: 0, period: 30),
      Meter(field: nil, limit: 0, period: 20),
    ]
    var ledger = Ledger()
    var rows: [(at: Int64, amount: Int64)] = []
    var now: Int64 = 1_000_000
    for _ in 0..<3000 {
      now += Int64.random(in: 0...400, using: &generator)
      let amount = Int64.random(in: 0...JSON.maxSafeInteger, using: &generator)
      ledger.record(try Action(type: "x.y", params: ["n": .integer(amount)]), meters: meters, at: now)
      rows.append((now, amount))
      let later = now + Int64.random(in: 0...9000, using: &generator)
      for meter in meters {
        let recent = rows.reversed().prefix { $0.at > later - meter.period * 1000 }
        let sum = recent.reduce(Int128(0)) { $0 + (meter.field == nil ? 1 : Int128($1.amount)) }
        #expect(ledger.spent(meter, at: later) == Int64(clamping: sum))
      }
    }
    let unreadable = try Action(type: "x.y", params: ["n": -5])
    #expect(meters[0].amount(of: unreadable) == 0)
  }
}
