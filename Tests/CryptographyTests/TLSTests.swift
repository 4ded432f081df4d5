import Cryptography
import Glibc
import TestSupport
import Testing

/// Two connected, non-blocking stream sockets; closed when released.
final class SocketPair {
  let server: Int32
  private(set) var client: Int32

  init() throws {
    var descriptors: [Int32] = [-1, -1]
    try #require(
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &descriptors) == 0)
    server = descriptors[0]
    client = descriptors[1]
  }

  func closeClient() {
    Glibc.close(client)
    client = -1
  }

  deinit {
    Glibc.close(server)
    if client >= 0 { Glibc.close(client) }
  }
}

/// A certificate with its key, valid from 2020 to 2099.
struct Identity {
  let key = P256.PrivateKey.generate()
  let certificate: SelfSignedCertificate

  init(_ name: String, dnsNames: [String] = [], ipAddresses: [String] = []) throws {
    certificate = try SelfSignedCertificate.make(
      commonName: name, dnsNames: dnsNames, ipAddresses: ipAddresses, privateKey: key, notBefore: 1_577_836_800,
      notAfter: 4_070_908_800)
  }
}

/// Takes both sides through the handshake by turns.
func shakeHands(_ server: TLSConnection, _ client: TLSConnection) throws {
  for _ in 0..<20 {
    let clientProgress = try client.handshake()
    let serverProgress = try server.handshake()
    if clientProgress == .done, serverProgress == .done { return }
  }
  Issue.record("the handshake does not end")
}

func read(_ connection: TLSConnection, count: Int = 65536) throws -> (TLSConnection.Transfer, [UInt8]) {
  var buffer = [UInt8](repeating: 0, count: count)
  let transfer = try buffer.withUnsafeMutableBytes { try connection.read(into: $0) }
  guard case .bytes(let received) = transfer else { return (transfer, []) }
  return (transfer, Array(buffer.prefix(received)))
}

@Suite struct TLSTests {
  let identity: Identity

  init() throws {
    identity = try Identity("localhost", dnsNames: ["localhost", "box.example"], ipAddresses: ["127.0.0.1", "::1"])
  }

  func serverContext(
    minimumVersion: TLSVersion = .tls13, clients: TLSServerContext.ClientAuthentication = .none,
    protocols: [String] = ["http/1.1"]
  ) throws -> TLSServerContext {
    try TLSServerContext(
      certificateChainPEM: identity.certificate.pem, privateKeyPEM: identity.key.pkcs8PEM,
      minimumVersion: minimumVersion, clientAuthentication: clients, applicationProtocols: protocols)
  }

