import CanonicalJSON
import Ethereum
import Governance

/// The params of `web3.send`: what approvers see and policies check (docs/host-calls-web3.md).
///
/// Every number and text in them follows from the others where it can: ``json`` writes them, and reading them refuses params
/// that say one thing in words and another in bytes.
struct Web3SendParams: Sendable, Hashable {
  static let maxDataBytes = 96 << 10
  /// Of the arguments' canonical JSON: they stand in an entry.
  static let maxArgumentBytes = 8192
  static let gasRange: ClosedRange<Int64> = 21_000...100_000_000

  /// A call as the approver reads it.
  struct Call: Sendable, Hashable {
    var function: FunctionSignature
    var arguments: [ABIValue]
  }

  var community: String
  var chain: Int64
  var account: String
  var from: EthereumAddress
  /// nil creates a contract.
  var to: EthereumAddress?
  var value: UInt256
  var call: Call?
  /// nil while it is committed to and not opened; then nothing can be said of it.
  var data: [UInt8]?
  var isLegacy: Bool
  var gas: UInt64?
  /// Prices of a unit that the proposer pins, in wei.
  var fees: Transaction.Fees?
  /// The most that gas may cost in all, in wei.
  var maxFee: UInt256

  /// Gwei rounded up; nil above 2^53-1, which is 9,007,199 whole coins.
  static func gwei(_ wei: UInt256) -> Int64? {
    guard let (quotient, remainder) = wei.divided(by: 1_000_000_000), let whole = quotient.uint64,
      whole < UInt64(JSON.maxSafeInteger)
    else { return nil }
    return Int64(whole) + (remainder == 0 ? 0 : 1)
  }

  /// `1.5` for 1500000000000000000 wei, exactly.
  static func coins(_ wei: UInt256) -> String {
    let digits = wei.description
    let padded = String(repeating: "0", count: max(0, 19 - digits.utf8.count)) + digits
    var fraction = padded.suffix(18)
    while fraction.last == "0" { fraction = fraction.dropLast() }
    return String(padded.dropLast(18)) + (fraction.isEmpty ? "" : ".\(fraction)")
  }

  /// The action in one sentence. Names that only the proposer vouches for, as the account's, are not in it.
  var summary: String {
    var parts: [String] = []
    if let to {
      if value != .zero || call == nil && data == [] {
        parts.append("send \(Self.coins(value)) coins (\(value) wei) to \(to)")
      }
      if let call { parts.append("call \(call.function.canonical) of \(to)") }
      if call == nil, data != [] { parts.append("call \(to) with data that nobody has decoded") }
    } else {
      parts.append("create a contract")
      if value != .zero { parts.append("give it \(Self.coins(value)) coins (\(value) wei)") }
    }
    return "On chain \(chain), from \(from): \(parts.joined(separator: " and ")); "
      + "gas may cost at most \(Self.coins(maxFee)) coins (\(maxFee) wei)."
  }

  var json: JSONObject {
    var object: JSONObject = [
      "community": .string(community), "chain": .integer(chain), "account": .string(account),
      "from": .string(from.checksummed), "to": .string(to?.checksummed ?? Self.creation),
      "value": .string(value.description), "maxFee": .string(maxFee.description), "nonce": .string(Self.nextNonce),
      "type": .string(isLegacy ? Self.legacy : Self.market), "summary": .string(summary),
    ]
    object["valueGwei"] = Self.gwei(value).map(JSON.integer)
    object["maxFeeGwei"] = Self.gwei(maxFee).map(JSON.integer)
    if let call {
      object["function"] = .string(call.function.canonical)
      object["selector"] = .string(HexText.encode(call.function.selector))
      object["arguments"] = .array(call.arguments.map(\.json))
    }
    if let data, !data.isEmpty { object["data"] = .string(HexText.encode(data)) }
    object["gas"] = gas.map { .integer(Int64($0)) }
    switch fees {
    case .legacy(let price): object["gasPrice"] = .string(price.description)
    case .market(let maxFee, let maxPriorityFee):
      object["maxFeePerGas"] = .string(maxFee.description)
      object["maxPriorityFeePerGas"] = .string(maxPriorityFee.description)
    case nil: break
    }
    return object
  }

  static let creation = "create"
  static let nextNonce = "next"
  static let legacy = "legacy"
  static let market = "eip1559"
}

