import CanonicalJSON
import Cryptography

/// `POST /v1/embeddings`: texts or tokens in, vectors out, as numbers or as base64 of little-endian 32-bit floats.
struct EmbeddingsRequest: Sendable {
  /// How vectors are written.
  enum Encoding: String, Sendable {
    case float, base64
  }

  var model: String
  var input: JSON
  /// How many vectors there will be.
  var count: Int
  var encoding: Encoding

  init(_ json: JSON, limits: InferenceLimits) throws {
    var fields = try RequestFields(json)
    model = try fields.model()
    guard let input = fields.take("input") else {
      throw FieldError(field: "input", expected: "a string, strings or tokens", actual: "nothing")
    }
    self.input = input
    count = try Self.count(input, most: limits.embeddingInputs)
    let name = try fields.text("encoding_format", maxBytes: 16) ?? "float"
    guard let encoding = Encoding(rawValue: name) else {
      throw fields.wrong("encoding_format", "float or base64", .string(name))
    }
    self.encoding = encoding
    try fields.refuse("dimensions", "a vector has the length that its model gives it")
    fields.ignore("user")
    try fields.finish()
  }

  private static func count(_ input: JSON, most: Int) throws -> Int {
    if let text = input.string {
      guard !text.isEmpty else { throw FieldError(field: "input", expected: "a text", actual: "an empty one") }
      return 1
    }
    guard let array = input.array, !array.isEmpty else {
      throw FieldError(field: "input", expected: "a string, strings or tokens", actual: input.summary)
    }
    if array.allSatisfy({ ($0.integer ?? -1) >= 0 }) { return 1 }
    guard array.count <= most else {
      throw FieldError(field: "input", expected: "at most \(most) inputs", actual: "\(array.count)")
    }
    for (index, element) in array.enumerated() {
      let isText = element.string.map { !$0.isEmpty } ?? false
      let isTokens = element.array.map { !$0.isEmpty && $0.allSatisfy { ($0.integer ?? -1) >= 0 } } ?? false
      guard isText || isTokens else {
        throw FieldError(field: "input[\(index)]", expected: "a text or tokens", actual: element.summary)
      }
    }
    return array.count
  }

  /// What a runner is sent.
  func body(servedName: JSON) -> JSON {
    ["model": servedName, "input": input, "encoding_format": .string(encoding.rawValue)]
  }

  /// The answer, from that of a runner, which may write vectors either way.
  func answer(_ json: JSON) throws(InferenceFault) -> (answer: JSON, counts: TokenCounts) {
    guard let data = json["data"]?.array, data.count == count else {
      throw .runnerFailed("it did not return \(count) vectors")
    }
    var vectors = [JSON?](repeating: nil, count: count)
    for entry in data {
      // llama.cpp and others number the vectors; who does not returns one.
      let index = entry["index"]?.integer ?? 0
      guard let place = Int(exactly: index), vectors.indices.contains(place), vectors[place] == nil else {
        throw .runnerFailed("its vectors are numbered wrongly")
      }
      vectors[place] = [
        "object": "embedding", "index": .integer(index), "embedding": try vector(entry["embedding"]),
      ]
    }
    let prompt = TokenCounts(json)?.prompt ?? 0
    let answer: JSON = [
      "object": "list", "model": .string(model), "data": .array(vectors.compactMap { $0 }),
      "usage": ["prompt_tokens": .integer(prompt), "total_tokens": .integer(prompt)],
    ]
    return (answer, TokenCounts(prompt: prompt, cached: 0, completion: 0))
  }

  private func vector(_ json: JSON?) throws(InferenceFault) -> JSON {
    switch (json, encoding) {
    case (.string(let text)?, .base64):
      guard Self.floats(text) != nil else { throw .runnerFailed("a vector is not base64 of floats") }
      return .string(text)
    case (.string(let text)?, .float):
      guard let floats = Self.floats(text) else { throw .runnerFailed("a vector is not base64 of floats") }
      return .array(floats.map { JSON.number(Double($0)) ?? .null })
    case (.array(let numbers)?, .float):
      guard !numbers.isEmpty, numbers.allSatisfy({ $0.number != nil }) else {
        throw .runnerFailed("a vector is not of numbers")
      }
      return .array(numbers)
    case (.array(let numbers)?, .base64):
      var bytes: [UInt8] = []
      bytes.reserveCapacity(numbers.count * 4)
      for number in numbers {
        guard let value = number.number else { throw .runnerFailed("a vector is not of numbers") }
        withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
      }
      guard !bytes.isEmpty else { throw .runnerFailed("a vector is empty") }
      return .string(Base64.encode(bytes))
    default: throw .runnerFailed("a vector is missing")
    }
  }

  /// Finite floats from base64, or nil.
  private static func floats(_ text: String) -> [Float]? {
    guard let bytes = Base64.decode(text), !bytes.isEmpty, bytes.count % 4 == 0 else { return nil }
    var floats: [Float] = []
    floats.reserveCapacity(bytes.count / 4)
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let pattern = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
      let value = Float(bitPattern: pattern)
      guard value.isFinite else { return nil }
      floats.append(value)
    }
    return floats
  }
}
