import CanonicalJSON
import Governance
import HTTPClient

/// Where the calls of some image models go: an element of `settings.images`.
public struct ImageRoute: Sendable, Hashable {
  public enum Shape: String, Sendable, Hashable, CaseIterable {
    /// Stability's REST API, version 1: `POST {url}/v1/generation/{model}/text-to-image` with JSON. Version 2 beta takes
    /// multipart forms and knows aspect ratios only, no width, height or steps.
    case stability
    /// A runner of one's own in the shape of the AUTOMATIC1111 web UI: `POST {url}/sdapi/v1/txt2img`.
    case local
  }

  /// Matched against the model's name as the tool gives it; the first route that matches is taken.
  public let name: GrantPattern
  public let shape: Shape
  public let url: HTTPURL
  /// Path of a Unix socket; for `local` only.
  public let socket: String?
  public let secret: String?
  /// The name that the peer is asked for; the tool's where absent.
  public let model: String?
  /// Of one image, in millionths of a US dollar.
  public let price: Int64

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    name = try GrantPattern(json: try reader.json("name"), path: reader.pathOf("name"))
    shape = try reader.choice("shape", of: Shape.self)
    url = try reader.baseURL("url")
    socket = try reader.optionalSocket("socket")
    guard socket == nil || shape == .local else {
      throw FieldError(field: reader.pathOf("socket"), expected: "none but with the shape local", actual: "one")
    }
    secret = try reader.optionalSecretName("secret")
    model = try reader.optionalString("model", maxBytes: 128)
    price = try reader.optionalInteger("price", in: 0...1_000_000_000) ?? 0
    try reader.finish()
  }
}
