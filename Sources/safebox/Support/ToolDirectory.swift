import CanonicalJSON
import Cryptography
import Governance
import JavaScript
import Terminal

/// A tool as its author has it: a directory with `tool.js` and `manifest.json`, whose `source` is filled in.
struct ToolDirectory {
  let path: String
  let source: [UInt8]
  let manifest: ToolManifest

  static let argument = Argument.positional("dir", "a directory with tool.js and manifest.json", values: .directory)

  init(_ arguments: ParsedArguments) throws {
    try self.init(path: try arguments.required("dir"))
  }

  init(path: String) throws {
    let directory = path.hasSuffix("/") && path != "/" ? String(path.dropLast()) : path
    self.path = directory
    source = try Files.read("\(directory)/tool.js", limit: MachineLimits.maxValueBytes)
    let file = "\(directory)/manifest.json"
    guard var object = try Files.json(file).object else { throw CommandError("\(file) is no JSON object") }
    let digest = SHA256.hash(source).hex
    if let named = object["source"]?.string, named != digest {
      throw CommandError(
        "\(file) names the source \(named), and tool.js is \(digest)", hints: ["leave \"source\" out: it is filled in"])
    }
    object["source"] = .string(digest)
    do {
      manifest = try ToolManifest(json: .object(object), path: "manifest")
    } catch {
      throw CommandError("\(file): \(error)")
    }
  }

  /// What the tool may do, one line for each grant.
  static func permissions(_ manifest: ToolManifest) -> [String] {
    guard !manifest.uses.isEmpty else { return ["nothing: it computes, and looks at nothing but its input"] }
    return manifest.uses.map { grant in
      let dimensions = grant.allows.sorted { $0.key < $1.key }.map { name, patterns in
        "\(name) \(patterns.map(\.text).joined(separator: ", "))"
      }
      return ([grant.method] + dimensions).joined(separator: "; ")
    }
  }
}
