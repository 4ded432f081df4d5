import CanonicalJSON
import Cryptography

/// The argument of `Diffusion.generate`.
struct ImageRequest: Sendable {
  static let maxPromptBytes = 10_000
  static let size: ClosedRange<Int64> = 64...4096
  static let stepRange: ClosedRange<Int64> = 1...200
  static let scale: ClosedRange<Double> = 0...35
  static let seeds: ClosedRange<Int64> = 0...4_294_967_295

  var model: String
  var prompt: String
  var negativePrompt: String?
  /// Pixels.
  var width: Int64
  var height: Int64
  var steps: Int64
  var cfgScale: Double
  var seed: Int64?
  /// Seconds.
  var timeout: Int64

  init(_ reader: inout ObjectReader) throws(FieldError) {
    model = try reader.modelName()
    prompt = try reader.string("prompt", maxBytes: Self.maxPromptBytes)
    negativePrompt = try reader.optionalString("negativePrompt", maxBytes: Self.maxPromptBytes)
    width = try reader.optionalInteger("width", in: Self.size) ?? 1024
    height = try reader.optionalInteger("height", in: Self.size) ?? 1024
    steps = try reader.optionalInteger("steps", in: Self.stepRange) ?? 30
    cfgScale = try reader.optionalNumber("cfgScale", in: Self.scale) ?? 7
    seed = try reader.optionalInteger("seed", in: Self.seeds)
    timeout = try reader.optionalInteger("timeout", in: LLMCall.timeouts) ?? 120
  }

  static let schema = ArgumentSchema.object([
    .required("model", ArgumentSchema.string(maxBytes: 128), "its name, which chooses the route"),
    .required("prompt", ArgumentSchema.string(maxBytes: maxPromptBytes), "what to show"),
    .optional("negativePrompt", ArgumentSchema.string(maxBytes: maxPromptBytes), "what not to show"),
    .optional("width", ArgumentSchema.integer(size), "pixels, 1024 if absent"),
    .optional("height", ArgumentSchema.integer(size), "pixels, 1024 if absent"),
    .optional("steps", ArgumentSchema.integer(stepRange), "30 if absent"),
    .optional("cfgScale", ArgumentSchema.number(scale), "how closely to follow the prompt, 7 if absent"),
    .optional("seed", ArgumentSchema.integer(seeds), "the peer chooses if absent"),
    .optional("timeout", ArgumentSchema.integer(LLMCall.timeouts), "seconds, 120 if absent"),
  ])
}

/// An image and what is known of it.
struct GeneratedImage: Sendable {
  var bytes: [UInt8]
  var seed: Int64?

  /// By its first bytes; nil for what is no image that we know.
  static func format(of bytes: [UInt8]) -> (format: String, mimeType: String)? {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return ("png", "image/png") }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return ("jpeg", "image/jpeg") }
    if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      return ("webp", "image/webp")
    }
    return nil
  }
}

extension ImageRoute {
  func path(_ request: ImageRequest) -> String {
    switch shape {
    case .stability: "/v1/generation/\(URLTemplate.percentEncoded(model ?? request.model))/text-to-image"
    case .local: "/sdapi/v1/txt2img"
    }
  }

  func body(_ request: ImageRequest) -> JSON {
    var body: JSONObject = [
      "width": .integer(request.width), "height": .integer(request.height), "steps": .integer(request.steps),
    ]
    body["cfg_scale"] = JSON.number(request.cfgScale)
    body["seed"] = request.seed.map(JSON.integer)
    switch shape {
    case .stability:
      var prompts: [JSON] = [["text": .string(request.prompt), "weight": 1]]
      if let text = request.negativePrompt { prompts.append(["text": .string(text), "weight": -1]) }
      body["text_prompts"] = .array(prompts)
      body["samples"] = 1
    case .local:
      body["prompt"] = .string(request.prompt)
      body["negative_prompt"] = request.negativePrompt.map(JSON.string)
      body["batch_size"] = 1
      if let model { body["override_settings"] = ["sd_model_checkpoint": .string(model)] }
    }
    return .object(body)
  }

  func image(_ json: JSON) throws(HostCallError) -> GeneratedImage {
    let (text, seed): (String?, Int64?)
    switch shape {
    case .stability:
      let artifact = json["artifacts"]?.array?.first
      let reason = artifact?["finishReason"]?.string ?? "SUCCESS"
      guard reason == "SUCCESS" else {
        throw HostCallError(
          "upstream", "the vendor made no image: \(JSON.string(reason).summary)", details: ["type": .string(reason)])
      }
      (text, seed) = (artifact?["base64"]?.string, artifact?["seed"]?.integer)
    case .local:
      // `info` is JSON within a string.
      let info = json["info"]?.string.flatMap { try? JSON(parsing: $0, limits: .document(maxBytes: 1 << 20)) }
      (text, seed) = (json["images"]?.array?.first?.string, info?["seed"]?.integer)
    }
    guard let bytes = text.flatMap({ Base64.decode($0) }), !bytes.isEmpty else {
      throw VendorAnswer.malformed("no image in base64")
    }
    return GeneratedImage(bytes: bytes, seed: seed)
  }
}
