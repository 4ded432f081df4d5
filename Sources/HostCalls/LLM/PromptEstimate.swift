import CanonicalJSON

/// How many tokens a prompt could have, before anybody has counted them: what a budget must have left.
///
/// A token for every 2 bytes of the texts and schemas, 16 for each message and 5000 for an image. Tokens of the usual
/// vocabularies have 3 to 4 bytes in Latin scripts and about 3 in others; base64 and numbers come nearest to 2.
enum PromptEstimate {
  static func tokens(_ request: ChatRequest) -> Int64 {
    var bytes = request.system.reduce(0) { $0 + $1.utf8.count }
    var tokens: Int64 = 0
    for message in request.messages {
      tokens += 16
      for part in message.parts {
        switch part {
        case .text(let text): bytes += text.utf8.count
        case .image: tokens += 5000
        }
      }
      for call in message.toolCalls { bytes += call.name.utf8.count + call.arguments.canonicalBytes().count }
    }
    for tool in request.tools {
      tokens += 16
      bytes += tool.name.utf8.count + (tool.description?.utf8.count ?? 0) + tool.parameters.canonicalBytes().count
    }
    return tokens + self.tokens(bytes: bytes)
  }

  static func tokens(bytes: Int) -> Int64 { Int64((bytes + 1) / 2) }

  /// The prompt at the dearest price of input, the answer at its full length.
  static func reserve(prompt: Int64, output: Int64, prices: ModelPrices) -> Usage {
    var prompted = ModelUsage()
    prompted.input = prompt
    prompted.output = output
    var dearest = prices
    dearest.input = prices.dearestInput
    return prompted.charged(at: dearest)
  }
}
