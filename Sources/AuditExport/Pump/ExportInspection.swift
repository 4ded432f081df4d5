/// What is wrong with exports while nobody runs them: reads only, connects nowhere.
public enum ExportInspection {
  /// A sentence for each fault: a secret that cannot be read, a place reached that does not fit the log, an export that is
  /// further behind than its alarm permits.
  ///
  /// - Parameter directory: of the cursors.
  public static func faults(
    _ configuration: ExportConfiguration, source: any EntrySource, box: String, directory: String
  ) throws -> [String] {
    var faults: [String] = []
    do {
      _ = try configuration.makeExports { 0 }
    } catch {
      faults.append("\(error)")
    }
    let size = try source.size()
    for export in configuration.exports {
      do {
        let cursor = try ExportCursor.load("\(directory)/\(export.name).cursor", box: box) ?? .start
        try cursor.check(against: source)
        let behind = size - min(cursor.next, size)
        if behind > export.alarm.entries {
          faults.append(
            "export \(export.name) is \(behind) entries behind, at most \(export.alarm.entries) are expected")
        }
      } catch {
        faults.append("export \(export.name): \(error)")
      }
    }
    return faults
  }
}
