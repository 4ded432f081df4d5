internal import CLinux
import Foundation
import Glibc

/// A port of loopback on which nobody listens, and that nobody else can come to use while this is kept.
///
/// A server that cannot choose a port by itself can be given it, if it sets SO_REUSEPORT (nginx: `reuseport`): the kernel
/// lets no one else have the port in between, neither to listen nor to connect from.
public final class ReservedPort: Sendable {
  /// The system call that failed.
  public struct Failure: Error {
    public let call: String
    public let code: Int32
  }

  public let number: UInt16
  private let descriptor: Int32

  /// Binds a socket to a free port of 127.0.0.1 and never listens with it.
  public convenience init() throws { try self.init(0) }

  /// A port of 127.0.0.1 that is free, and that the kernel gives to nobody who does not ask for exactly it: for a server
  /// that is to come back to the port it had.
  public static func unassigned() throws -> UInt16 {
    let range = try String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
    let first = range.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) } ?? 32_768
    guard first > 2048 else { throw Failure(call: "ip_local_port_range", code: ERANGE) }
    while true {
      do {
        return try ReservedPort(.random(in: 1024..<first)).number
      } catch let failure as Failure where failure.code == EADDRINUSE {}
    }
  }

  private init(_ wanted: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    var isShared: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &isShared, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = wanted.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let result = withUnsafeMutableBytes(of: &address) { raw -> Int32 in
      let pointer = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      return bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
    }
    number = UInt16(bigEndian: address.sin_port)
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(call: "bind", code: code)
    }
  }

  deinit { close(descriptor) }
}
