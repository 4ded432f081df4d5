import Foundation
import JavaScript
import TestSupport

/// The worker as a process, with everything that the host says on its standard input from the start.
enum WorkerProcess {
  /// Built beside the test bundle.
  static let path: String = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let candidates = [bundle, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("safebox-worker").path
    }
    return candidates.first(where: FileManager.default.isExecutableFile(atPath:)) ?? candidates[1]
  }()

  struct Outcome {
    var status: Int32
    var messages: [WorkerMessage]
    var turns: [MachineTurn] {
      messages.compactMap { if case .turn(let turn) = $0 { turn } else { nil } }
    }
  }

  /// Runs it with these bytes and this environment, and nothing else in it.
  static func run(_ input: [UInt8], environment: [String] = []) throws -> Outcome {
    let base = ["SWIFT_BACKTRACE=enable=no,swift-backtrace=/x"]
    let run = try Subprocess.run(
      "/usr/bin/env", ["-i"] + base + environment + [path, "--stdio"], input: input)
    var reader = FrameReader()
    reader.append(run.output)
    var messages: [WorkerMessage] = []
    while let frame = try reader.next() { messages.append(try WorkerMessage(frame)) }
    return Outcome(status: run.status, messages: messages)
  }

  /// Runs a tool; the answers are what the machine of this process was given.
  static func run(_ tool: Tool, answers: [MachineAnswer], environment: [String] = []) throws -> Outcome {
    let messages = [HostMessage.program(tool.program)] + answers.map(HostMessage.answer)
    return try run(messages.flatMap(\.frame.encoded), environment: environment)
  }
}
