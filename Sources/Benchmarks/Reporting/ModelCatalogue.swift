extension Catalogue {
  /// Models: how they come here.
  static let models: [Group] = [
    Group(
      "model download + verify, 4 files", unit: "MB", goal: .init(text: "0.9x curl | sha256sum", ratio: 0.9),
      ("acquire-4/safebox", "Safebox, durable, installed"), ("acquire-4/curl", "curl | sha256sum, 4 at once"),
      ("acquire-4/openssl", "curl | openssl dgst, 4 at once"), ("acquire-4/hub", "huggingface_hub, no hash")),
    Group(
      "model download + verify, 1 file", unit: "MB", goal: .init(text: "0.9x curl | sha256sum", ratio: 0.9),
      ("acquire-1/safebox", "Safebox, durable, installed"), ("acquire-1/curl", "curl | sha256sum"),
      ("acquire-1/openssl", "curl | openssl dgst"), ("acquire-1/hub", "huggingface_hub, no hash")),
  ]
}
