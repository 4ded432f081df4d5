import CanonicalJSON
import Cryptography
import Testing

@testable import HostCalls

/// Images behind peers that answer in the recorded shapes.
@Suite(.timeLimit(.minutes(5)))
struct DiffusionTests {
  private static func png(_ count: Int) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + [UInt8](repeating: 5, count: count)
  }

  private static func settings(_ peer: ScriptedPeer, _ shape: String) -> JSON {
    [
      "images": [
        [
          "name": "sd*", "shape": .string(shape), "url": .string(peer.url), "secret": "images",
          "model": "engine-1", "price": 20_000,
        ]
      ]
    ]
  }

  private static func box(_ peer: ScriptedPeer) throws -> CallBox {
    let box = try CallBox()
    try box.put("images", "canary-image-key", hosts: ["http://\(peer.address)"])
    return box
  }

  private static let arguments: JSON = [
    "model": "sd-xl", "prompt": "a box", "negativePrompt": "people", "width": 512, "height": 768, "steps": 20,
    "cfgScale": .double(6.5), "seed": 42,
  ]

  @Test func stabilityIsAskedAndReadAsDocumented() async throws {
    let image = Base64.encode(Self.png(10))
    let peer = try ScriptedPeer { _ in
      ScriptedPeer.answer(#"{"artifacts":[{"base64":"\#(image)","finishReason":"SUCCESS","seed":42}]}"#)
    }
    let box = try Self.box(peer)
    let outcome = try await box.look("Diffusion.generate", Self.arguments, Self.settings(peer, "stability"))
    #expect(
      outcome.value == ["format": "png", "mimeType": "image/png", "seed": 42, "base64": .string(image)])
    #expect(outcome.usage.microUSD == 20_000 && outcome.secrets == ["images@1"])
    let request = try #require(peer.requests.first)
    #expect(request.target == "/v1/generation/engine-1/text-to-image")
    #expect(request.header("Authorization") == "Bearer canary-image-key")
    #expect(
      request.text == #"{"cfg_scale":6.5,"height":768,"samples":1,"seed":42,"steps":20,"text_prompts":"#
        + #"[{"text":"a box","weight":1},{"text":"people","weight":-1}],"width":512}"#)
  }

  @Test func aLargeImageOfARunnerBecomesAnItem() async throws {
    let bytes = Self.png(1_000_000)
    let image = Base64.encode(bytes)
    let peer = try ScriptedPeer { _ in
      ScriptedPeer.answer(#"{"images":["\#(image)"],"parameters":{},"info":"{\"seed\": 7}"}"#)
    }
    let box = try Self.box(peer)
    for _ in 0..<2 {
      // Made again after a crash, it is the same item.
      let outcome = try await box.look("Diffusion.generate", Self.arguments, Self.settings(peer, "local"))
      let file = try #require(outcome.value?["file"])
      #expect(outcome.value?["base64"] == nil && outcome.value?["seed"] == 7)
      #expect(file["stream"] == "diffusion" && file["item"] == 0)
      #expect(file["digest"] == .string(SHA256.hash(bytes).hex) && file["bytes"] == .integer(Int64(bytes.count)))
    }
    #expect(try box.services.files.read("diffusion", community: "acme").content == bytes)
    let request = try #require(peer.requests.first)
    #expect(request.target == "/sdapi/v1/txt2img")
    #expect(
      request.text == #"{"batch_size":1,"cfg_scale":6.5,"height":768,"negative_prompt":"people","override_settings":"#
        + #"{"sd_model_checkpoint":"engine-1"},"prompt":"a box","seed":42,"steps":20,"width":512}"#)
  }

  @Test func whatIsNoImageIsAnError() async throws {
    for (shape, body, status, code) in [
      ("stability", #"{"artifacts":[{"base64":"","finishReason":"CONTENT_FILTERED","seed":1}]}"#, 200, "upstream"),
      ("stability", #"{"artifacts":[]}"#, 200, "upstream"), ("local", #"{"images":["AAAA"]}"#, 200, "upstream"),
      ("local", #"{"images":["?"]}"#, 200, "upstream"),
      ("stability", #"{"id":"1","name":"bad_request","message":"no canary-image-key"}"#, 400, "upstream"),
      ("stability", #"{"name":"rate_limit","errors":["slow"]}"#, 429, "rate_limited"),
    ] {
      let peer = try ScriptedPeer { _ in ScriptedPeer.answer(body, status: status) }
      let outcome = try await Self.box(peer).look("Diffusion.generate", Self.arguments, Self.settings(peer, shape))
      #expect(outcome.error?.code == code, "\(body)")
      #expect(outcome.error?.message.contains("canary") == false)
      #expect(outcome.usage.microUSD == (status == 200 ? 20_000 : 0))
    }
  }

  @Test func routesAndArgumentsAreChecked() throws {
    let box = try CallBox()
    #expect(try box.refusal("Diffusion.generate", Self.arguments)?.code == "no_route")
    for (name, value) in [
      ("width", 10), ("steps", 0), ("cfgScale", 100), ("seed", -1), ("prompt", 1), ("more", 1),
    ] as [(String, JSON)] {
      var arguments = Self.arguments.object ?? [:]
      arguments[name] = value
      let refusal = try box.refusal("Diffusion.generate", .object(arguments))
      #expect(refusal?.message.hasPrefix("arguments.\(name): ") == true)
    }
  }
}
