import Cryptography
import Glibc
import Testing

@testable import HTTPServer

@Suite struct TLSTests {
  private struct Party {
    let certificate: SelfSignedCertificate
    let keyPEM: String

    init(_ name: String) throws {
      let key = P256.PrivateKey.generate()
      let now = Int64(time(nil))
      certificate = try SelfSignedCertificate.make(
        commonName: name, ipAddresses: ["127.0.0.1"], privateKey: key, notBefore: now - 3600, notAfter: now + 3600)
      keyPEM = key.pkcs8PEM
    }
  }

  private static func serve(
    _ party: Party, clients: TLSServerContext.ClientAuthentication = .none,
    deadlines: HTTPServerConfiguration.Deadlines = .init(),
    _ handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
  ) throws -> (HTTPServer, BoundAddress) {
    let context = try TLSServerContext(
      certificateChainPEM: party.certificate.pem, privateKeyPEM: party.keyPEM, clientAuthentication: clients)
    var configuration = HTTPServerConfiguration(listeners: [.tls(address: "127.0.0.1", port: 0, context)])
    configuration.deadlines = deadlines
    let server = HTTPServer(configuration: configuration, handler: HTTPHandlerClosure(handler))
    return (server, try server.start()[0])
  }

  /// Speaks TLS over a blocking socket: nothing there ever asks to be called again.
  private static func exchange(
    _ address: BoundAddress, _ context: TLSClientContext, _ request: [UInt8]
  ) throws -> (answer: String, binding: [UInt8]?, ended: TLSConnection.Transfer) {
    let client = try RawClient(address)
    let session = try TLSConnection(context: context, fileDescriptor: client.socket, serverName: "127.0.0.1")
    while try session.handshake() != .done {}
    let writer = request
    var sent = 0
    while sent < writer.count {
      let transfer = try writer.withUnsafeBytes { try session.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      if case .bytes(let count) = transfer { sent += count }
    }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let transfer = try buffer.withUnsafeMutableBytes { try session.read(into: $0) }
      switch transfer {
      case .bytes(let count): all += buffer[..<count]
      case .wantRead, .wantWrite: throw RawClient.Failure(call: "timeout", code: 0)
      case .closed, .truncated:
        return (
          String(decoding: all, as: UTF8.self),
          session.exportedKeyingMaterial(label: "EXPORTER-Channel-Binding", context: [], count: 32), transfer
        )
      }
    }
  }

  @Test func servesInsideTLSAndBindsTheChannel() async throws {
    let party = try Party("box")
    let channels = Event<SecureChannel?>()
    let (server, address) = try Self.serve(party) { request in
      channels.signal(request.channel)
      let count = (try? await request.body.collect())?.count ?? -1
      return HTTPResponse(
        status: 200,
        body: .stream { writer in
          try await writer.write("\(count) ")
          try await writer.write([UInt8](repeating: 65, count: 300_000))
        })
    }
    let client = try TLSClientContext(authoritiesPEM: party.certificate.pem)
    let body = [UInt8](repeating: 66, count: 500_000)
    let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: \(body.count)\r\n\r\n"
    let (answer, binding, ended) = try await blocking { try Self.exchange(address, client, Array(head.utf8) + body) }
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("500000 "))
    #expect(answer.filter { $0 == "A" }.count >= 300_000)
    #expect(ended == .closed, "the end is said with close_notify, not just cut")
    let channel = try #require(try await channels.value())
    #expect(channel.version == "TLSv1.3")
    #expect(channel.clientCertificateDER == nil)
    #expect(channel.binding.count == 32 && channel.binding == binding)
    await server.shutdown(deadline: .zero)
  }

  @Test func demandsClientCertificates() async throws {
    let party = try Party("box")
    let known = try Party("client")
    let (server, address) = try Self.serve(party, clients: .required(authoritiesPEM: known.certificate.pem)) {
      request in
      .text(Hex.encode(request.channel?.clientCertificateDER ?? []))
    }
    let request = Array("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8)
    func context(_ identity: Party?) throws -> TLSClientContext {
      try TLSClientContext(
        authoritiesPEM: party.certificate.pem,
        identity: identity.map { .init(certificateChainPEM: $0.certificate.pem, privateKeyPEM: $0.keyPEM) })
    }
    let genuine = try context(known)
    let answer = try await blocking { try Self.exchange(address, genuine, request).answer }
    #expect(answer.hasSuffix(Hex.encode(known.certificate.der)))
    for stranger in [try context(nil), try context(try Party("client"))] {
      let refused = try await blocking { (try? Self.exchange(address, stranger, request).answer) ?? "" }
      #expect(refused == "")
    }
    #expect(server.statistics.requests == 1)
    await server.shutdown(deadline: .zero)
  }

  @Test func endsAHandshakeThatGoesNowhere() async throws {
    var deadlines = HTTPServerConfiguration.Deadlines()
    deadlines.header = .milliseconds(150)
    let (server, address) = try Self.serve(try Party("box"), deadlines: deadlines) { _ in .text("ok") }
    try await blocking { () throws in
      #expect(try RawClient(address).receiveAll() == "")
      let plain = try RawClient(address)
      try plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(!((try? plain.receiveAll()) ?? "").contains("HTTP/1.1 200"))
    }
    #expect(server.statistics.requests == 0)
    await server.shutdown(deadline: .zero)
  }
}
