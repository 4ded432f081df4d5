import CanonicalJSON

/// One message of Anthropic's as messages of OpenAI's: results of tools are messages of their own there.
enum MessagesInput {
  /// Translates a message. The results of tools come first, because they answer the assistant's calls before it.
  static func messages(_ message: JSON, path: String) throws -> [JSON] {
    guard let role = message["role"]?.string, ["user", "assistant", "system"].contains(role),
      let content = message["content"]
    else {
      throw FieldError(field: path, expected: "a role (user or assistant) and content", actual: message.summary)
    }
    if content.string != nil { return [["role": .string(role), "content": content]] }
    guard let blocks = content.array, blocks.count <= 256 else {
      throw FieldError(
        field: "\(path).content", expected: "a string or at most 256 blocks", actual: content.summary)
    }
    var parts: [JSON] = []
    var calls: [JSON] = []
    var results: [JSON] = []
    for (index, block) in blocks.enumerated() {
      let place = "\(path).content[\(index)]"
      switch block["type"]?.string {
      case "text":
        guard let text = block["text"]?.string else {
          throw FieldError(field: "\(place).text", expected: "a string", actual: block.summary)
        }
        parts.append(["type": "text", "text": .string(text)])
      case "image": parts.append(try image(block, path: place))
      case "tool_use" where role == "assistant": calls.append(try call(block, path: place))
      case "tool_result" where role == "user": results.append(try result(block, path: place))
      // What another model thought cannot be checked here, and is not needed to go on.
      case "thinking" where role == "assistant", "redacted_thinking" where role == "assistant": break
      default:
        throw FieldError(
          field: "\(place).type",
          expected: role == "assistant" ? "text, tool_use or thinking" : "text, image or tool_result",
          actual: block["type"]?.summary ?? "nothing")
      }
    }
    var translated = results
    guard !parts.isEmpty || !calls.isEmpty else { return translated }
    var object: JSONObject = ["role": .string(role), "content": joined(parts)]
    if !calls.isEmpty { object["tool_calls"] = .array(calls) }
    translated.append(.object(object))
    return translated
  }

  /// Templates of small models take plain strings only, so what is only text becomes one.
  private static func joined(_ parts: [JSON]) -> JSON {
    guard !parts.isEmpty else { return .null }
    guard parts.allSatisfy({ $0["type"]?.string == "text" }) else { return .array(parts) }
    return .string(parts.compactMap { $0["text"]?.string }.joined(separator: "\n"))
  }

  private static func image(_ block: JSON, path: String) throws -> JSON {
    guard let source = block["source"], source["type"]?.string == "base64", let type = source["media_type"]?.string,
      type.hasPrefix("image/"), let data = source["data"]?.string
    else {
      throw InferenceFault.unsupported(
        member: "\(path).source", why: "a model has no network; send the picture as base64")
    }
    return ["type": "image_url", "image_url": ["url": .string("data:\(type);base64,\(data)")]]
  }

  private static func call(_ block: JSON, path: String) throws -> JSON {
    guard let id = block["id"]?.string, let name = block["name"]?.string, let input = block["input"],
      input.object != nil
    else { throw FieldError(field: path, expected: "id, name and input", actual: block.summary) }
    return [
      "id": .string(id), "type": "function",
      "function": ["name": .string(name), "arguments": .string(input.canonicalString())],
    ]
  }

  private static func result(_ block: JSON, path: String) throws -> JSON {
    guard let id = block["tool_use_id"]?.string else {
      throw FieldError(field: "\(path).tool_use_id", expected: "the id of a call", actual: block.summary)
    }
    var text = try block["content"].map { $0.isNull ? "" : try MessagesRequest.text($0, path: "\(path).content") } ?? ""
    if block["is_error"]?.bool == true { text = "Error: \(text)" }
    return ["role": "tool", "tool_call_id": .string(id), "content": .string(text)]
  }
}