  @Test(arguments: ["localhost", "box.example", "127.0.0.1", "::1"])
  func bytesArriveInBothDirections(serverName: String) throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: serverName)
    #expect(client.peerCertificateDER == nil)
    try shakeHands(server, client)
    #expect(server.version == "TLSv1.3")
    #expect(server.applicationProtocol == "http/1.1")
    #expect(client.peerCertificateDER == identity.certificate.der)
    #expect(server.peerCertificateDER == nil)
    #expect(try read(server).0 == .wantRead)
    #expect(try Array("question".utf8).withUnsafeBytes { try client.write($0) } == .bytes(8))
    #expect(try read(server).1 == Array("question".utf8))
    #expect(try Array("answer".utf8).withUnsafeBytes { try server.write($0) } == .bytes(6))
    #expect(try read(client).1 == Array("answer".utf8))
    let exported = server.exportedKeyingMaterial(label: "EXPORTER-test", context: [1], count: 32)
    #expect(exported?.count == 32)
    #expect(exported == client.exportedKeyingMaterial(label: "EXPORTER-test", context: [1], count: 32))
    #expect(exported != client.exportedKeyingMaterial(label: "EXPORTER-test", context: [2], count: 32))
    #expect(client.close() == .done)
    #expect(try read(server).0 == .closed)
  }

  @Test func aFullSocketAsksToWaitAndLosesNothing() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    try shakeHands(server, client)
    let message = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    var sent = 0
    var received: [UInt8] = []
    var waits = 0
    while received.count < message.count {
      if sent < message.count {
        switch try message[sent...].withUnsafeBytes({ try server.write($0) }) {
        case .bytes(let count): sent += count
        case .wantWrite: waits += 1
        case let other: Issue.record("unexpected \(other)")
        }
      }
      if waits > 0 || sent == message.count {
        let (transfer, bytes) = try read(client)
        if case .bytes = transfer { received += bytes } else { #expect(transfer == .wantRead) }
      }
    }
    #expect(waits > 0)
    #expect(received == message)
  }

  @Test(arguments: [("other.example", "hostname mismatch"), ("127.0.0.2", "IP address mismatch")])
  func aServerWithAnotherNameIsRefused(serverName: String, reason: String) throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: serverName)
    #expect(throws: TLSError.handshake(reason)) { try shakeHands(server, client) }
  }

  @Test func aServerThatNobodyVouchesForIsRefused() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let stranger = try Identity("localhost", dnsNames: ["localhost"])
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: stranger.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    #expect(throws: TLSError.self) { try shakeHands(server, client) }
    #expect(client.peerCertificateDER == nil)
  }

  @Test func aRequiredClientCertificateIsDemandedAndShown() throws {
    let friend = try Identity("client")
    let context = try serverContext(clients: .required(authoritiesPEM: friend.certificate.pem))
    let known = TLSClientContext.Identity(
      certificateChainPEM: friend.certificate.pem, privateKeyPEM: friend.key.pkcs8PEM)
    let sockets = try SocketPair()
    let server = try TLSConnection(context: context, fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem, identity: known),
      fileDescriptor: sockets.client, serverName: "localhost")
    try shakeHands(server, client)
    #expect(server.peerCertificateDER == friend.certificate.der)

    let stranger = try Identity("client")
    let unknown = TLSClientContext.Identity(
      certificateChainPEM: stranger.certificate.pem, privateKeyPEM: stranger.key.pkcs8PEM)
    for identityShown in [nil, unknown] {
      let sockets = try SocketPair()
      let server = try TLSConnection(context: context, fileDescriptor: sockets.server)
      let client = try TLSConnection(
        context: TLSClientContext(authoritiesPEM: identity.certificate.pem, identity: identityShown),
        fileDescriptor: sockets.client, serverName: "localhost")
      _ = try client.handshake()
      _ = try server.handshake()
      _ = try client.handshake()
      #expect(throws: TLSError.self) { _ = try server.handshake() }
      #expect(server.peerCertificateDER == nil)
    }
  }

  @Test func anOptionalClientCertificateMayBeMissing() throws {
    let friend = try Identity("client")
    let sockets = try SocketPair()
    let server = try TLSConnection(
      context: serverContext(clients: .optional(authoritiesPEM: friend.certificate.pem)),
      fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    try shakeHands(server, client)
    #expect(server.peerCertificateDER == nil)
  }

  @Test func applicationProtocolsMustOverlap() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem, applicationProtocols: ["h2"]),
      fileDescriptor: sockets.client, serverName: "localhost")
    #expect(throws: TLSError.self) { try shakeHands(server, client) }
  }

  @Test func anEndWithoutFarewellIsTruncation() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    try shakeHands(server, client)
    sockets.closeClient()
    #expect(try read(server).0 == .truncated)
    let outcome = Result { try [UInt8](repeating: 0, count: 100_000).withUnsafeBytes { try server.write($0) } }
    if case .success(.bytes) = outcome { Issue.record("bytes went to nobody") }
    #expect(server.close() == .done)
  }

  @Test func writingToAPeerThatHasGoneIsAnErrorAndNoSignal() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    try shakeHands(server, client)
    sockets.closeClient()
    // A blocked signal stays pending, even where the process ignores it.
    var pipe = sigset_t()
    var before = sigset_t()
    var pending = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    #expect(throws: TLSError.self) { _ = try [UInt8](1...100).withUnsafeBytes { try server.write($0) } }
    sigpending(&pending)
    #expect(sigismember(&pending, SIGPIPE) == 0)
    var now = timespec()
    sigtimedwait(&pipe, nil, &now)
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  @Test func aForgedRecordEndsTheConnection() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
      serverName: "localhost")
    try shakeHands(server, client)
    let forged: [UInt8] = [0x17, 3, 3, 0, 32] + [UInt8](repeating: 7, count: 32)
    #expect(send(sockets.client, forged, forged.count, 0) == forged.count)
    #expect(throws: TLSError.self) { _ = try read(server) }
  }

  @Test func plainHTTPIsNotAHandshake() throws {
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
    #expect(send(sockets.client, request, request.count, 0) == request.count)
    #expect(throws: TLSError.handshake("http request")) { _ = try server.handshake() }
  }

  @Test func keysMustBelongToTheirCertificates() throws {
    #expect(throws: TLSError.privateKey("key values mismatch")) {
      _ = try TLSServerContext(
        certificateChainPEM: identity.certificate.pem, privateKeyPEM: P256.PrivateKey.generate().pkcs8PEM)
    }
    #expect(throws: TLSError.self) {
      _ = try TLSServerContext(certificateChainPEM: "", privateKeyPEM: identity.key.pkcs8PEM)
    }
    #expect(throws: TLSError.self) {
      _ = try TLSServerContext(
        certificateChainPEM: identity.certificate.pem + identity.certificate.pem.dropLast(40),
        privateKeyPEM: identity.key.pkcs8PEM)
    }
  }

  /// A client of 2008: TLS 1.2 is the newest that it offers.
  private var oldHello: [UInt8] {
    let extensions: [UInt8] =
      [0, 10, 0, 4, 0, 2, 0, 23] + [0, 13, 0, 4, 0, 2, 4, 3] + [0, 11, 0, 2, 1, 0]
    let body: [UInt8] =
      [3, 3] + pattern(32) + [0] + [0, 2, 0xC0, 0x2B] + [1, 0] + [0, UInt8(extensions.count)] + extensions
    let message: [UInt8] = [1, 0, 0, UInt8(body.count)] + body
    return [22, 3, 1, 0, UInt8(message.count)] + message
  }

  @Test func olderVersionsAreSpokenOnlyWhereAllowed() throws {
    let sockets = try SocketPair()
    let strict = try TLSConnection(context: serverContext(), fileDescriptor: sockets.server)
    #expect(send(sockets.client, oldHello, oldHello.count, 0) == oldHello.count)
    #expect(throws: TLSError.handshake("unsupported protocol")) { _ = try strict.handshake() }

    let others = try SocketPair()
    let lenient = try TLSConnection(
      context: serverContext(minimumVersion: .tls12), fileDescriptor: others.server)
    #expect(send(others.client, oldHello, oldHello.count, 0) == oldHello.count)
    #expect(try lenient.handshake() == .wantRead)
    var answer = [UInt8](repeating: 0, count: 8192)
    #expect(recv(others.client, &answer, answer.count, 0) > 100)
    #expect(lenient.version == "TLSv1.2")
  }

  @Test func ciphersWithoutForwardSecrecyAreRefused() throws {
    var hello = oldHello
    let position = try #require(hello.firstRange(of: [0xC0, 0x2B])?.lowerBound)
    for suite: [UInt8] in [[0x00, 0x9C], [0xC0, 0x23], [0x00, 0x2F], [0x00, 0x00]] {
      hello.replaceSubrange(position..<position + 2, with: suite)
      let sockets = try SocketPair()
      let server = try TLSConnection(
        context: serverContext(minimumVersion: .tls12), fileDescriptor: sockets.server)
      #expect(send(sockets.client, hello, hello.count, 0) == hello.count)
      #expect(throws: TLSError.handshake("no shared cipher")) { _ = try server.handshake() }
    }
  }

  @Test func expiredCertificatesAreRefused() throws {
    let key = P256.PrivateKey.generate()
    let expired = try SelfSignedCertificate.make(
      commonName: "localhost", dnsNames: ["localhost"], privateKey: key, notBefore: 0, notAfter: 86400)
    let sockets = try SocketPair()
    let server = try TLSConnection(
      context: TLSServerContext(certificateChainPEM: expired.pem, privateKeyPEM: key.pkcs8PEM),
      fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: expired.pem), fileDescriptor: sockets.client, serverName: "localhost")
    #expect(throws: TLSError.handshake("certificate has expired")) { try shakeHands(server, client) }
  }

  @Test func aDeadSocketIsAnError() throws {
    let server = try TLSConnection(context: serverContext(), fileDescriptor: -1)
    #expect(throws: TLSError.self) { _ = try server.handshake() }
    #expect(server.close() == .done)
    #expect(server.exportedKeyingMaterial(label: "EXPORTER-test", context: [], count: 32) == nil)
  }

  @Test(.enabled(if: Subprocess.find("openssl") != nil, "the openssl command is absent"))
  func encryptedKeysAreRefusedWithoutAsking() throws {
    let tool = try #require(Subprocess.find("openssl"))
    let encrypted = try Subprocess.run(
      tool, ["pkcs8", "-topk8", "-passout", "pass:secret"], input: Array(identity.key.pkcs8PEM.utf8))
    let text = String(decoding: encrypted.output, as: UTF8.self)
    #expect(text.contains("BEGIN ENCRYPTED PRIVATE KEY"))
    #expect(throws: TLSError.privateKey("bad password read")) {
      _ = try TLSServerContext(certificateChainPEM: identity.certificate.pem, privateKeyPEM: text)
    }
  }

  @Test func applicationProtocolsHaveNames() throws {
    for names in [[""], [String(repeating: "a", count: 256)]] {
      #expect(throws: TLSError.self) { _ = try serverContext(protocols: names) }
    }
    let sockets = try SocketPair()
    let server = try TLSConnection(context: serverContext(protocols: []), fileDescriptor: sockets.server)
    let client = try TLSConnection(
      context: TLSClientContext(authoritiesPEM: identity.certificate.pem, applicationProtocols: ["h2"]),
      fileDescriptor: sockets.client, serverName: "localhost")
    try shakeHands(server, client)
    #expect(server.applicationProtocol == nil)
    #expect(throws: TLSError.configuration("no server name")) {
      _ = try TLSConnection(
        context: TLSClientContext(authoritiesPEM: identity.certificate.pem), fileDescriptor: sockets.client,
        serverName: "")
    }
  }
}
