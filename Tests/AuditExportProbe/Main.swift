import AuditExport
import CanonicalJSON
import Glibc
import Governance
import Storage

/// Exports a log that it makes up, the same one every time: the process that the crash tests kill.
///
/// Arguments: number of entries, directory of the cursors. Standard input: the configuration of the exports. It prints `done`
/// and ends when all of them have everything.
@main
enum AuditExportProbe {
  static func main() async {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, let count = UInt64(arguments[1]), let text = readLine() else { return end(64) }
    do {
      let json = try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: 1 << 20))
      let exports = try ExportConfiguration(json: json).makeExports { 1_790_000_000_000 }
      let pace = ExportPace(interval: .milliseconds(1), firstPause: .milliseconds(1), longestPause: .milliseconds(20))
      let pump = ExportPump(
        box: "probe", source: MadeUpLog(count: count), exports: exports, directory: arguments[2], pace: pace,
        clock: { 0 }, alarm: { _ in })
      try await pump.start()
      while await pump.status().contains(where: { $0.acknowledged < count }) {
        try await Task.sleep(for: .milliseconds(1))
      }
      await pump.stop()
      print("done")
      end(0)
    } catch {
      print("\(error)")
      end(70)
    }
  }

  private static func end(_ status: Int32) { exit(status) }
}

/// Entries that follow from their index.
private struct MadeUpLog: EntrySource {
  var count: UInt64

  func size() -> UInt64 { count }

  func entries(in range: Range<UInt64>) throws -> [StoredEntry] {
    try range.clamped(to: 0..<count).map { index in
      let entry = try Entry(at: Int64(index), kind: .runCalled, body: ["call": .integer(Int64(index))])
      return StoredEntry(index: index, bytes: entry.bytes)
    }
  }

  func checkpoint(covering index: UInt64) -> [UInt8]? { Array("checkpoint".utf8) }
}
