import CanonicalJSON

/// The messages of OpenAI's chat, which runners take as they are: checked for what a runner must not be made to do.
enum ChatMessages {
  private static let roles: Set<String> = ["system", "developer", "user", "assistant", "tool"]

  /// Refuses a message of another shape, and above all one that makes a runner open something: pictures come as `data:`
  /// addresses only, because a runner has no network and its files are nobody's business.
  static func check(_ message: JSON, path: String) throws {
    guard message.object != nil else {
      throw FieldError(field: path, expected: "an object", actual: message.summary)
    }
    guard let role = message["role"]?.string, roles.contains(role) else {
      throw FieldError(
        field: "\(path).role", expected: "one of \(roles.sorted().joined(separator: ", "))",
        actual: message["role"]?.summary ?? "nothing")
    }
    switch message["content"] {
    case .string, .null, nil: break
    case .array(let parts):
      guard parts.count <= 256 else {
        throw FieldError(field: "\(path).content", expected: "at most 256 parts", actual: "\(parts.count)")
      }
      for (index, part) in parts.enumerated() { try check(part: part, path: "\(path).content[\(index)]") }
    case let other?:
      throw FieldError(field: "\(path).content", expected: "a string or an array", actual: other.summary)
    }
  }

  private static func check(part: JSON, path: String) throws {
    switch part["type"]?.string {
    case "text":
      guard part["text"]?.string != nil else {
        throw FieldError(field: "\(path).text", expected: "a string", actual: part["text"]?.summary ?? "nothing")
      }
    case "refusal": break
    case "image_url":
      let url = part["image_url"]?["url"]?.string ?? part["image_url"]?.string
      guard let url, url.hasPrefix("data:image/") else {
        throw InferenceFault.unsupported(
          member: "\(path).image_url", why: "a model has no network; send the picture as data:image/...;base64,...")
      }
    case "input_audio":
      guard part["input_audio"]?["data"]?.string != nil else {
        throw FieldError(field: "\(path).input_audio.data", expected: "base64", actual: "something else")
      }
    default:
      throw FieldError(
        field: "\(path).type", expected: "text, refusal, image_url or input_audio",
        actual: part["type"]?.summary ?? "nothing")
    }
  }
}
