import CanonicalJSON
import Ethereum

/// What a node answers, read strictly and written as tools see it: amounts as decimal text, numbers that fit as integers.
enum Web3Answers {
  struct Fault: Error, Sendable {
    var what: String
  }

  static func quantity(_ json: JSON?, _ what: String) throws(Fault) -> UInt256 {
    guard let text = json?.string, text.hasPrefix("0x"), let value = UInt256(text) else { throw Fault(what: what) }
    return value
  }

  /// A quantity that JSON keeps exactly.
  static func integer(_ json: JSON?, _ what: String) throws(Fault) -> Int64 {
    guard let value = try quantity(json, what).uint64, value <= UInt64(JSON.maxSafeInteger) else {
      throw Fault(what: what)
    }
    return Int64(value)
  }

  static func data(_ json: JSON?, _ what: String, count: Int? = nil) throws(Fault) -> [UInt8] {
    guard let bytes = json?.string.flatMap(HexText.decode), count == nil || bytes.count == count else {
      throw Fault(what: what)
    }
    return bytes
  }

  static func hex(_ json: JSON?, _ what: String, count: Int? = nil) throws(Fault) -> JSON {
    .string(HexText.encode(try data(json, what, count: count)))
  }

  /// null where there is none.
  static func address(_ json: JSON?, _ what: String) throws(Fault) -> JSON {
    guard let json, !json.isNull else { return .null }
    let bytes = try data(json, what, count: 20)
    guard let address = try? EthereumAddress(bytes: bytes) else { throw Fault(what: what) }
    return .string(address.checksummed)
  }

  static func block(_ json: JSON) throws(Fault) -> JSON {
    if json.isNull { return .null }
    var object: JSONObject = [
      "number": .integer(try integer(json["number"], "number")), "hash": try hex(json["hash"], "hash", count: 32),
      "parent": try hex(json["parentHash"], "parentHash", count: 32),
      "timestamp": .integer(try integer(json["timestamp"], "timestamp")),
      "gasUsed": .integer(try integer(json["gasUsed"], "gasUsed")),
      "gasLimit": .integer(try integer(json["gasLimit"], "gasLimit")),
    ]
    if let fee = json["baseFeePerGas"], !fee.isNull {
      object["baseFee"] = .string(try quantity(fee, "baseFeePerGas").description)
    }
    var hashes: [JSON] = []
    for hash in json["transactions"]?.array ?? [] { hashes.append(try hex(hash, "transactions", count: 32)) }
    object["transactions"] = .array(hashes)
    return .object(object)
  }

  static func transaction(_ json: JSON) throws(Fault) -> JSON {
    if json.isNull { return .null }
    var object: JSONObject = [
      "hash": try hex(json["hash"], "hash", count: 32), "from": try address(json["from"], "from"),
      "to": try address(json["to"], "to"), "value": .string(try quantity(json["value"], "value").description),
      "nonce": .integer(try integer(json["nonce"], "nonce")), "gas": .integer(try integer(json["gas"], "gas")),
      "data": try hex(json["input"] ?? json["data"], "input"), "block": .null,
    ]
    if let block = json["blockNumber"], !block.isNull { object["block"] = .integer(try integer(block, "blockNumber")) }
    return .object(object)
  }

  static func receipt(_ json: JSON) throws(Fault) -> JSON {
    if json.isNull { return .null }
    let receipt = try Receipt(json)
    return .object(receipt.json)
  }

  static func logs(_ json: JSON?) throws(Fault) -> [JSON] {
    guard let array = json?.array else { throw Fault(what: "logs") }
    var logs: [JSON] = []
    for log in array {
      var topics: [JSON] = []
      for topic in log["topics"]?.array ?? [] { topics.append(try hex(topic, "topics", count: 32)) }
      var object: JSONObject = [
        "address": try address(log["address"], "address"), "topics": .array(topics),
        "data": try hex(log["data"], "data"), "block": .null, "hash": .null, "index": .null,
      ]
      if let block = log["blockNumber"], !block.isNull { object["block"] = .integer(try integer(block, "blockNumber")) }
      if let hash = log["transactionHash"], !hash.isNull {
        object["hash"] = try hex(hash, "transactionHash", count: 32)
      }
      if let index = log["logIndex"], !index.isNull { object["index"] = .integer(try integer(index, "logIndex")) }
      logs.append(.object(object))
    }
    return logs
  }

  /// What became of a transaction that is in a block.
  struct Receipt: Sendable {
    var hash: [UInt8]
    var block: Int64
    var isSuccess: Bool
    var gasUsed: Int64
    var json: JSONObject

    init(_ json: JSON) throws(Fault) {
      hash = try data(json["transactionHash"], "transactionHash", count: 32)
      block = try integer(json["blockNumber"], "blockNumber")
      let status = try integer(json["status"], "status")
      guard status <= 1 else { throw Fault(what: "status") }
      isSuccess = status == 1
      gasUsed = try integer(json["gasUsed"], "gasUsed")
      var object: JSONObject = [
        "hash": .string(HexText.encode(hash)), "block": .integer(block), "status": .integer(status),
        "gasUsed": .integer(gasUsed), "from": try address(json["from"], "from"), "to": try address(json["to"], "to"),
        "contract": try address(json["contractAddress"], "contractAddress"), "logs": .array(try logs(json["logs"])),
      ]
      if let price = json["effectiveGasPrice"], !price.isNull {
        object["gasPrice"] = .string(try quantity(price, "effectiveGasPrice").description)
      }
      self.json = object
    }
  }
}
