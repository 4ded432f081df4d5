import Foundation
import TestSupport

/// A real nginx on a port of loopback. Stopped and removed when forgotten.
final class Nginx: Sendable {
  private static let path = "/usr/sbin/nginx"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

  let directory: URL
  private let reserved: ReservedPort
  var port: UInt16 { reserved.number }
  var address: String { "127.0.0.1:\(port)" }
  var url: String { "http://\(address)" }

  /// - Parameter locations: what stands in the `server` block.
  init(_ locations: String, files: [String: Data] = [:]) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("safebox-nginx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: directory.appendingPathComponent("files"), withIntermediateDirectories: true)
    for (name, data) in files { try data.write(to: directory.appendingPathComponent("files/\(name)")) }
    reserved = try ReservedPort()
    let configuration = """
      pid nginx.pid;
      user root;
      worker_processes 1;
      events { worker_connections 128; }
      http {
        access_log off;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        server { listen 127.0.0.1:\(port) reuseport; root \(directory.path)/files; \(locations) }
      }
      """
    try Data(configuration.utf8).write(to: directory.appendingPathComponent("nginx.conf"))
    // Without `daemon off` the command returns when the sockets listen.
    try Self.run(["-p", directory.path, "-c", "nginx.conf", "-e", "error.log"])
  }

  deinit {
    try? Self.run(["-p", directory.path, "-c", "nginx.conf", "-e", "error.log", "-s", "stop"])
    // nginx is still removing its own files meanwhile, which can make one attempt fail.
    for _ in 0..<1000 where FileManager.default.fileExists(atPath: directory.path) {
      try? FileManager.default.removeItem(at: directory)
    }
  }

  // Not Foundation's `Process`: that waits until every descendant is gone, and nginx stays.
  private static func run(_ arguments: [String]) throws {
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
