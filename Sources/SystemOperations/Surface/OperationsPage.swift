import CanonicalJSON

/// The whole privileged surface on one page.
public enum OperationsPage {
  /// For people: at most 60 lines of 120 columns. Places are below the root directory.
  public static func text(root: String) -> String {
    var text = """
      safebox-system does these things as root, and no others. Each needs a decision of its own that it
      finds in the log and verifies itself, unless it says what else it rests on.
      Relative paths lie below \(root).

      """
    for operation in Operation.allCases {
      let surface = operation.surface
      var touches = ["writes \(surface.writes.map(\.rawValue).joined(separator: " "))"]
      if !surface.reads.isEmpty { touches.append("reads \(surface.reads.map(\.rawValue).joined(separator: " "))") }
      var facts: [String] = []
      if surface.authority == .standing { facts.append("rests on the decision that started it") }
      if let attachment = surface.attachment { facts.append("document: \(attachment)") }
      if !surface.programs.isEmpty { facts.append("runs \(surface.programs.map(\.rawValue).joined(separator: " "))") }
      facts.append(surface.network ? "network" : "no network")
      facts.append(surface.snapshot == .none ? "no snapshot" : "snapshot of \(surface.snapshot.rawValue) before")
      facts.append("\(surface.seconds) s")
      text += """

        \(operation.rawValue)(\(surface.parameters.joined(separator: ", ")))
            \(surface.summary)
            \(touches.joined(separator: "; "))
            \(facts.joined(separator: "; "))

        """
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
