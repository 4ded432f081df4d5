import Cryptography
import Glibc
import Storage
import TransparencyLog

/// Opens a log, appends one batch, and says what it was told: the process that the fault tests kill and starve.
///
/// Everything happens on one thread, so that the n-th system call of a kind is the same one in every run. Exit status:
/// 0 done, 70 stopped for a storage fault, 71 not opened, 72 read-only.
@main
enum StorageFaultProbe {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let first = Int(arguments[3]), let count = Int(arguments[4]) else {
      return end(64, "usage: StorageFaultProbe append|hold DIRECTORY FIRST COUNT")
    }
    do {
      let signers = try signers()
      let keys = try LogKeys(origin: origin, keys: signers.map(\.verifierKey))
      let store = try LogStore(path: arguments[2], origin: origin)
      guard case .ready(let writer) = try store.start(trust: .init(log: keys, witnesses: [])) else {
        return end(72, "the log is read-only")
      }
      if arguments[1] == "hold" {
        say("holding")
        _ = readLine()
      } else {
        try append(first..<first + count, to: writer, signers: signers)
      }
    } catch {
      end(71, "\(error)")
    }
  }

  static let origin = "storage.example/log"

  /// The keys of the tests' own log.
  static func signers() throws -> [NoteSigner] {
    [
      try NoteSigner(name: origin, ed25519: Ed25519.PrivateKey(seed: [UInt8](repeating: 1, count: 32))),
      try NoteSigner(name: origin, es256: P256.PrivateKey(rawScalar: [UInt8](repeating: 2, count: 32))),
    ]
  }

  static func append(_ numbers: Range<Int>, to writer: LogWriter, signers: [NoteSigner]) throws {
    var configuration = GroupCommitLog<Int, Int, Int>.Configuration()
    // Moves the write-ahead log into the database after the batch, so that those calls are hit as well.
    configuration.walFrames = 0
    let log = try GroupCommitLog<Int, Int, Int>(
      unstarted: writer, state: 0, configuration: configuration,
      sign: { try SignedCheckpoint($0, signers: signers) },
      decide: { _, number, _ in
        AppendPlan(entries: [try EntryDraft(Array("entry \(number)".utf8))], response: number)
      })
    for number in numbers {
      log.submit(number) { result in
        // What a caller would have seen. Written at once: the process may not live to flush a buffer.
        guard let receipt = try? result.get(), let entry = receipt.entries.first, let signed = receipt.checkpoint else {
          return
        }
        say("receipt \(entry.index) \(entry.leafHash) \(signed.checkpoint.size) \(signed.checkpoint.root)")
      }
    }
    _ = log.drain(waiting: false)
    log.closeUnstarted()
    say("done")
  }

  static func say(_ line: String) { put(line, to: STDOUT_FILENO) }

  static func end(_ status: Int32, _ reason: String) {
    put(reason, to: STDERR_FILENO)
    exit(status)
  }

  private static func put(_ line: String, to descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }
}
