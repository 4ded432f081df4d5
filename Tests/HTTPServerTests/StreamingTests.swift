import Glibc
import Synchronization
import Testing

@testable import HTTPServer

@Suite struct StreamingTests {
  private static func streaming(
    _ fields: HTTPHeaders = [:], _ write: @escaping @Sendable (HTTPBodyWriter) async throws -> Void
  ) throws -> Served {
    try Served { _ in HTTPResponse(status: 200, headers: fields, body: .stream(write)) }
  }

  private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func sendsChunks() async throws {
    let served = try Self.streaming { writer in
      try await writer.write("abc")
      try await writer.write("")
      try await writer.write(String(repeating: "x", count: 300))
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        for _ in 0..<2 {
          try client.send(Self.request)
          let head = try client.receive(upTo: "\r\n\r\n")
          #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
          let body = try client.receive(upTo: "0\r\n\r\n")
          #expect(body == "3\r\nabc\r\n12c\r\n\(String(repeating: "x", count: 300))\r\n0\r\n\r\n")
        }
      }
    }
  }

  @Test(arguments: [0, 1, 9, 10, 15, 16, 255, 256, 65535, 65536, 1 << 40])
  func writesChunkSizes(_ size: Int) {
    var bytes: [UInt8] = []
    bytes.appendHexadecimal(size)
    #expect(String(decoding: bytes, as: UTF8.self) == String(size, radix: 16) + "\r\n")
    bytes = []
    bytes.appendDecimal(size)
    #expect(String(decoding: bytes, as: UTF8.self) == "\(size)")
  }

  @Test func holdsAStreamToItsLength() async throws {
    // The right length keeps the connection; too little or too much cuts it, and nothing beyond the length is sent.
    for (written, isWhole) in [("abcd", true), ("abc", false), ("abcde", false)] {
      let failure = Event<HTTPStreamError?>()
      let served = try Self.streaming(["Content-Length": "4"]) { writer in
        do {
          try await writer.write(written)
          failure.signal(nil)
        } catch {
          failure.signal(error as? HTTPStreamError)
          throw error
        }
      }
      try await served.use { served in
        try await blocking { () throws in
          let client = try RawClient(served.unix)
          try client.send(Self.request)
          let head = try client.receive(upTo: "\r\n\r\n")
          #expect(head.contains("\r\nContent-Length: 4\r\n") && !head.contains("chunked"))
          if isWhole {
            #expect(try client.receive(count: 4) == Array("abcd".utf8))
            try client.send(Self.request)
            #expect(try client.response().body == "abcd")
          } else {
            #expect(try client.receiveAll().utf8.count < 4)
          }
        }
        #expect(try await failure.value() == (written.count > 4 ? .overrun(declared: 4) : nil))
      }
    }
  }

  /// A stream that fails must not look complete.
  @Test func cutsAStreamThatThrows() async throws {
    struct Failure: Error {}
    let served = try Self.streaming { writer in
      try await writer.write("abc")
      throw Failure()
    }
    try await served.use { served in
      let answer = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send(Self.request)
        return try client.receiveAll()
      }
      #expect(!answer.contains("0\r\n\r\n"))
    }
  }

  /// The writer never gets further ahead of the reader than the buffers are large.
  @Test func holdsBackAFastWriter() async throws {
    let received = Atomic(0)
    let furthest = Atomic(0)
    let size = 64 << 20
    let served = try Self.streaming(["Content-Length": "\(size)"]) { writer in
      let piece = [UInt8](repeating: 65, count: 64 << 10)
      for number in 1...(size / piece.count) {
        try await writer.write(piece)
        let ahead = number * piece.count - received.load(ordering: .relaxed)
        if ahead > furthest.load(ordering: .relaxed) { furthest.store(ahead, ordering: .relaxed) }
      }
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.unix)
        try client.send(Self.request)
        _ = try client.receive(upTo: "\r\n\r\n")
        var total = 0
        while total < size {
          let piece = try client.receive(32 << 10)
          guard !piece.isEmpty else { break }
          total += piece.count
          received.store(total, ordering: .relaxed)
        }
        #expect(total == size)
      }
    }
    #expect(furthest.load(ordering: .relaxed) < 2 << 20)
  }

  /// A reader that is fast but never quite catches up must not make the buffer keep what was sent (once a leak of 282 MB).
  @Test func givesUpWhatWasSent() {
    var buffer = OutputBuffer()
    for piece in [100, 5000, 20_000] {
      for _ in 0..<2000 {
        buffer.append([UInt8](repeating: 1, count: piece))
        var budget = buffer.count - 1
        let result = buffer.flush { bytes, _ in
          guard budget > 0 else { return nil }
          let taken = min(budget, bytes.count)
          budget -= taken
          return taken
        }
        #expect(result == .blocked && buffer.count == 1)
        #expect(buffer.footprint < 256 << 10)
      }
    }
  }

  @Test func sendsEverythingInOrder() {
    var buffer = OutputBuffer()
    var expected: [UInt8] = []
    var sent: [UInt8] = []
    var state: UInt64 = 1
    for _ in 0..<3000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let size = Int(state >> 33) % (state >> 60 == 0 ? 50_000 : 600)
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ Int(state >> 40)) }
      if state & 64 == 0 { buffer.append(bytes) } else { buffer.append(joining: bytes) }
      expected += bytes
      var budget = Int(state >> 20) % 3000
      _ = buffer.flush { bytes, _ in
        guard budget > 0 else { return nil }
        let taken = min(budget, bytes.count)
        budget -= taken
        sent += bytes.prefix(taken)
        return taken
      }
      #expect(buffer.count == expected.count - sent.count)
    }
    let rest = buffer.flush { bytes, _ in
      sent += bytes
      return bytes.count
    }
    #expect(rest == .empty && sent == expected)
  }

  @Test func acceptsWritesFromOtherThreads() async throws {
    let served = try Self.streaming { writer in
      try await withThrowingTaskGroup { group in
        for letter in ["a", "b", "c"] {
          group.addTask {
            try await Task.detached { for _ in 0..<50 { try await writer.write(String(repeating: letter, count: 7)) } }
              .value
          }
        }
        try await group.waitForAll()
      }
    }
    try await served.use { served in
      let body = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send(Self.request)
        _ = try client.receive(upTo: "\r\n\r\n")
        return try client.receive(upTo: "\r\n0\r\n\r\n")
      }
      let chunks = body.split(separator: "\r\n").filter { $0 != "7" && $0 != "0" }
      #expect(chunks.count == 150)
      #expect(chunks.allSatisfy { ["aaaaaaa", "bbbbbbb", "ccccccc"].contains($0) })
    }
  }

  /// A gigabyte in small: both directions at once, memory bounded. In a process of its own, where nothing else takes any.
  @Test func transfersWithoutGrowing() async throws {
    await #expect(processExitsWith: .success) { try await Self.transfer() }
  }

  private static func transfer() async throws {
    let size = 192 << 20
    var router = Router()
    router.on("POST", "/", bodyLimit: size) { request in
      HTTPResponse(
        status: 200, headers: ["Content-Length": "\(size)"],
        body: .stream { writer in for try await piece in request.body { try await writer.write(piece) } })
    }
    try await Served(router).use { served in
      let before = residentBytes()
      let peak = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
        let sender = Thread {
          let piece = [UInt8](repeating: 7, count: 256 << 10)
          for _ in 0..<(size / piece.count) { try? client.send(piece) }
        }
        _ = try client.receive(upTo: "\r\n\r\n")
        var total = 0
        var peak = 0
        while total < size {
          let piece = try client.receive(256 << 10)
          guard !piece.isEmpty else { break }
          if total / (16 << 20) != (total + piece.count) / (16 << 20) { peak = max(peak, residentBytes()) }
          total += piece.count
        }
        sender.join()
        #expect(total == size)
        return peak
      }
      #expect(peak - before < 48 << 20)
    }
  }

  static func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    fgets(&line, 128, file)
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (Int(text.split(separator: " ").dropFirst().first ?? "0") ?? 0) * 4096
  }
}
