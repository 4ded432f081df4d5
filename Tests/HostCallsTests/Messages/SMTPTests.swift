import CanonicalJSON
import Cryptography
import Governance
import TestSupport
import Testing

@testable import HostCalls

/// `SMTP.send` from the arguments to the mailbox of a real server, read back by Python's own parser.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct SMTPTests {
  private struct Office {
    let peer: PythonPeer
    let box: MessageBox
    let settings: CommunitySettings

    init(_ configuration: JSONObject = [:], password: String = MessageBox.canary, isNamed: Bool = true) throws {
      var configuration = configuration
      configuration["security"] = "starttls"
      configuration["login"] = ["user": "acme", "password": .string(MessageBox.canary)]
      peer = try PythonPeer("mail_peer", .object(configuration))
      let port = try #require(peer.ready["port"]?.integer)
      box = try MessageBox(trusting: peer.ready["certificate"]?.string)
      try box.secret("mail", password, for: ["mail.test:\(port)"])
      settings = try MessageBox.settings(
        [
          "mail": [
            "url": "smtp://mail.test:\(port)", "user": "acme", "secret": "mail", "from": "reports@acme.example",
            "name": "Acm\u{E9} reports", "senders": ["@acme.example", "box@other.example"],
          ]
        ], port: isNamed ? port : nil)
    }
  }

  private static let simple: JSON = ["to": "ann@example.org", "subject": "Numbers", "body": "Hello"]

  @Test func mailArrivesAsItWasMeant() async throws {
    let office = try Office()
    let image = SecureRandom.bytes(100_000)
    let table = Array("a;b\r\n1;2\n".utf8)
    let body = "Dear Ann,\n\n.\n..\nprice: 5 \u{20AC} = good  \n\ttab\n\(String(repeating: "long ", count: 400))\nend"
    let html = "<p>5&nbsp;\u{20AC}</p>"
    let subject = "Zahlen f\u{FC}r M\u{E4}rz: \u{1F4C8} " + String(repeating: "sehr lang ", count: 20)
    let arguments: JSON = [
      "to": ["ann@Example.ORG", "bob.o-neill+x@example.org"], "cc": "cid@example.org", "bcc": ["dan@example.org"],
      "subject": .string(subject), "body": .string(body), "html": .string(html),
      "attachments": [
        ["name": "Übersicht \"1\".png", "type": "image/png", "base64": .string(Base64.encode(image))],
        ["name": "table.csv", "type": "text/csv", "text": .string(text(table))],
      ],
    ]
    let (type, params, facts) = try office.box.proposal("SMTP.send", arguments, office.settings)
    #expect(type == "smtp.send")
    let recipients = ["ann@example.org", "bob.o-neill+x@example.org", "cid@example.org", "dan@example.org"]
    #expect(facts == recipients.map { ["recipients": $0] })
    #expect(params["from"] == "reports@acme.example" && params["community"] == "acme")
    // What approvers read without an opening, and what they do not.
    let executor = try office.box.executor(type)
    let shown = try MessageBox.committed(params, executor.privateParams)
    #expect(shown["subject"] == .string(subject) && shown["bcc"] == ["dan@example.org"])
    for name in ["body", "html", "attachments"] {
      #expect(Commitment(json: try #require(shown[name])) != nil)
    }

    let ending = try await office.box.send("SMTP.send", arguments, office.settings)
    #expect(ending.kind == .executed && !ending.holdsTheCanary)
    let digest = try office.box.order(type, params, office.settings).proposal.hex
    #expect(
      JSON.object(ending.result) == [
        "messageId": .string("<\(digest)@acme.example>"), "recipients": 4, "status": 250, "secrets": ["mail@1"],
      ])

    let received = try await office.peer.next()
    #expect(received["user"] == "acme by PLAIN" && received["tls"] == true)
    #expect(received["sender"] == "reports@acme.example" && received["hello"] == "acme.example")
    #expect(received["recipients"] == .array(recipients.map { .string($0) }))
    #expect(received["defects"] == [])
    let headers = try #require(received["headers"]?.array).compactMap { pair -> (String, String)? in
      guard let name = pair.array?.first?.string, let value = pair.array?.last?.string else { return nil }
      return (name, value)
    }
    func header(_ name: String) -> [String] { headers.filter { $0.0 == name }.map(\.1) }
    #expect(header("From") == ["Acm\u{E9} reports <reports@acme.example>"])
    #expect(header("To") == ["ann@example.org, bob.o-neill+x@example.org"])
    #expect(header("Cc") == ["cid@example.org"])
    #expect(header("Bcc").isEmpty)
    #expect(header("Subject") == [subject])
    #expect(header("Date") == ["Sat, 21 Nov 2026 10:33:46 +0000"])
    #expect(header("Message-ID") == ["<\(digest)@acme.example>"])
    #expect(header("MIME-Version") == ["1.0"])

    let parts = try #require(received["parts"]?.array)
    #expect(
      parts.compactMap { $0["type"]?.string } == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "image/png", "text/csv",
      ])
    let contents = parts.map { $0["base64"]?.string.flatMap { Base64.decode($0) } ?? [] }
    #expect(parts.allSatisfy { $0["defects"] == nil || $0["defects"] == [] })
    // The line end before a boundary is the boundary's.
    #expect(text(contents[2]) == body.replacing("\n", with: "\r\n"))
    #expect(text(contents[3]) == html)
    #expect(contents[4] == image && parts[4]["name"] == "Übersicht \"1\".png")
    #expect(contents[5] == table && parts[5]["name"] == "table.csv" && parts[5]["disposition"] == "attachment")
    // Every line is ASCII and short enough for every server.
    let raw = try #require(received["raw"]?.string.flatMap { Base64.decode($0) })
    #expect(raw.allSatisfy { $0 < 0x80 })
    let long = text(raw).components("\r\n").filter { $0.utf8.count > 78 }
    #expect(long.allSatisfy { $0.hasPrefix("Message-ID:") || $0.hasPrefix(" filename*=") })
  }

  @Test func aPlainMailIsPlain() async throws {
    let office = try Office()
    #expect(try await office.box.send("SMTP.send", Self.simple, office.settings).kind == .executed)
    let received = try await office.peer.next()
    #expect(received["parts"]?.array?.compactMap { $0["type"]?.string } == ["text/plain"])
    let raw = text(try #require(received["raw"]?.string.flatMap { Base64.decode($0) }))
    #expect(raw.contains("Subject: Numbers\r\n") && raw.hasSuffix("\r\n\r\nHello\r\n"))
  }

  @Test(
    arguments: [
      ("refuse", ["ann@example.org"], Ending.Kind.failed, 550), ("answer", "554 5.7.1 no", .failed, 554),
      ("lose", "recipient", .failed, nil), ("lose", "message", .unknown, nil),
    ] as [(String, JSON, Ending.Kind, Int64?)])
  func endingsAreTold(_ name: String, _ value: JSON, _ kind: Ending.Kind, _ status: Int64?) async throws {
    let office = try Office([name: value])
    let ending = try await office.box.send("SMTP.send", Self.simple, office.settings)
    #expect(ending.kind == kind && ending.result["reason"]?.string?.isEmpty == false)
    #expect(ending.result["status"] == status.map { .integer($0) })
    #expect(ending.result["messageId"] != nil && !ending.holdsTheCanary)
  }

  @Test func aPasswordThatTheServerRepeatsStaysSecret() async throws {
    let office = try Office(password: MessageBox.canary + "-old")
    let ending = try await office.box.send("SMTP.send", Self.simple, office.settings)
    #expect(ending.kind == .failed && ending.result["status"] == 535 && !ending.holdsTheCanary)
    #expect(ending.result["secrets"] == ["mail@1"])
  }

  @Test func aSecretForAnotherHostIsNotUsed() async throws {
    let office = try Office()
    try office.box.secret("mail", MessageBox.canary, for: ["mail.test:1", "other.test"])
    let ending = try await office.box.send("SMTP.send", Self.simple, office.settings)
    #expect(ending.kind == .failed && ending.text.contains("not bound") && office.peer.pending == 0)
  }

  @Test func loopbackMustBeNamedByTheSettings() async throws {
    let office = try Office(isNamed: false)
    let ending = try await office.box.send("SMTP.send", Self.simple, office.settings)
    #expect(ending.kind == .failed && ending.text.contains("loopback") && office.peer.pending == 0)
  }

  @Test func noLineEndGetsIntoAHeaderOrACommand() throws {
    let office = try Office()
    let executor = try office.box.executor("smtp.send")
    let good = try office.box.proposal("SMTP.send", Self.simple, office.settings).params
    for end in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\0", "\r\n\r\n"] {
      let tail = end + "Bcc: evil@example.org"
      let injections: [(String, JSON)] = [
        ("to", .string("ann@example.org" + tail)), ("to", ["ann@example.org", .string("bob@example.org" + tail)]),
        ("cc", .string("ann@example.org" + tail)), ("bcc", .string("a" + end + "b@example.org")),
        ("from", .string("reports@acme.example" + tail)), ("subject", .string("Numbers" + tail)),
        ("attachments", [["name": .string("a" + tail), "base64": "AAAA"]]),
        ("attachments", [["name": "a", "type": .string("text/csv" + tail), "base64": "AAAA"]]),
        ("attachments", [["name": "a", "base64": .string("AAAA" + tail)]]),
      ]
      for (name, value) in injections {
        var arguments = try #require(Self.simple.object)
        arguments[name] = value
        #expect(throws: HostCallError.self, "\(name) \(value.summary)") {
          _ = try office.box.plan("SMTP.send", .object(arguments), office.settings)
        }
        var params = good
        params[name] = value
        #expect(throws: FieldError.self, "\(name) \(value.summary)") { try executor.validate(params: .object(params)) }
      }
    }
    // In a name beside the address it would be a header as well.
    for name in ["x\r\nBcc: a@b.c", "x\u{0}"] {
      #expect(throws: FieldError.self) {
        _ = try MailRoute(
          json: ["url": "smtps://mail.test", "from": "a@b.example", "name": .string(name)], path: "settings.mail")
      }
    }
  }

  @Test(arguments: [
    "ann", "@example.org", "ann@", "ann@@example.org", "ann@example.org@evil.org", "Ann <ann@example.org>",
    "ann@example.org, bob@example.org", "ann@example.org;bob@example.org", "\"a b\"@example.org", "a b@example.org",
    "ann@exa mple.org", "ann@example..org", ".ann@example.org", "ann@-example.org", "ann@[127.0.0.1]", "",
    "ann%evil.org@example.org", "relay/ann@example.org", "\u{E9}va@example.org", "ann@ex\u{E4}mple.org",
    "<ann@example.org>",
  ])
  func whatIsNoPlainAddressIsRefused(_ text: String) throws {
    let office = try MessageBox()
    let settings = try MessageBox.settings(
      ["mail": ["url": "smtps://mail.test", "from": "reports@acme.example"]], port: nil)
    for name in ["to", "cc", "bcc"] {
      var arguments = try #require(Self.simple.object)
      arguments[name] = .string(text)
      let error = #expect(throws: HostCallError.self) { _ = try office.plan("SMTP.send", .object(arguments), settings) }
      #expect(error?.code == "bad_argument" && error?.message.hasPrefix("arguments.\(name)") == true)
    }
  }

  @Test func everyRecipientMustBeGranted() throws {
    let office = try MessageBox()
    let settings = try MessageBox.settings(
      ["mail": ["url": "smtps://mail.test", "from": "reports@acme.example"]], port: nil)
    let grant = try Grant(json: ["method": "SMTP.send", "recipients": ["*@example.org"]], path: "uses[0]")
    func isGranted(_ extra: JSONObject) throws -> Bool {
      var arguments = try #require(Self.simple.object)
      for (name, value) in extra { arguments[name] = value }
      return try office.plan("SMTP.send", .object(arguments), settings).facts.allSatisfy {
        grant.permits("SMTP.send", facts: $0)
      }
    }
    #expect(try isGranted([:]))
    #expect(try isGranted(["cc": ["bob@EXAMPLE.org"]]))
    for name in ["to", "cc", "bcc"] {
      #expect(try !isGranted([name: ["bob@example.org", "eve@evil.org"]]))
      #expect(try !isGranted([name: "eve@example.org.evil.org"]))
    }
  }

  @Test func listsAndTextsHaveLimits() throws {
    let office = try MessageBox()
    let settings = try MessageBox.settings(
      ["mail": ["url": "smtps://mail.test", "from": "reports@acme.example"]], port: nil)
    func isRefused(_ extra: JSONObject) throws -> Bool {
      var arguments = try #require(Self.simple.object)
      for (name, value) in extra { arguments[name] = value }
      do {
        _ = try office.plan("SMTP.send", .object(arguments), settings)
        return false
      } catch {
        return error.code == "bad_argument"
      }
    }
    func readers(_ range: Range<Int>) -> JSON { .array(range.map { .string("r\($0)@example.org") }) }
    func file(_ bytes: Int) -> JSON {
      ["name": "a", "base64": .string(Base64.encode([UInt8](repeating: 0, count: bytes)))]
    }
    #expect(try !isRefused(["to": readers(0..<50)]))
    #expect(try isRefused(["to": readers(0..<51)]))
    #expect(try isRefused(["to": readers(0..<25), "cc": readers(25..<50), "bcc": readers(50..<51)]))
    #expect(try isRefused(["to": []]))
    #expect(try isRefused(["cc": "ann@example.org"]))
    #expect(try isRefused(["subject": .string(String(repeating: "x", count: 513))]))
    #expect(try isRefused(["body": .string(String(repeating: "x", count: (512 << 10) + 1))]))
    #expect(try isRefused(["body": ["$commitment": .string(String(repeating: "0", count: 64))]]))
    #expect(try !isRefused(["attachments": .array((0..<16).map { _ in file(1) })]))
    #expect(try isRefused(["attachments": .array((0..<17).map { _ in file(1) })]))
    #expect(try isRefused(["attachments": [file(5 << 20), file((3 << 20) + 1)]]))
    #expect(try isRefused(["attachments": [["name": "../a", "base64": ""]]]))
    #expect(try isRefused(["attachments": [["name": "a", "type": "multipart/mixed", "base64": ""]]]))
    #expect(try isRefused(["attachments": [["name": "a", "type": "text/plain; charset=x", "base64": ""]]]))
    #expect(try isRefused(["attachments": [["name": "a"]]]))
    #expect(try isRefused(["attachments": [["name": "a", "base64": "", "text": ""]]]))
    #expect(try isRefused(["reply": "x"]))
  }

  @Test func onlyTheRoutesSendersMaySend() async throws {
    let office = try Office()
    func from(_ sender: String) throws -> JSON {
      var arguments = try #require(Self.simple.object)
      arguments["from"] = .string(sender)
      return .object(arguments)
    }
    for sender in ["any@acme.example", "box@other.example"] {
      #expect(try office.box.proposal("SMTP.send", from(sender), office.settings).params["from"] == .string(sender))
    }
    for sender in ["eve@other.example", "a@sub.acme.example", "a@acme.example.evil.org"] {
      let error = #expect(throws: HostCallError.self) {
        _ = try office.box.plan("SMTP.send", from(sender), office.settings)
      }
      #expect(error?.code == "not_granted")
      // A proposal by another way comes to nothing as well.
      var params = try office.box.proposal("SMTP.send", Self.simple, office.settings).params
      params["from"] = .string(sender)
      let executor = try office.box.executor("smtp.send")
      let ending = Ending(await executor.execute(try office.box.order("smtp.send", params, office.settings)))
      #expect(ending.kind == .failed && ending.text.contains("sender"))
    }
    let error = #expect(throws: HostCallError.self) {
      _ = try office.box.plan("SMTP.send", Self.simple, CommunitySettings())
    }
    #expect(error?.code == "no_route" && office.peer.pending == 0)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension String {
  func components(_ separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}
