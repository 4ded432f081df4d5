import CanonicalJSON

/// The input of a response - a string, or items - as the messages of a chat.
enum ResponsesInput {
  /// Translates it. Calls of tools that follow each other belong to one message of the assistant.
  static func messages(_ input: JSON, limits: InferenceLimits) throws -> [JSON] {
    if let text = input.string { return [["role": "user", "content": .string(text)]] }
    guard let items = input.array, !items.isEmpty, items.count <= limits.messages else {
      throw FieldError(
        field: "input", expected: "a string or 1-\(limits.messages) items", actual: input.summary)
    }
    var messages: [JSON] = []
    var calls: [JSON] = []
    func flush() {
      guard !calls.isEmpty else { return }
      messages.append(["role": "assistant", "content": .null, "tool_calls": .array(calls)])
      calls = []
    }
    for (index, item) in items.enumerated() {
      let path = "input[\(index)]"
      switch item["type"]?.string ?? "message" {
      case "message":
        flush()
        messages.append(try message(item, path: path))
      case "function_call":
        guard let name = item["name"]?.string, let id = item["call_id"]?.string,
          let arguments = item["arguments"]?.string
        else {
          throw FieldError(field: path, expected: "name, call_id and arguments", actual: item.summary)
        }
        calls.append([
          "id": .string(id), "type": "function",
          "function": ["name": .string(name), "arguments": .string(arguments)],
        ])
      case "function_call_output":
        flush()
        guard let id = item["call_id"]?.string, let output = item["output"] else {
          throw FieldError(field: path, expected: "call_id and output", actual: item.summary)
        }
        messages.append([
          "role": "tool", "tool_call_id": .string(id), "content": try content(output, path: "\(path).output"),
        ])
      // What a model thought before is the vendor's to keep; a runner renders its own.
      case "reasoning": break
      case "item_reference":
        throw InferenceFault.unsupported(member: path, why: "nothing is stored that could be referred to")
      case let other:
        throw FieldError(
          field: "\(path).type", expected: "message, function_call, function_call_output or reasoning",
          actual: JSON.string(other).summary)
      }
    }
    flush()
    return messages
  }

  private static func message(_ item: JSON, path: String) throws -> JSON {
    guard let role = item["role"]?.string, ["user", "assistant", "system", "developer"].contains(role),
      let value = item["content"]
    else {
      throw FieldError(field: path, expected: "a role and content", actual: item.summary)
    }
    let message: JSON = ["role": .string(role), "content": try content(value, path: "\(path).content")]
    try ChatMessages.check(message, path: path)
    return message
  }

  private static func content(_ value: JSON, path: String) throws -> JSON {
    if value.string != nil { return value }
    guard let parts = value.array, parts.count <= 256 else {
      throw FieldError(field: path, expected: "a string or at most 256 parts", actual: value.summary)
    }
    var translated: [JSON] = []
    for (index, part) in parts.enumerated() {
      switch part["type"]?.string {
      case "input_text", "output_text", "text":
        guard let text = part["text"]?.string else {
          throw FieldError(field: "\(path)[\(index)].text", expected: "a string", actual: part.summary)
        }
        translated.append(["type": "text", "text": .string(text)])
      case "refusal": translated.append(["type": "text", "text": part["refusal"] ?? ""])
      case "input_image":
        guard let url = part["image_url"]?.string, url.hasPrefix("data:image/") else {
          throw InferenceFault.unsupported(
            member: "\(path)[\(index)].image_url",
            why: "a model has no network and nothing is stored; send the picture as data:image/...;base64,...")
        }
        translated.append(["type": "image_url", "image_url": ["url": .string(url)]])
      default:
        throw FieldError(
          field: "\(path)[\(index)].type", expected: "input_text, output_text, refusal or input_image",
          actual: part["type"]?.summary ?? "nothing")
      }
    }
    // Templates of small models take plain strings only.
    if translated.allSatisfy({ $0["type"]?.string == "text" }) {
      return .string(translated.compactMap { $0["text"]?.string }.joined(separator: "\n"))
    }
    return .array(translated)
  }
}
