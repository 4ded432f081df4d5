import CanonicalJSON
import Cryptography

/// The argument of `LLM.chat`, the same for every shape of model.
struct ChatRequest: Sendable {
  enum Role: String, Sendable, CaseIterable {
    case user, assistant
    /// What a tool that the model called came to.
    case tool
  }

  enum Part: Sendable {
    case text(String)
    /// Base64.
    case image(mimeType: String, data: String)
  }

  struct ToolCall: Sendable {
    var id: String
    var name: String
    var arguments: JSON
  }

  struct Message: Sendable {
    var role: Role
    var parts: [Part] = []
    /// Of an assistant.
    var toolCalls: [ToolCall] = []
    /// Of a tool: the call that it answers.
    var answers: String?
    var isError = false
  }

  struct Tool: Sendable {
    var name: String
    var description: String?
    /// JSON Schema.
    var parameters: JSON
  }

  enum ToolChoice: Sendable {
    case auto, none, required
    case tool(String)
  }

  static let maxMessages = 1000
  static let maxParts = 256
  static let maxTools = 128
  static let maxStops = 4
  static let maxOutput: ClosedRange<Int64> = 1...1_000_000
  static let standardOutput: Int64 = 4096
  static let mimeTypes: Set<String> = ["image/gif", "image/jpeg", "image/png", "image/webp"]

  var model: String
  var system: [String] = []
  var messages: [Message] = []
  var maxTokens: Int64
  var temperature: Double?
  var stop: [String] = []
  var tools: [Tool] = []
  var toolChoice: ToolChoice?
  /// `metadata.user`, which vendors take for an opaque name of the end user.
  var user: String?
  var isStreamed: Bool
  var breakpoints: [CacheBreakpoint] = []
  /// Seconds.
  var timeout: Int64

  init(_ reader: inout ObjectReader) throws(FieldError) {
    model = try reader.modelName()
    if let value = reader.optionalJSON("system") {
      for part in try Self.parts(value, path: reader.pathOf("system")) {
        guard case .text(let text) = part else {
          throw FieldError(field: reader.pathOf("system"), expected: "text only", actual: "an image")
        }
        system.append(text)
      }
    }
    for (index, value) in try reader.array("messages", maxCount: Self.maxMessages).enumerated() {
      messages.append(try Self.message(value, path: "\(reader.pathOf("messages"))[\(index)]"))
    }
    guard !messages.isEmpty else {
      throw FieldError(field: reader.pathOf("messages"), expected: "at least one", actual: "none")
    }
    maxTokens = try reader.optionalInteger("maxTokens", in: Self.maxOutput) ?? Self.standardOutput
    temperature = try reader.optionalNumber("temperature", in: 0...2)
    stop = try Self.texts(reader.optionalJSON("stop"), path: reader.pathOf("stop"), maxCount: Self.maxStops)
    for (index, value) in (try reader.optionalArray("tools", maxCount: Self.maxTools) ?? []).enumerated() {
      tools.append(try Self.tool(value, path: "\(reader.pathOf("tools"))[\(index)]"))
    }
    toolChoice = try Self.choice(reader.optionalJSON("toolChoice"), among: tools, path: reader.pathOf("toolChoice"))
    if let metadata = reader.optionalJSON("metadata") {
      guard let object = metadata.object, object.count <= 16,
        object.allSatisfy({ ($0.value.string?.utf8.count ?? .max) <= 512 })
      else {
        throw FieldError(
          field: reader.pathOf("metadata"), expected: "an object of at most 16 strings of at most 512 bytes",
          actual: metadata.summary)
      }
      user = object["user"]?.string
    }
    isStreamed = try reader.optionalBool("stream", default: false)
    timeout = try reader.optionalInteger("timeout", in: LLMCall.timeouts) ?? 300
    breakpoints = try CacheBreakpoint.list(
      reader.optionalJSON("cache"), of: self, path: reader.pathOf("cache"))
  }

