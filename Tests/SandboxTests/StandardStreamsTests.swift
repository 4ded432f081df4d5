import Foundation
import Glibc
import JavaScript
import TestSupport
import Testing

@testable import Sandbox

extension SandboxSuite {
  /// The worker where its stream is its standard input and output, as in a container.
  @Suite struct StandardStreamsTests {
    /// As gVisor may hand it over: the worker is to wait for its program, and not to take its absence for the end.
    @Test func aStreamThatDoesNotWaitIsMadeToWait() async throws {
      var ends: [Int32] = [-1, -1]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      try #require(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
      let process = try ChildProcess(
        Built.worker, ["--stdio"], input: .descriptor(ends[1]), output: .descriptor(ends[1]))
      // It is ready when it has spoken, and only then does it read.
      try #require(HostileProbe.isThere(ends[0], seconds: 60))
      // The flag is of the socket, which both processes have.
      #expect(fcntl(ends[1], F_GETFL) & O_NONBLOCK == 0)
      shutdown(ends[0], Int32(SHUT_RDWR))
      #expect(process.wait() == 0)
    }
  }
}
