import AuditExport
import CanonicalJSON
import HTTPServer

/// Where the log goes beside, and how far it has come there.
struct ExportRoutes: Sendable {
  let box: Box

  var endpoints: [Endpoint] {
    let export = APISchemas.object(
      [
        "name": APISchemas.text, "destination": APISchemas.text,
        "phase": ["type": "string", "enum": ["idle", "delivering", "waiting", "stopped"]],
        "acknowledged": APISchemas.integer, "entriesBehind": APISchemas.integer,
        "millisecondsBehind": APISchemas.integer, "alarm": ["type": "boolean"], "faults": APISchemas.integer,
      ], optional: ["fault": APISchemas.text])
    return [
      Endpoint(
        method: "GET", path: "/v1/exports", operation: "listExports",
        summary: "The exports of the log: place reached, lag, alarm and last fault", access: .scope(.read),
        answers: [
          .init(
            status: 200, description: "Exports in the order of the configuration",
            schema: APISchemas.object(["exports": APISchemas.list(of: export)]))
        ],
        handler: { _ in .json(["exports": .array(await box.exportStatus().map(\.json))]) })
    ]
  }
}
