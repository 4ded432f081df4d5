import CanonicalJSON

/// The whole privileged surface on one page.
public enum OperationsPage {
  /// For people, at most 100 columns wide.
  public static func text(root: String) -> String {
    var text =
      "safebox-system does these things and no others. Each but runner.restart needs a decision of its own in the\n"
    text += "log, which it verifies itself. Root directory: \(root)\n"
    for operation in Operation.allCases {
      let surface = operation.surface
      text += "\n\(operation.rawValue)(\(surface.parameters.joined(separator: ", ")))\n"
      text += "    \(surface.summary)\n"
      func line(_ name: String, _ values: [String]) {
        guard !values.isEmpty else { return }
        let label = name + String(repeating: " ", count: 10 - name.utf8.count)
        text += "    \(label)\(values.joined(separator: " "))\n"
      }
      if surface.authority == .standing { line("rests on", ["the decision that started the runner"]) }
      if let attachment = surface.attachment { line("document", [attachment]) }
      line("reads", surface.reads.map { $0.path(below: root) })
      line("writes", surface.writes.map { $0.path(below: root) })
      line("programs", surface.programs.map(\.rawValue))
      line("network", [surface.network ? "yes" : "no"])
      line("snapshot", [surface.snapshot == .none ? "no" : "\(surface.snapshot.rawValue), before"])
      line("time", ["\(surface.seconds) s"])
    }
    return text
  }

  /// The same for programs.
  public static let json: JSON = [
    "operations": .array(
      Operation.allCases.map { operation in
        let surface = operation.surface
        func strings(_ values: [String]) -> JSON { .array(values.map(JSON.string)) }
        return [
          "name": .string(operation.rawValue), "summary": .string(surface.summary),
          "authority": .string(surface.authority.rawValue), "parameters": strings(surface.parameters),
          "attachment": surface.attachment.map(JSON.string) ?? .null, "reads": strings(surface.reads.map(\.rawValue)),
          "writes": strings(surface.writes.map(\.rawValue)), "programs": strings(surface.programs.map(\.rawValue)),
          "capabilities": strings(surface.capabilities.map(\.rawValue)), "network": .bool(surface.network),
          "snapshot": .string(surface.snapshot.rawValue), "seconds": .integer(Int64(surface.seconds)),
        ]
      })
  ]
}
