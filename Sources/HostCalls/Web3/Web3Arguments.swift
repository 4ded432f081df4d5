import CanonicalJSON
import Ethereum
import Governance

/// What the methods of `Protocol.Web3` read in common.
enum Web3Arguments {
  static let maxInterface = 256

  /// The route of `chain`.
  static func route(
    _ reader: inout ObjectReader, _ settings: CommunitySettings
  ) throws(FieldError) -> Result<ChainRoute, HostCallError> {
    let id = try reader.integer("chain", in: ChainRoute.idRange)
    guard let route = settings.chains.first(where: { $0.id == id }) else {
      return .failure(HostCallError("no_route", "the community's settings have no chain \(id)"))
    }
    return .success(route)
  }

  /// `function`, and `arguments` where it is given. The function is a signature, an entry of a contract's JSON interface, or
  /// the name of one in `abi`.
  static func call(_ reader: inout ObjectReader) throws(FieldError) -> Web3SendParams.Call? {
    let interface = try reader.optionalArray("abi", maxCount: maxInterface)
    guard let json = reader.optionalJSON("function") else { return nil }
    let function: FunctionSignature
    if let text = json.string {
      if let interface, !text.contains("(") {
        let entries = interface.filter { $0["name"]?.string == text && $0["type"] == "function" }
        guard entries.count == 1 else {
          throw FieldError(
            field: reader.pathOf("function"), expected: "the name of one function in abi, or a signature",
            actual: "\(entries.count) of them")
        }
        function = try FunctionSignature(json: entries[0], path: reader.pathOf("abi"))
      } else {
        do {
          function = try FunctionSignature(text)
        } catch {
          throw FieldError(
            field: reader.pathOf("function"), expected: "a signature as transfer(address,uint256): \(error)",
            actual: json.summary)
        }
      }
    } else {
      function = try FunctionSignature(json: json, path: reader.pathOf("function"))
    }
    let arguments = reader.optionalJSON("arguments") ?? []
    return Web3SendParams.Call(
      function: function,
      arguments: try ABIValue.tuple(arguments, function.inputs, path: reader.pathOf("arguments")))
  }

  /// The data of a call.
  static func data(of call: Web3SendParams.Call, path: String) throws(FieldError) -> [UInt8] {
    do {
      return try call.function.call(call.arguments)
    } catch {
      throw FieldError(field: path, expected: "arguments of \(call.function.canonical)", actual: "\(error)")
    }
  }

  /// `block`: a number or a word; `latest` where it is absent.
  static func block(_ reader: inout ObjectReader, _ name: String = "block") throws(FieldError) -> JSON {
    guard let json = reader.optionalJSON(name) else { return "latest" }
    if let number = json.integer, number >= 0 { return .string(UInt256(UInt64(number)).quantity) }
    guard let word = json.string, blockWords.contains(word) else {
      throw FieldError(
        field: reader.pathOf(name), expected: "a number, or one of \(blockWords.sorted())", actual: json.summary)
    }
    return json
  }

  static let blockWords: Set<String> = ["latest", "earliest", "pending", "safe", "finalized"]

  /// 32 bytes as `0x` and 64 digits.
  static func hash(_ json: JSON, path: String) throws(FieldError) -> JSON {
    guard let bytes = json.string.flatMap(HexText.decode), bytes.count == 32 else {
      throw FieldError(field: path, expected: "0x and 64 hexadecimal digits", actual: json.summary)
    }
    return .string(HexText.encode(bytes))
  }
}