  private static func message(_ json: JSON, path: String) throws(FieldError) -> Message {
    var reader = try ObjectReader(json, path: path)
    let name = try reader.string("role", maxBytes: 16)
    guard let role = Role(rawValue: name) else {
      throw FieldError(
        field: reader.pathOf("role"),
        expected: "one of \(Role.allCases.map(\.rawValue)); what is for the system goes into arguments.system",
        actual: JSON.string(name).summary)
    }
    var message = Message(role: role)
    if let content = reader.optionalJSON("content"), !content.isNull {
      message.parts = try parts(content, path: reader.pathOf("content"))
    }
    if role == .assistant {
      for (index, value) in (try reader.optionalArray("toolCalls", maxCount: maxTools) ?? []).enumerated() {
        message.toolCalls.append(try toolCall(value, path: "\(reader.pathOf("toolCalls"))[\(index)]"))
      }
    }
    if role == .tool {
      message.answers = try reader.string("id", maxBytes: 256)
      message.isError = try reader.optionalBool("isError", default: false)
    }
    try reader.finish()
    guard !message.parts.isEmpty || !message.toolCalls.isEmpty else {
      throw FieldError(field: "\(path).content", expected: "text or parts", actual: "nothing")
    }
    return message
  }

  private static func parts(_ json: JSON, path: String) throws(FieldError) -> [Part] {
    if let text = json.string { return [.text(text)] }
    guard let elements = json.array, elements.count <= maxParts else {
      throw FieldError(field: path, expected: "a string or an array of at most \(maxParts)", actual: json.summary)
    }
    var parts: [Part] = []
    for (index, element) in elements.enumerated() {
      var reader = try ObjectReader(element, path: "\(path)[\(index)]")
      switch try reader.string("type", maxBytes: 16) {
      case "text": parts.append(.text(try reader.string("text", maxBytes: HostValue.maxBytes)))
      case "image":
        let mimeType = try reader.string("mimeType", maxBytes: 32)
        guard mimeTypes.contains(mimeType) else {
          throw FieldError(
            field: reader.pathOf("mimeType"), expected: "one of \(mimeTypes.sorted())",
            actual: JSON.string(mimeType).summary)
        }
        let data = try reader.string("base64", maxBytes: HostValue.maxBytes)
        guard Base64.decode(data) != nil else {
          throw FieldError(field: reader.pathOf("base64"), expected: "canonical base64", actual: "another text")
        }
        parts.append(.image(mimeType: mimeType, data: data))
      case let other:
        throw FieldError(
          field: reader.pathOf("type"), expected: "text or image", actual: JSON.string(other).summary)
      }
      try reader.finish()
    }
    return parts
  }

  private static func toolCall(_ json: JSON, path: String) throws(FieldError) -> ToolCall {
    var reader = try ObjectReader(json, path: path)
    let call = ToolCall(
      id: try reader.string("id", maxBytes: 256), name: try reader.string("name", maxBytes: 128),
      arguments: try reader.json("arguments"))
    try reader.finish()
    return call
  }

  private static func tool(_ json: JSON, path: String) throws(FieldError) -> Tool {
    var reader = try ObjectReader(json, path: path)
    let tool = Tool(
      name: try reader.string("name", maxBytes: 128),
      description: try reader.optionalString("description", maxBytes: 65_536),
      parameters: try reader.json("parameters"))
    guard tool.parameters.object != nil else {
      throw FieldError(
        field: reader.pathOf("parameters"), expected: "a JSON Schema object", actual: tool.parameters.summary)
    }
    try reader.finish()
    return tool
  }

  private static func choice(_ json: JSON?, among tools: [Tool], path: String) throws(FieldError) -> ToolChoice? {
    switch json {
    case nil: return nil
    case .string("auto"): return .auto
    case .string("none"): return ToolChoice.none
    case .string("required"): return .required
    default:
      guard let name = json?["name"]?.string, json?.object?.count == 1, tools.contains(where: { $0.name == name })
      else {
        throw FieldError(
          field: path, expected: "auto, none, required or {\"name\": one of the tools}", actual: json?.summary ?? "")
      }
      return .tool(name)
    }
  }

  static func texts(_ json: JSON?, path: String, maxCount: Int) throws(FieldError) -> [String] {
    guard let json else { return [] }
    let texts = json.string.map { [$0] } ?? json.array?.compactMap(\.string) ?? []
    guard (1...maxCount).contains(texts.count), json.array.map({ $0.count == texts.count }) ?? true else {
      throw FieldError(field: path, expected: "a string or 1-\(maxCount) strings", actual: json.summary)
    }
    return texts
  }
}

extension ObjectReader {
  /// The model's name: visible ASCII.
  mutating func modelName() throws(FieldError) -> String {
    let name = try string("model", maxBytes: 128)
    guard !name.isEmpty, name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw FieldError(
        field: pathOf("model"), expected: "1-128 visible ASCII characters", actual: JSON.string(name).summary)
    }
    return name
  }
}
