extension Catalogue {
  /// What the gateway to the models costs.
  static let inference: [Group] =
    [
      ("inference-embeddings", "embeddings of a short text"), ("inference-chat", "a chat of one token"),
      ("inference-first-token", "the first token of a stream"),
    ].flatMap { id, title in
      [
        Group(
          "\(title), beside llama.cpp directly", unit: "requests", kind: .latency,
          ("\(id)/safebox", "Safebox, through the gateway"), ("\(id)/direct", "llama.cpp, directly")),
        Group(
          "\(title): what the gateway adds", unit: "requests", kind: .latency,
          goal: .init(text: "p50 < 1 ms", p50: 1000), ("\(id)-added/safebox", "Safebox")),
      ]
    }
}
