import Foundation
import TestSupport
import Testing

/// A real nginx on loopback: files with ranges, files without, a hub that redirects to another port, errors. Stopped and removed
/// when forgotten.
final class Nginx: Sendable {
  let port: UInt16
  let other: UInt16
  private let directory: TemporaryDirectory

  static let path = Subprocess.find("/usr/sbin/nginx", "nginx")
  static let isInstalled = path != nil
  static let absence: Comment = "needs nginx: scripts/setup test"

  /// - Parameter files: contents by path below the root.
  init(_ files: [String: [UInt8]]) throws {
    directory = try TemporaryDirectory()
    // Workers may run as another user.
    chmod(directory.path, 0o755)
    try FileManager.default.createDirectory(atPath: directory.file("files"), withIntermediateDirectories: true)
    for (path, bytes) in files { try directory.write(bytes, to: "files/" + path) }
    // Somebody else may take a port between the question and the start.
    var started: (UInt16, UInt16)?
    for _ in 0..<20 where started == nil {
      let ports = (try Self.freePort(), try Self.freePort())
      try directory.write(
        Array(Self.configuration(ports.0, ports.1, root: directory.file("files")).utf8), to: "nginx.conf")
      if try Self.run(["-p", directory.path, "-c", "nginx.conf", "-e", "error.log"]) == 0 { started = ports }
    }
    (port, other) = try #require(started)
  }

  deinit {
    _ = try? Self.run(["-p", directory.path, "-c", "nginx.conf", "-e", "error.log", "-s", "stop"])
    // It removes its own files meanwhile; the directory goes with its owner when that is done.
    for _ in 0..<1000 where FileManager.default.fileExists(atPath: directory.file("nginx.pid")) { usleep(2000) }
  }

  func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

  private static func configuration(_ port: UInt16, _ other: UInt16, root: String) -> String {
    """
    pid nginx.pid;
    user root;
    worker_processes 1;
    events { worker_connections 512; }
    http {
      access_log off;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      server {
        listen 127.0.0.1:\(port);
        location / { root \(root); }
        location /whole/ { alias \(root)/; max_ranges 0; }
        location /broken/ { return 503; }
        location /locked/ { return 403; }
        location ~ ^/owner/repo/resolve/(?<revision>[^/]+)/(?<name>.*)$ {
          if ($http_authorization != "Bearer hf_token") { return 401; }
          return 302 http://127.0.0.1:\(other)/cdn/$name?signature=secret;
        }
      }
      server {
        listen 127.0.0.1:\(other);
        location /cdn/ {
          if ($http_authorization != "") { return 400; }
          alias \(root)/;
        }
      }
    }
    """
  }

  private static func freePort() throws -> UInt16 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try #require(bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  // Not Foundation's `Process`: that waits until every descendant is gone, and nginx stays.
  private static func run(_ arguments: [String]) throws -> Int32 {
    let path = try #require(path)
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
    return status
  }
}
