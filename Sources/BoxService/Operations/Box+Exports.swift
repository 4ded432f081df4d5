import AuditExport
import CanonicalJSON
import Storage

extension Box {
  /// The pump of the configured exports, or nil for none. Throws where a secret's file cannot be read: that is found out at
  /// the start, not when the first entry should go.
  static func exportPump(
    _ configuration: ExportConfiguration, origin: String, reader: LogReader, directory: DataDirectory,
    environment: Environment
  ) throws -> ExportPump? {
    guard !configuration.exports.isEmpty else { return nil }
    return ExportPump(
      box: origin, source: LogEntrySource(reader), exports: try configuration.makeExports(clock: environment.clock),
      directory: directory.exportsPath, clock: environment.clock, alarm: { environment.report("\($0)") })
  }

  /// How the exports stand, in the order of the configuration.
  func exportStatus() async -> [ExportStatus] { await exports?.status() ?? [] }
}

extension DoctorInspection {
  /// Looks at the exports without sending anything: their secrets, the places reached, and how far behind they are.
  public static func exports(_ directory: DataDirectory) throws {
    let configuration = try directory.configuration().exports
    let reader = try LogReader(path: directory.logPath)
    let faults = try ExportInspection.faults(
      configuration, source: LogEntrySource(reader), box: try reader.origin(), directory: directory.exportsPath)
    guard faults.isEmpty else { throw Fault(description: faults.joined(separator: "; ")) }
  }
}
