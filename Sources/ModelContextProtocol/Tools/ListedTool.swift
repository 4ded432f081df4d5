import CanonicalJSON

/// One tool of the box as an agent sees it. Whoever wrote the manifest chose its texts: they are shown on one line, cut, and
/// never mixed with what the box itself says.
struct ListedTool: Sendable {
  var name: String
  var version: String
  /// The manifest's digest: what a call starts, so that the call is of the version that was described.
  var digest: String
  var description: String
  var schema: JSONObject
  /// Whether the tool takes something else than an object, which then stands in the argument `input`.
  var wrapsInput: Bool
  /// The methods of `Protocol` that it may call.
  var methods: [String]

  static let maxDescription = 1024
  static let maxMethodsShown = 16

  /// Methods that change nothing. What is not among them counts as a change, also what a later box may have.
  static let observing: Set<String> = [
    "LLM.chat", "LLM.embed", "Diffusion.generate", "HTTP.get", "HTTP.head", "Telegram.get", "Web3.read", "Files.read",
    "Files.list", "Workflow.sleep",
  ]

  var changing: [String] { methods.filter { !Self.observing.contains($0) } }

  /// Reads one row of `GET /v1/tools`; nil where it is not a tool that can be called.
  init?(_ row: JSON) {
    guard row["retired"]?.bool == false, let manifest = row["manifest"]?.object,
      let name = manifest["name"]?.string, Self.isName(name), let version = manifest["version"]?.string,
      let digest = row["tool"]?.string, RunView.isID(digest)
    else { return nil }
    self.name = name
    self.version = version
    self.digest = digest
    description = manifest["description"]?.string ?? ""
    var seen: Set<String> = []
    methods = (manifest["uses"]?.array ?? []).compactMap { $0["method"]?.string }.filter { seen.insert($0).inserted }
    var schema = manifest["input"]?.object.map(InputSchema.shown) ?? [:]
    wrapsInput = schema["type"] != nil && schema["type"] != "object"
    if wrapsInput {
      schema = ["properties": ["input": .object(schema)], "required": ["input"]]
    }
    schema["type"] = "object"
    self.schema = schema
  }

  /// What the protocol takes as the name of a tool.
  private static func isName(_ name: String) -> Bool {
    (1...128).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "_-.".utf8.contains(byte)
      }
  }

  var json: JSON {
    let title = "\(name) \(DisplayText.plain(version, limit: 32))"
    return [
      "name": .string(name), "title": .string(title), "description": .string(text), "inputSchema": .object(schema),
      "annotations": [
        "title": .string(title), "readOnlyHint": .bool(changing.isEmpty),
        "destructiveHint": .bool(!changing.isEmpty), "idempotentHint": false,
        "openWorldHint": .bool(!methods.isEmpty),
      ],
    ]
  }

  /// The manifest's words, and on a line of their own what the box holds the tool to.
  private var text: String {
    let own = DisplayText.plain(description, limit: Self.maxDescription)
    return own.isEmpty ? rules : own + "\n" + rules
  }

  private var rules: String {
    func list(_ methods: [String]) -> String {
      let shown = methods.prefix(Self.maxMethodsShown).map { DisplayText.plain($0, limit: 64) }
      return shown.joined(separator: ", ") + (methods.count > shown.count ? ", ..." : "")
    }
    if methods.isEmpty { return "Safebox: computes only; reaches nothing outside." }
    if changing.isEmpty { return "Safebox: may observe by \(list(methods)); changes nothing." }
    return
      "Safebox: may call \(list(methods)). What it changes (\(list(changing))) waits for a decision under the box's "
      + "policies."
  }
}

/// A manifest's schema of the input, as it is passed on.
enum InputSchema {
  static let maxText = 1024

  /// Texts for people and models on one line and cut; without `x-mcp-header`, by which a manifest could make agents send
  /// arguments as HTTP headers.
  static func shown(_ schema: JSONObject) -> JSONObject {
    var shown = JSONObject()
    for (name, value) in schema {
      switch (name, value) {
      case ("x-mcp-header", .string): continue
      case ("description", .string(let text)), ("title", .string(let text)), ("$comment", .string(let text)):
        shown[name] = .string(DisplayText.plain(text, limit: maxText))
      default: shown[name] = self.shown(value)
      }
    }
    return shown
  }

  private static func shown(_ value: JSON) -> JSON {
    switch value {
    case .object(let object): .object(shown(object))
    case .array(let elements): .array(elements.map(shown))
    default: value
    }
  }
}

/// Which of two versions is the newer: by their numbers, part by part (1.10.0 is newer than 1.9.2), a release newer than
/// what leads to it (1.0.0-rc.1), then by bytes.
enum VersionOrder {
  static func precedes(_ left: String, _ right: String) -> Bool {
    let (one, other) = (split(left), split(right))
    if let order = compare(one.release, other.release) { return order }
    if one.suffix.isEmpty != other.suffix.isEmpty { return other.suffix.isEmpty }
    return compare(one.suffix, other.suffix) ?? Array(left.utf8).lexicographicallyPrecedes(Array(right.utf8))
  }

  private static func split(_ version: String) -> (release: [Substring], suffix: [Substring]) {
    let version = version.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)[0]
    let halves = version.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    return (halves[0].split(separator: "."), halves.count > 1 ? halves[1].split(separator: ".") : [])
  }

  private static func compare(_ left: [Substring], _ right: [Substring]) -> Bool? {
    for index in 0..<max(left.count, right.count) {
      guard index < left.count else { return true }
      guard index < right.count else { return false }
      switch (UInt64(left[index]), UInt64(right[index])) {
      case (.some(let one), .some(let other)): if one != other { return one < other }
      case (.some, nil): return true
      case (nil, .some): return false
      case (nil, nil):
        if left[index] != right[index] { return left[index].utf8.lexicographicallyPrecedes(right[index].utf8) }
      }
    }
    return nil
  }
}