extension Web3SendParams {
  /// Reads params: as they were proposed, with `data` committed, or as they were opened.
  init(json: JSON, path: String = "action.params") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    community = try reader.checkedName("community")
    chain = try reader.integer("chain", in: ChainRoute.idRange)
    account = try reader.checkedName("account")
    from = try reader.address("from")
    to = try Self.destination(&reader)
    value = try reader.wei("value")
    maxFee = try reader.wei("maxFee")
    guard try reader.string("nonce", maxBytes: 16) == Self.nextNonce else {
      throw FieldError(field: reader.pathOf("nonce"), expected: Self.nextNonce, actual: "another text")
    }
    let type = try reader.string("type", maxBytes: 16)
    guard [Self.legacy, Self.market].contains(type) else {
      throw FieldError(
        field: reader.pathOf("type"), expected: "\(Self.market) or \(Self.legacy)", actual: JSON.string(type).summary)
    }
    isLegacy = type == Self.legacy
    let committed = reader.optionalJSON("data").flatMap(Commitment.init(json:))
    data = committed == nil ? try reader.optionalData("data", maxBytes: Self.maxDataBytes) ?? [] : nil
    call = try Self.call(&reader)
    gas = try reader.optionalInteger("gas", in: Self.gasRange).map(UInt64.init)
    fees = try Web3SendParams.fees(&reader, isLegacy: isLegacy)
    // Asked for, so that they are not unknown; ``json`` says what they must be.
    for name in ["valueGwei", "maxFeeGwei", "summary", "selector"] { _ = reader.optionalJSON(name) }
    try reader.finish()
    try check(against: json, path: path, isCommitted: committed != nil)
  }

  private static func destination(_ reader: inout ObjectReader) throws(FieldError) -> EthereumAddress? {
    guard try reader.string("to", maxBytes: 64) != creation else { return nil }
    return try reader.address("to")
  }

  private static func call(_ reader: inout ObjectReader) throws(FieldError) -> Call? {
    guard let text = try reader.optionalString("function", maxBytes: FunctionSignature.maxBytes) else { return nil }
    let function: FunctionSignature
    do {
      function = try FunctionSignature(text)
    } catch {
      throw FieldError(field: reader.pathOf("function"), expected: "a signature: \(error)", actual: "another text")
    }
    let arguments = try reader.json("arguments")
    return Call(
      function: function,
      arguments: try ABIValue.tuple(arguments, function.inputs, path: reader.pathOf("arguments")))
  }

  static func fees(_ reader: inout ObjectReader, isLegacy: Bool) throws(FieldError) -> Transaction.Fees? {
    if isLegacy { return try reader.optionalWei("gasPrice").map { .legacy(gasPrice: $0) } }
    guard let most = try reader.optionalWei("maxFeePerGas") else { return nil }
    let priority = try reader.wei("maxPriorityFeePerGas")
    guard priority <= most else {
      throw FieldError(
        field: reader.pathOf("maxPriorityFeePerGas"), expected: "at most maxFeePerGas", actual: "\(priority)")
    }
    return .market(maxFee: most, maxPriorityFee: priority)
  }

  /// What must follow from each other does.
  private func check(against json: JSON, path: String, isCommitted: Bool) throws(FieldError) {
    guard Self.gwei(value) != nil, Self.gwei(maxFee) != nil else {
      throw FieldError(
        field: "\(path).value", expected: "at most \(JSON.maxSafeInteger) gwei, and so maxFee", actual: "more")
    }
    if let call {
      guard JSON.array(call.arguments.map(\.json)).canonicalBytes().count <= Self.maxArgumentBytes else {
        throw FieldError(
          field: "\(path).arguments", expected: "at most \(Self.maxArgumentBytes) bytes; longer ones as data alone",
          actual: "more")
      }
      guard to != nil else {
        throw FieldError(field: "\(path).function", expected: "none where a contract is created", actual: "one")
      }
      if let data { try check(data: data, of: call, path: path) }
    } else if to == nil, data == [] {
      throw FieldError(field: "\(path).data", expected: "the contract to create", actual: "nothing")
    }
    if let gas, let fees {
      guard let cost = fees.ceiling.multiplied(by: UInt256(gas)), cost <= maxFee else {
        throw FieldError(
          field: "\(path).maxFee", expected: "at least what the pinned gas and price come to", actual: "\(maxFee)")
      }
    }
    for (name, expected) in self.json where name != "data" {
      guard json[name] == expected else {
        throw FieldError(
          field: "\(path).\(name)", expected: expected.string ?? expected.canonicalString(),
          actual: json[name]?.summary ?? "nothing")
      }
    }
    // What is not written is not to be read either: a selector without a function, say.
    if let other = json.object?.keys.first(where: { self.json[$0] == nil && !($0 == "data" && isCommitted) }) {
      throw FieldError(field: "\(path).\(other)", expected: "no such field here", actual: json[other]?.summary ?? "")
    }
  }

  private func check(data: [UInt8], of call: Call, path: String) throws(FieldError) {
    do throws(EthereumError) {
      let encoded = try call.function.call(call.arguments)
      guard encoded == data else { throw EthereumError("data", "another call than function and arguments say") }
    } catch {
      throw FieldError(
        field: "\(path).data", expected: "the encoding of function and arguments", actual: error.reason)
    }
  }
}
