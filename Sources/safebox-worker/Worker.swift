import CJail
import Glibc
import JavaScript

/// The process in the jail: runs one program and is gone. It has one stream to the host, and no other way out.
///
///     safebox-worker [--stdio]
///
/// The stream is descriptor 3; with `--stdio`, or where there is no descriptor 3, it is descriptors 0 and 1. Exit code 0
/// at the end of the program or of the stream, 1 when the stream breaks, 2 when the host sends what no host of ours sends.
enum Worker {
  static func main() {
    // Without /proc the Swift runtime knows of no arguments.
    let usesStandardStreams = CommandLine.arguments.contains("--stdio") || fcntl(3, F_GETFD) < 0
    var channel = Channel(input: usesStandardStreams ? 0 : 3, output: usesStandardStreams ? 1 : 3)
    channel.block()
    // Before anything is read: whatever comes in then finds nothing but this engine.
    let layers = lockdown()
    let prepared = Prepared()
    channel.send(.ready(WorkerReady(engine: Machine.engine, layers: layers)))
    do {
      try serve(&channel, prepared)
    } catch {
      exit(2)
    }
    exit(0)
  }

  private static func serve(_ channel: inout Channel, _ prepared: Prepared) throws(FrameFault) {
    guard let first = try channel.receive() else { return }
    guard case .program(let program) = first else { throw .unexpected(.answer) }
    let machine: Machine
    do {
      machine = try Machine(program, in: prepared)
    } catch {
      channel.send(.turn(MachineTurn(state: .failed(error), calls: [], logs: [], fuel: 0)))
      return
    }
    var turn = machine.start()
    channel.send(.turn(turn))
    var now = program.startedAt
    while case .waiting = turn.state {
      guard let next = try channel.receive() else { return }
      guard case .answer(let answer) = next else { throw .unexpected(.program) }
      guard machine.isOpen(answer.call) else { throw .badField("call") }
      guard answer.at >= now else { throw .badField("at") }
      now = answer.at
      turn = machine.answer(answer)
      channel.send(.turn(turn))
    }
  }

  private static func lockdown() -> [WorkerReady.Layer] {
    var report = jail_lockdown_report()
    jail_lockdown(&report)
    return withUnsafeBytes(of: report.layers) { raw in
      raw.bindMemory(to: Int32.self).enumerated().compactMap { index, error in
        guard error != JAIL_NOT_APPLIED, let name = jail_layer_name(Int32(index)) else { return nil }
        return WorkerReady.Layer(name: String(cString: name), error: Int(error))
      }
    }
  }
}
