import AuditExport
import CanonicalJSON
import HTTPServer

/// `/healthz`, `/readyz` and `/metrics`, on a listener of their own that only this machine reaches.
struct AdminHandler: Sendable {
  let box: Box

  var router: Router {
    var router = Router()
    router.on("GET", "/healthz") { _ in .text("ok\n") }
    router.on("GET", "/readyz") { _ in
      switch box.mode {
      case .ready: return .json(["ready": true])
      case .readOnly(let reason):
        return Problem(status: 503, code: "read_only", detail: reason).response
      }
    }
    router.on("GET", "/metrics") { _ in
      let reader = box.reader
      let exports = await box.exportStatus()
      let size = (try? await box.blocking.run { try reader.size() }) ?? 0
      return .bytes(
        Array(
          box.metrics.page(gauges: [
            ("safebox_log_entries", "Entries in the log.", Double(size)),
            ("safebox_ready", "1 while proposals are taken.", { if case .ready = box.mode { 1 } else { 0 } }()),
            (
              "safebox_exports_alarmed", "Exports of the log behind their limits.",
              Double(exports.filter(\.isAlarmed).count)
            ),
            (
              "safebox_export_entries_behind", "Entries that the slowest export has not acknowledged.",
              Double(exports.map(\.entriesBehind).max() ?? 0)
            ),
            (
              "safebox_export_milliseconds_behind", "Age of the oldest entry not acknowledged by an export.",
              Double(exports.map(\.millisecondsBehind).max() ?? 0)
            ),
            ("safebox_resident_bytes", "Resident memory.", Double(CurrentProcess.residentBytes)),
          ]).utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }
    return router
  }
}
