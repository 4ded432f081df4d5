import CanonicalJSON

/// The result of `tools/call` for a run as it stands.
enum CallResult {
  /// Canonical bytes of a run's result that is passed on. It goes out twice, as text and as structure, and clients take
  /// events of one mebibyte.
  static let maxBytes = 256 << 10
  static let maxMessage = 4096

  static let runKey = "safebox/run"
  static let executionKey = "safebox/execution"

  static func of(_ view: RunView, urls: ApprovalURLs, note: String? = nil) -> JSONObject {
    switch view.status {
    case .finished: finished(view)
    case .failed, .cancelled, .stuck: failed(view)
    case .running, .waiting: unfinished(view, urls: urls, note: note)
    }
  }

  /// An error of the call that is no error of the protocol: the model reads it and can do something about it.
  static func error(kind: String, message: String, run: String? = nil) -> JSONObject {
    let kind = DisplayText.plain(kind, limit: 64)
    let message = DisplayText.plain(message, limit: maxMessage)
    var structure: JSONObject = [
      "status": "failed", "failure": ["kind": .string(kind), "message": .string(message)],
    ]
    if let run { structure["run"] = .string(run) }
    return result(text: "\(kind): \(message)", structure, isError: true, meta: meta(run: run, execution: nil))
  }

  private static func finished(_ view: RunView) -> JSONObject {
    let meta = meta(run: view.run, execution: view.execution)
    guard let value = view.result else {
      return result(
        text: "The run has finished. Its result cannot be read: it has been erased, or the token may not read it.",
        ["status": "finished", "run": .string(view.run)], isError: false, meta: meta)
    }
    let text = value.canonicalString()
    guard text.utf8.count <= maxBytes else {
      return result(
        text:
          "The run has finished. Its result has \(text.utf8.count) bytes, more than the \(maxBytes) that are passed "
          + "on here; read it with: safebox run show \(view.run)",
        ["status": "finished", "run": .string(view.run), "bytes": .integer(Int64(text.utf8.count))], isError: false,
        meta: meta)
    }
    return result(text: text, value.object ?? ["result": value], isError: false, meta: meta)
  }

  private static func failed(_ view: RunView) -> JSONObject {
    var object = error(
      kind: view.failure?.kind ?? view.status.rawValue,
      message: view.failure?.message ?? "the run was \(view.status.rawValue)", run: view.run)
    object["_meta"] = .object(meta(run: view.run, execution: view.execution))
    if view.status != .failed, var structure = object["structuredContent"]?.object {
      structure["status"] = .string(view.status.rawValue)
      object["structuredContent"] = .object(structure)
    }
    return object
  }

  private static func unfinished(_ view: RunView, urls: ApprovalURLs, note: String?) -> JSONObject {
    let proposals: [JSON] = view.gates.map { gate in
      var object: JSONObject = [
        "digest": .string(gate.proposal), "method": .string(DisplayText.plain(gate.method, limit: 64)),
      ]
      if let url = urls.url(of: gate) { object["url"] = .string(url) }
      return .object(object)
    }
    let status = proposals.isEmpty ? "running" : "pending"
    var lines: [String] = note.map { [$0] } ?? []
    if proposals.isEmpty {
      lines.append("The run \(view.run) is still under way.")
    } else {
      lines.append("The run \(view.run) waits for a decision. Nothing of this has happened yet:")
      for proposal in proposals {
        let place = proposal["url"]?.string ?? "safebox show \(proposal["digest"]?.string ?? "")"
        lines.append("- \(proposal["method"]?.string ?? ""), proposal \(proposal["digest"]?.string ?? ""): \(place)")
      }
    }
    lines.append("Do not call the tool again: call \(GenericTool.result.name) with this run to get its result.")
    return result(
      text: lines.joined(separator: "\n"),
      ["status": .string(status), "run": .string(view.run), "proposals": .array(proposals)], isError: false,
      meta: meta(run: view.run, execution: nil))
  }

  private static func meta(run: String?, execution: String?) -> JSONObject {
    var meta = JSONObject()
    if let run { meta[runKey] = .string(run) }
    if let execution { meta[executionKey] = .string(execution) }
    return meta
  }

  private static func result(text: String, _ structure: JSONObject, isError: Bool, meta: JSONObject) -> JSONObject {
    var object: JSONObject = [
      "content": [["type": "text", "text": .string(text)]], "structuredContent": .object(structure),
      "isError": .bool(isError),
    ]
    if !meta.isEmpty { object["_meta"] = .object(meta) }
    return object
  }
}

/// Where people decide about a proposal.
public struct ApprovalURLs: Sendable {
  /// With `{proposal}` for the digest; nil for what the box says, or else its own API.
  private let template: String?
  private let box: String?

  public init(template: String?, box: String?) {
    self.template = template
    self.box = box
  }

  /// An `http` or `https` URL, as a client can show it; nil where there is none.
  func url(of gate: RunView.Gate) -> String? {
    if let template { return template.replacing("{proposal}", with: gate.proposal) }
    var url = gate.url ?? "/v1/proposals/\(gate.proposal)"
    if url.hasPrefix("/"), let box { url = box + url }
    guard url.hasPrefix("https://") || url.hasPrefix("http://") else { return nil }
    // What is no plain URL is not shown as one.
    return url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) && url.utf8.count <= 2048 ? url : nil
  }

  /// Whether the text is a template: an http(s) URL that names the place of the digest.
  public static func isTemplate(_ text: String) -> Bool {
    (text.hasPrefix("https://") || text.hasPrefix("http://")) && text.contains("{proposal}")
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } && text.utf8.count <= 1024
  }
}
