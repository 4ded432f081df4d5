import Models

/// What a container may use of the machine.
public struct ContainerLimits: Sendable, Hashable {
  /// Of all its processes together, page cache and files in memory included; no swap beside it.
  public var memoryBytes: Int64
  /// Whole processors' time.
  public var cpus: Int64
  /// Processes and threads.
  public var pids: Int64
  /// Open files of a process.
  public var openFiles: Int64 = 4096
  /// Greatest size of a file that it writes, in bytes.
  public var fileBytes: Int64 = 16 << 30

  public init(memoryBytes: Int64, cpus: Int64, pids: Int64) {
    self.memoryBytes = memoryBytes
    self.cpus = cpus
    self.pids = pids
  }

  /// What a manifest asks for; without a word, the weights twice and a gibibyte, two processors and 512 threads.
  public init(_ manifest: ModelManifest) {
    self.init(
      memoryBytes: manifest.resources?.memoryBytes ?? 2 * manifest.totalSizeBytes + (1 << 30),
      cpus: manifest.resources?.cpus ?? 2, pids: manifest.resources?.pids ?? 512)
  }
}
