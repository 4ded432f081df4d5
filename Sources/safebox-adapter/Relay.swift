import CLinux
import Glibc

/// Joins a unix socket to a server that only listens on loopback, and lives as long as that server does.
struct Relay: Sendable {
  let socket: String
  let port: UInt16
  let command: [String]

  func run() throws(AdapterFault) -> Never {
    guard let program = command.first, program.hasPrefix("/") else { throw .usage("-- PROGRAM [ARGUMENT...]") }
    var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var pidfd: Int32 = -1
    let pid = linux_spawn(program, &argv, environ, -1, 1, 2, &pidfd)
    guard pid >= 0 else { throw .system(call: "posix_spawn", path: program, error: -pid) }
    let child = pidfd
    try Threads.start {
      var entry = pollfd(fd: child, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) < 0 {}
      // The container ends with its first process, so that the supervisor sees the server's end.
      let status = linux_pidfd_reap(child)
      exit(status > 0 ? status : 1)
    }
    let port = port
    try SocketServer(path: socket) { connection in Self.join(connection, port: port) }.run()
  }

  private static func join(_ connection: Int32, port: UInt16) {
    var address = linux_address()
    guard linux_parse_address("127.0.0.1", port, &address) == 0 else { return }
    let server = linux_connect_tcp(&address)
    // Not up yet, or gone: the client sees its connection end.
    guard server >= 0 else { return }
    defer { close(server) }
    var isOpen = [true, true]
    while isOpen[0] || isOpen[1] {
      var entries = [
        pollfd(fd: isOpen[0] ? connection : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen[1] ? server : -1, events: Int16(POLLIN), revents: 0),
      ]
      if poll(&entries, 2, -1) < 0 { continue }
      for (index, from, to) in [(0, connection, server), (1, server, connection)] where entries[index].revents != 0 {
        guard let bytes = Descriptor.read(from) else {
          isOpen[index] = false
          shutdown(to, Int32(SHUT_WR))
          continue
        }
        guard Descriptor.write(bytes, to: to) else { return }
      }
    }
  }
}
