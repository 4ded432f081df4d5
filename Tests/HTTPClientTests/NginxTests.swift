import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

/// A real nginx on loopback with files, TLS and a Unix socket. Stopped and removed when forgotten.
private final class Nginx: Sendable {
  let directory: URL
  private let ports: [ReservedPort]
  var port: UInt16 { ports[0].number }
  var tlsPort: UInt16 { ports[1].number }

  static var isInstalled: Bool {
    FileManager.default.isExecutableFile(atPath: path) && FileManager.default.isExecutableFile(atPath: openssl)
  }
  private static let path = "/usr/sbin/nginx"
  private static let openssl = "/usr/bin/openssl"

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("safebox-nginx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: directory.appendingPathComponent("files"), withIntermediateDirectories: true)
    ports = try [ReservedPort(), ReservedPort()]
    try Self.makeCertificate(in: directory)
    try Self.bigFile.write(to: directory.appendingPathComponent("files/big"))
    try Data(configuration.utf8).write(to: directory.appendingPathComponent("nginx.conf"))
    // Without `daemon off` the command returns when the sockets listen.
    try Self.run(Self.path, ["-p", directory.path, "-c", "nginx.conf", "-e", "error.log"])
  }

  deinit {
    try? Self.run(Self.path, ["-p", directory.path, "-c", "nginx.conf", "-e", "error.log", "-s", "stop"])
    // nginx is still removing its own files meanwhile, which can make one attempt fail.
    for _ in 0..<1000 where FileManager.default.fileExists(atPath: directory.path) {
      try? FileManager.default.removeItem(at: directory)
    }
  }

  /// 16 MiB without two equal blocks of 4 KiB side by side.
  static let bigFile: Data = {
    var data = Data()
    for block in 0..<4096 {
      data += withUnsafeBytes(of: block) { Data($0) } + Data(repeating: UInt8(block & 255), count: 4088)
    }
    return data
  }()

  private var configuration: String {
    """
    pid nginx.pid;
    user root;
    worker_processes 1;
    events { worker_connections 512; }
    http {
      access_log off;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      server { listen 127.0.0.1:\(port) reuseport; root \(directory.path)/files; location = /small { return 200 "small"; } }
      server {
        listen 127.0.0.1:\(tlsPort) ssl reuseport;
        ssl_certificate cert.pem; ssl_certificate_key key.pem;
        location / { return 200 "secret"; }
      }
    }
    """
  }

  private static func makeCertificate(in directory: URL) throws {
    let subject = ["-subj", "/CN=bank.test", "-addext", "subjectAltName=DNS:bank.test"]
    let files = ["-keyout", directory.path + "/key.pem", "-out", directory.path + "/cert.pem"]
    try run(
      openssl,
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"] + subject + files
    )
  }

  // Not Foundation's `Process`: that waits until every descendant is gone, and nginx stays.
  private static func run(_ path: String, _ arguments: [String]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 0...2 { posix_spawn_file_actions_addopen(&actions, Int32(descriptor), "/dev/null", O_RDWR, 0) }
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child = pid_t()
    guard posix_spawn(&child, path, &actions, nil, &words, environ) == 0 else { throw POSIXError(.ENOENT) }
    var status: Int32 = -1
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { throw POSIXError(.EIO) }
  }
}

@Suite(.enabled(if: Nginx.isInstalled, "needs nginx and openssl: scripts/setup test"), .timeLimit(.minutes(5)))
struct NginxTests {
  @Test func filesArriveWholeAndInParts() async throws {
    let nginx = try Nginx()
    let client = HTTPClient()
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(nginx.port)/big", maxResponseBytes: 64 << 20)
    let whole = try await client.send(request, policy: .loopback)
    #expect(whole.status == 200 && whole.header("Server")?.hasPrefix("nginx") == true)
    #expect(whole.body == [UInt8](Nginx.bigFile))

    // As an interrupted download goes on.
    let start = Nginx.bigFile.count - 1_000_000
    let parts = Mutex<[UInt8]>([])
    request.headers = [.init("Range", "bytes=\(start)-")]
    let rest = try await client.stream(
      request, policy: .loopback,
      into: HTTPClientSink { status, headers in
        #expect(status == 206)
        #expect(headers.contains { $0.isNamed("Content-Range") })
      } bytes: { bytes in
        parts.withLock { $0.append(contentsOf: bytes) }
      })
    #expect(rest.status == 206 && rest.body.isEmpty)
    #expect(parts.withLock { $0 } == [UInt8](Nginx.bigFile[start...]))

    request.headers = []
    request.maxResponseBytes = Nginx.bigFile.count - 1
    let error = await failure { [request] in try await client.send(request, policy: .loopback) }
    #expect(error?.kind == .responseTooLarge(limit: Nginx.bigFile.count - 1))
  }

  @Test func thousandsOfSmallRequestsSucceed() async throws {
    let nginx = try Nginx()
    let client = HTTPClient()
    let request = HTTPClientRequest(url: "http://127.0.0.1:\(nginx.port)/small")
    let good = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<64 {
        group.addTask {
          var good = 0
          for _ in 0..<50 {
            let response = try await client.send(request, policy: .loopback)
            if response.status == 200, response.body == Array("small".utf8) { good += 1 }
          }
          return good
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(good == 64 * 50)
  }

  @Test func tlsIsVerified() async throws {
    let nginx = try Nginx()
    func send(
      host: String = "bank.test", _ change: (inout HTTPClient.Configuration) -> Void
    ) async throws -> HTTPClientResponse {
      var configuration = HTTPClient.Configuration()
      configuration.resolver = ScriptedResolver(["127.0.0.1"])
      configuration.trustedCertificates = nginx.directory.path + "/cert.pem"
      change(&configuration)
      return try await HTTPClient(configuration).send(
        HTTPClientRequest(url: "https://\(host):\(nginx.tlsPort)/"), policy: .loopback)
    }
    func expectTLSFailure(_ run: () async throws -> HTTPClientResponse) async {
      let error = await failure(run)
      guard case .tls = error?.kind else {
        Issue.record("unexpected \(String(describing: error))")
        return
      }
      #expect(error?.mayHaveBeenSent == false)
    }

    let response = try await send { _ in }
    #expect(response.body == Array("secret".utf8))
    // An issuer that the system does not know, another host's certificate, another key than the pinned one.
    await expectTLSFailure { try await send { $0.trustedCertificates = nil } }
    await expectTLSFailure { try await send(host: "other.test") { _ in } }
    let wrongPin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    await expectTLSFailure { try await send { $0.pinnedPublicKey = wrongPin } }
  }
}
