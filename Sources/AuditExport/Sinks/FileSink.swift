import Synchronization

/// Appends lines to a file that grows to a limit and is then put aside. A batch counts when it has reached the disk.
///
/// A crash can leave a torn last line, which was not acknowledged: it is cut off when the file is opened again. So a
/// reader finds whole lines only, some of them perhaps twice.
public final class FileSink: ExportSink {
  /// What is written, and how much of it is kept.
  public struct Options: Sendable, Hashable {
    /// Absolute path. The directory must exist.
    public var path: String
    public var format: AuditFormat
    /// The file is put aside when it has this many bytes or more.
    public var rotateBytes: Int64
    /// How many files put aside are kept; nil for all. Older ones are removed.
    public var keep: Int?

    public init(path: String, format: AuditFormat = .jsonLines, rotateBytes: Int64 = 64 << 20, keep: Int? = nil) {
      self.path = path
      self.format = format
      self.rotateBytes = rotateBytes
      self.keep = keep
    }
  }

  public var destination: String { options.path }
  private let options: Options
  private let work: SerialWork
  private let file = Mutex<ExportFile?>(nil)

  public init(_ options: Options) {
    self.options = options
    work = SerialWork("file")
  }

  public func deliver(_ batch: ExportBatch) async throws(ExportFault) {
    try await work.run { [self] in
      var bytes: [UInt8] = []
      for event in batch.events { bytes += options.format.line(event) }
      return file.withLock { open in
        Result { () throws(ExportFault) in
          do throws(ExportFault) {
            try append(bytes, from: batch.first, to: &open)
          } catch {
            // After a failed write or sync nothing that this descriptor says can be trusted.
            open?.close()
            open = nil
            throw error
          }
        }
      }
    }
  }

  private func append(_ bytes: [UInt8], from first: UInt64, to open: inout ExportFile?) throws(ExportFault) {
    // Somebody's logrotate may have taken it away; what is at the path now is the file to write.
    if let file = open, try file.hasMoved() { forget(&open) }
    var file: ExportFile
    if let held = open { file = held } else { file = try ExportFile(opening: options.path) }
    open = file
    if file.size >= options.rotateBytes {
      try file.putAside(before: first, keep: options.keep)
      forget(&open)
      file = try ExportFile(opening: options.path)
      open = file
    }
    try file.append(bytes)
    open = file
  }

  private func forget(_ open: inout ExportFile?) {
    open?.close()
    open = nil
  }

  public func close() async {
    file.withLock { forget(&$0) }
  }

  deinit { file.withLock { $0?.close() } }
}
