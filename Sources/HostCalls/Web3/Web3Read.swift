import CanonicalJSON
import Ethereum
import Governance

/// The kinds of `Web3.read`: which JSON-RPC method asks, and what the answer is to the tool.
enum Web3Read {
  /// One question, ready to be asked.
  struct Question: Sendable {
    var method: String
    var params: [JSON]
    /// The value of the dimension `contracts`.
    var contract: String = noContract
    var answer: @Sendable (JSON) throws -> JSON
  }

  static let noContract = "none"
  static let kinds = ["balance", "block", "call", "code", "gasPrice", "logs", "nonce", "receipt", "transaction"]
  /// Blocks that one look for logs may span.
  static let maxLogBlocks: Int64 = 10_000

  /// Reads what belongs to a kind of question.
  static func question(_ kind: String, _ reader: inout ObjectReader) throws(FieldError) -> Question {
    switch kind {
    case "call": return try call(&reader)
    case "balance":
      let address = try reader.address("address")
      return Question(
        method: "eth_getBalance", params: [.string(address.lowercased), try Web3Arguments.block(&reader)]
      ) {
        ["wei": .string(try Web3Answers.quantity($0, "balance").description)]
      }
    case "nonce":
      let address = try reader.address("address")
      return Question(
        method: "eth_getTransactionCount", params: [.string(address.lowercased), try Web3Arguments.block(&reader)]
      ) { ["nonce": .integer(try Web3Answers.integer($0, "nonce"))] }
    case "code":
      let contract = try reader.address("contract").lowercased
      return Question(
        method: "eth_getCode", params: [.string(contract), try Web3Arguments.block(&reader)], contract: contract
      ) { ["code": try Web3Answers.hex($0, "code")] }
    case "block":
      return Question(method: "eth_getBlockByNumber", params: [try Web3Arguments.block(&reader), false]) {
        ["block": try Web3Answers.block($0)]
      }
    case "transaction":
      return Question(
        method: "eth_getTransactionByHash",
        params: [try Web3Arguments.hash(try reader.json("hash"), path: reader.pathOf("hash"))]
      ) { ["transaction": try Web3Answers.transaction($0)] }
    case "receipt":
      return Question(
        method: "eth_getTransactionReceipt",
        params: [try Web3Arguments.hash(try reader.json("hash"), path: reader.pathOf("hash"))]
      ) { ["receipt": try Web3Answers.receipt($0)] }
    case "gasPrice":
      return Question(method: "eth_gasPrice", params: []) {
        ["wei": .string(try Web3Answers.quantity($0, "gasPrice").description)]
      }
    case "logs": return try logs(&reader)
    default:
      throw FieldError(
        field: reader.pathOf("method"), expected: "one of \(kinds)", actual: JSON.string(kind).summary)
    }
  }

  private static func call(_ reader: inout ObjectReader) throws(FieldError) -> Question {
    let contract = try reader.address("contract").lowercased
    guard let call = try Web3Arguments.call(&reader) else {
      throw FieldError(field: reader.pathOf("function"), expected: "a function's signature", actual: "nothing")
    }
    let data = try Web3Arguments.data(of: call, path: reader.pathOf("arguments"))
    var message: JSONObject = ["to": .string(contract), "data": .string(HexText.encode(data))]
    if let from = try reader.optionalAddress("from") { message["from"] = .string(from.lowercased) }
    let outputs = call.function.outputs
    return Question(
      method: "eth_call", params: [.object(message), try Web3Arguments.block(&reader)], contract: contract
    ) { json in
      let data = try Web3Answers.data(json, "data")
      var object: JSONObject = ["data": .string(HexText.encode(data))]
      if !outputs.isEmpty {
        do {
          object["values"] = .array(try ABIDecoder.decode(data, as: outputs).map(\.json))
        } catch {
          throw Web3Answers.Fault(what: "the returned values: \(error)")
        }
      }
      return .object(object)
    }
  }

  private static func logs(_ reader: inout ObjectReader) throws(FieldError) -> Question {
    var filter: JSONObject = [:]
    var contract = noContract
    if let address = try reader.optionalAddress("contract") {
      contract = address.lowercased
      filter["address"] = .string(contract)
    }
    var topics: [JSON] = []
    for (index, topic) in (try reader.optionalArray("topics", maxCount: 4) ?? []).enumerated() {
      let path = "\(reader.pathOf("topics"))[\(index)]"
      topics.append(topic.isNull ? .null : try Web3Arguments.hash(topic, path: path))
    }
    if !topics.isEmpty { filter["topics"] = .array(topics) }
    let first = try reader.integer("from", in: 0...JSON.maxSafeInteger)
    let last = try reader.integer("to", in: first...JSON.maxSafeInteger)
    guard last - first < maxLogBlocks else {
      throw FieldError(
        field: reader.pathOf("to"), expected: "at most \(maxLogBlocks) blocks", actual: "\(last - first + 1)")
    }
    filter["fromBlock"] = .string(UInt256(UInt64(first)).quantity)
    filter["toBlock"] = .string(UInt256(UInt64(last)).quantity)
    return Question(method: "eth_getLogs", params: [.object(filter)], contract: contract) {
      ["logs": .array(try Web3Answers.logs($0))]
    }
  }

  /// Arguments of `Web3.read`.
  static let schema = ArgumentSchema.object([
    .required("chain", ArgumentSchema.integer(ChainRoute.idRange), "the chain's id"),
    .required("method", ArgumentSchema.choice(kinds), "what to look at"),
    .optional("contract", Web3Call.addressSchema, "of call, code and logs"),
    .optional("function", Web3Call.functionSchema, "of call: a signature with what it returns, or its JSON interface"),
    .optional("abi", ArgumentSchema.array(ArgumentSchema.anyObject, maxCount: Web3Arguments.maxInterface), "of call"),
    .optional("arguments", ArgumentSchema.any, "of call: an array, or an object by the parameters' names"),
    .optional("address", Web3Call.addressSchema, "of balance and nonce"),
    .optional("from", ArgumentSchema.any, "of call: the caller's address; of logs: the first block"),
    .optional("to", ArgumentSchema.any, "of logs: the last block"),
    .optional("topics", ArgumentSchema.array(ArgumentSchema.any, maxCount: 4), "of logs: 32 bytes each, or null"),
    .optional("hash", ArgumentSchema.string(maxBytes: 66), "of receipt and transaction"),
    .optional("block", ArgumentSchema.any, "a number, or latest, earliest, pending, safe, finalized"),
  ])
}
