import CanonicalJSON

public struct MailRoute: Sendable, Hashable {
  public let json: JSON

  public init(json: JSON, path: String) throws(FieldError) {
    let reader = try ObjectReader(json, path: path)
    try reader.finish()
    self.json = json
  }
}
