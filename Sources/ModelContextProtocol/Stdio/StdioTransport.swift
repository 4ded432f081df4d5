import CanonicalJSON
import Dispatch
import Glibc

/// One client over two streams: a message on each line. Nothing else may be written to the output.
public final class StdioTransport: Sendable {
  private let conversation: Conversation
  private let input: Int32
  private let writer: LineWriter
  private let tasks = DispatchGroup()

  public init(server: MCPServer, input: Int32 = 0, output: Int32 = 1) {
    conversation = Conversation(server: server)
    self.input = input
    writer = LineWriter(output)
  }

  /// Serves until the input ends. Calls that then wait for their runs are given up; the runs go on in the box.
  public func run() async {
    await withCheckedContinuation { continuation in
      // Reading blocks, so it has a thread of its own; requests are answered on the pool.
      DispatchQueue(label: "safebox.mcp.input").async {
        self.readAll()
        self.conversation.end()
        self.tasks.notify(queue: .global()) { self.writer.flush { continuation.resume() } }
      }
    }
  }

  private func readAll() {
    var lines = BoundedLines(limit: RPCMessage.maxBytes)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(input, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      for line in lines.take(buffer[..<count]) {
        switch line {
        case .line(let bytes): take(bytes)
        case .tooLong:
          let error = RPCError(RPCError.parse, "a message of more than \(RPCMessage.maxBytes) bytes")
          writer.write(RPCMessage.reply(nil, .failure(error)))
        }
      }
      // A client that does not read what it has asked for is not read either.
      writer.waitForRoom()
    }
  }

  private func take(_ bytes: [UInt8]) {
    guard bytes.contains(where: { $0 != 32 && $0 != 9 && $0 != 13 }) else { return }
    let message: RPCMessage
    do throws(RPCMessage.Refusal) {
      message = try RPCMessage(parsing: bytes)
    } catch {
      return writer.write(RPCMessage.reply(error.id, .failure(error.error)))
    }
    switch message {
    case .notification(let method, let params): conversation.accept(method, params)
    case .answer(let id, let answer): conversation.accept(id, answer)
    case .request(let request):
      // Registered here and now: a cancellation on the next line must find it.
      guard let ongoing = conversation.register(request) else {
        return writer.write(RPCMessage.reply(request.id, .failure(Conversation.duplicate)))
      }
      tasks.enter()
      Task {
        let result = await conversation.answer(request, ongoing) { [writer] in writer.write($0) }
        if let result { writer.write(RPCMessage.reply(request.id, result)) }
        tasks.leave()
      }
    }
  }
}

/// Cuts bytes into lines of at most `limit` bytes.
struct BoundedLines {
  enum Line: Equatable {
    case line([UInt8])
    /// What was too long is passed over to its end.
    case tooLong
  }

  let limit: Int
  private var pending: [UInt8] = []
  private var isPassingOver = false

  init(limit: Int) { self.limit = limit }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> [Line] {
    var lines: [Line] = []
    var rest = bytes
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 10)
      let part = rest[..<(end ?? rest.endIndex)]
      rest = end.map { rest[($0 + 1)...] } ?? []
      if !isPassingOver {
        if part.count > limit - pending.count {
          isPassingOver = true
          pending = []
          lines.append(.tooLong)
        } else {
          pending.append(contentsOf: part)
        }
      }
      guard end != nil else { break }
      if !isPassingOver { lines.append(.line(pending)) }
      pending = []
      isPassingOver = false
    }
    return lines
  }
}
