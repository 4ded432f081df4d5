import HTTPServer
import Storage

extension Box {
  /// Every operation of the API in this mode.
  var endpoints: [Endpoint] {
    var endpoints = LogRoutes(reader: reader, blocking: blocking, events: events).endpoints
    endpoints += StatusRoutes(box: self).endpoints + ExportRoutes(box: self).endpoints
    let core: @Sendable () throws -> BoxCore = { [self] in
      if case .readOnly(let reason) = mode { throw Self.readOnly(reason) }
      guard let core = self.core else { throw Self.readOnly("the log is not open for writing") }
      return core
    }
    endpoints += ProposalRoutes(core: core).endpoints + GovernanceRoutes(core: core).endpoints
    let runs: @Sendable () throws -> BoxRuns = { [self] in
      _ = try core()
      guard let runs = self.runs else { throw Self.readOnly("the log is not open for writing") }
      return runs
    }
    endpoints += ToolRoutes(runs: runs).endpoints + RunRoutes(runs: runs).endpoints
    endpoints += RunReceiptRoutes(runs: runs, witnesses: witnesses).endpoints
    endpoints +=
      ManifestRoutes(manifests: { [self] in
        guard let blobs else { throw Self.readOnly("its data is not open") }
        return ContentStore(kind: .manifest, blobs: blobs, blocking: blocking)
      }).endpoints
    endpoints +=
      SystemRoutes(
        core: core,
        process: { [self] in
          _ = try core()
          guard let process else {
            throw Problem(status: 409, code: "no_system", detail: "this box has no privileged process")
              .with("next_steps", ["name its socket in box.json, see docs/operations.md"])
          }
          return process
        }
      ).endpoints
    endpoints +=
      AttestationRoutes(
        attestation: { [self] in
          guard let attestation else {
            if configuration.attestation != nil, case .readOnly(let reason) = mode { throw Self.readOnly(reason) }
            throw Problem(status: 404, code: "no_attestation", detail: "no machine vouches for this box")
              .with("next_steps", ["name one in box.json, see docs/attestation.md"])
          }
          return attestation
        }, core: core
      ).endpoints
    endpoints +=
      AppraisalRoutes(vault: { [self] in
        _ = try core()
        guard let broker else { throw Problem(status: 409, code: "no_broker", detail: "this box is no broker of keys") }
        return broker.vault
      }).endpoints
    endpoints += ReceiptRoutes(core: core, witnesses: witnesses).endpoints + SecretRoutes(core: core).endpoints
    return endpoints
  }

  /// What answers beside them.
  var describedEndpoints: [Endpoint] { inference?.descriptions ?? [] }

  /// What a box that only shows its log answers to everything else.
  static func readOnly(_ reason: String) -> Problem {
    Problem(status: 503, code: "read_only", detail: "the box serves its log and takes nothing: \(reason)")
      .with("next_steps", ["ask the operator", "read the log: /log/checkpoint, /v1/entries"])
  }
}
