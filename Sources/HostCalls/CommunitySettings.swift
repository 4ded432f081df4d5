import CanonicalJSON
import Governance

/// How a community's calls reach the world: the `settings` of a `community.set` action, decided by the owners like any
/// other (docs/formats.md section 13). Every member is optional; a call that needs one which is not there is refused.
public struct CommunitySettings: Sendable, Hashable {
  /// Where `LLM.*` goes, by model name; the first that matches.
  public var models: [ModelRoute] = []
  /// Where `Diffusion.*` goes, by model name.
  public var images: [ImageRoute] = []
  public var mail: MailRoute?
  public var sms: SMSRoute?
  public var push: PushRoute?
  public var telegram: [TelegramRoute] = []
  public var chains: [ChainRoute] = []
  /// What all tools of the community may spend together.
  public var budgets: [ToolManifest.Budget] = []
  /// Private addresses that calls may reach, as `127.0.0.1:8080`; the public Internet needs none.
  public var egress: [String] = []

  /// Elements of each list.
  public static let maxElements = 64

  public init() {}

  public init(json: JSON, path: String = "settings") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    models = try Self.list("models", of: &reader) { (json, path) throws(FieldError) in
      try ModelRoute(json: json, path: path)
    }
    images = try Self.list("images", of: &reader) { (json, path) throws(FieldError) in
      try ImageRoute(json: json, path: path)
    }
    if let value = reader.optionalJSON("mail") { mail = try MailRoute(json: value, path: reader.pathOf("mail")) }
    if let value = reader.optionalJSON("sms") { sms = try SMSRoute(json: value, path: reader.pathOf("sms")) }
    if let value = reader.optionalJSON("push") { push = try PushRoute(json: value, path: reader.pathOf("push")) }
    telegram = try Self.list("telegram", of: &reader) { (json, path) throws(FieldError) in
      try TelegramRoute(json: json, path: path)
    }
    chains = try Self.list("chains", of: &reader) { (json, path) throws(FieldError) in
      try ChainRoute(json: json, path: path)
    }
    budgets = try Self.list("budgets", of: &reader) { (json, path) throws(FieldError) in
      try ToolManifest.Budget(json: json, path: path)
    }
    egress = try Self.list("egress", of: &reader) { (json, path) throws(FieldError) in
      guard let text = json.string, text.utf8.count <= 64 else {
        throw FieldError(field: path, expected: "ADDRESS:PORT", actual: json.summary)
      }
      return text
    }
    try reader.finish()
  }

  private static func list<Element>(
    _ name: String, of reader: inout ObjectReader, _ read: (JSON, String) throws(FieldError) -> Element
  ) throws(FieldError) -> [Element] {
    var elements: [Element] = []
    for (index, value) in (try reader.optionalArray(name, maxCount: maxElements) ?? []).enumerated() {
      elements.append(try read(value, "\(reader.pathOf(name))[\(index)]"))
    }
    return elements
  }
}
